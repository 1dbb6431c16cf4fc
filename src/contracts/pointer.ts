/** JSON pointers, RFC 6901. */

/** `/lines/0/a~1b` -> ['lines', '0', 'a/b']; undefined when it is not a pointer. */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** ['lines', 0, 'a/b'] -> `/lines/0/a~1b`. */
export function formatPointer(segments: readonly (string | number)[]): string {
  return segments.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The segments of a URI fragment that is a pointer (`#/$defs/a%20b`), RFC 6901 section 6; undefined for any other reference. */
export function parseFragment(ref: string): readonly string[] | undefined {
  if (!ref.startsWith('#')) return undefined;
  try {
    return parsePointer(decodeURIComponent(ref.slice(1)));
  } catch {
    return undefined;
  }
}
