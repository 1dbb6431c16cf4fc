import { DYN, membersOf, type Type, unionOf } from '../expressions/types.ts';

export function mayBeList(type: Type): boolean {
  return membersOf(type.kind === 'optional' ? type.of : type).some(({ kind }) => kind === 'list' || kind === 'dyn');
}

/** One of the items of a list, whichever. */
export function elementOf(list: Type): Type {
  const of = list.kind === 'optional' ? list.of : list;
  return unionOf(
    membersOf(of).map((member) => (member.kind === 'list' ? unionOf([...member.first, member.items]) : DYN)),
  );
}

/** All texts that the items can be; undefined where they can be anything else. */
export function textsIn(list: Type): readonly string[] | undefined {
  const items = membersOf(elementOf(list));
  const texts = items.map((item) => (item.kind === 'string' ? item.values : item.kind === 'never' ? [] : undefined));
  return texts.every((each) => each !== undefined) ? texts.flat() : undefined;
}
