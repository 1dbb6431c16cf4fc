/**
 * The advice for a line whose value YAML does not read as the text it looks like: the same line with quotes.
 * `when: !has(x)` -> `write when: "!has(x)"`; undefined when there is no such value on the line.
 */
export function quotedValue(line: string): string | undefined {
  const quoted = quoteAfterKey(line.trim().replace(/^(?:- +)+(?=\S)/, ''));
  return quoted === undefined ? undefined : `write ${quoted}`;
}

const KEY = /^((?:[\w$.@/-]+|"[^"]*"|'[^']*') *: +)(\S.*)$/;

/** `${NAME}` with what touches it, which YAML cuts at the brackets inside { } and [ ]. */
const BARE_REFERENCE = /(?<=[\s,{[])(?:[^\s,{}[\]"']*\$\{[^}]*\})+[^\s,{}[\]"']*/g;

function quoteAfterKey(text: string): string | undefined {
  const match = KEY.exec(text);
  const [key, value] = match === null ? ['', text] : [match[1] ?? '', match[2] ?? ''];
  if (isQuoted(value)) return undefined;
  if (/^[{[]/.test(value) && value.includes('${')) return `${key}${value.replace(BARE_REFERENCE, '"$&"')}`;
  if (value.startsWith('{') && value.endsWith('}')) {
    if (/^\{[^({[]*, *[\w$-]+ *: /.test(value)) return undefined;
    // `{ lines: data.lines.map(l, {'sku': l.sku}) }`: the expression inside is what lacks the quotes.
    const inner = quoteAfterKey(value.slice(1, -1).trim());
    return inner === undefined || match === null ? undefined : `${key}{ ${inner} }`;
  }
  return match === null && !/^[!&*@`%]/.test(value) ? undefined : `${key}${quote(value)}`;
}

function isQuoted(value: string): boolean {
  return /^"(?:[^"\\]|\\.)*"$/.test(value) || /^'(?:[^']|'')*'$/.test(value);
}

function quote(value: string): string {
  return /["\\]/.test(value) ? `'${value.replaceAll("'", "''")}'` : `"${value}"`;
}
