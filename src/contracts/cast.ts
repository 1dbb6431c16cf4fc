import type { TypeRef } from '../message.ts';
import type { Cast } from './contracts.ts';

/** The casts between majors, and the chains they make. */
export class CastGraph {
  readonly #up = new Map<TypeRef, Map<TypeRef, Cast>>();
  readonly #down = new Map<TypeRef, Map<TypeRef, Cast>>();

  has(older: TypeRef, newer: TypeRef): boolean {
    return this.#up.get(older)?.has(newer) === true;
  }

  add(older: TypeRef, newer: TypeRef, up: Cast, down: Cast | undefined): void {
    edge(this.#up, older, newer, up);
    if (down !== undefined) edge(this.#down, newer, older, down);
  }

  /** The shortest chain of casts in one direction; undefined where there is none. A type to itself is left as it is. */
  chain(from: TypeRef, to: TypeRef, direction: 'up' | 'down'): Cast | undefined {
    const edges = direction === 'up' ? this.#up : this.#down;
    const reached = new Map<TypeRef, readonly Cast[]>([[from, []]]);
    for (const [ref, casts] of reached) {
      if (ref === to) return compose(casts);
      for (const [next, cast] of edges.get(ref) ?? []) {
        if (!reached.has(next)) reached.set(next, [...casts, cast]);
      }
    }
    return undefined;
  }
}

function edge(edges: Map<TypeRef, Map<TypeRef, Cast>>, from: TypeRef, to: TypeRef, cast: Cast): void {
  const known = edges.get(from) ?? new Map<TypeRef, Cast>();
  known.set(to, cast);
  edges.set(from, known);
}

function compose(casts: readonly Cast[]): Cast {
  const [only] = casts;
  if (only !== undefined && casts.length === 1) return only;
  return (data) => casts.reduce((value, cast) => cast(value), data);
}
