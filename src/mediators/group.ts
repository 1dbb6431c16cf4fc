import { showJson } from '../json.ts';
import type { KeptMessage } from '../ports/mediator.ts';

/** What `aggregate` remembers of one key. */
export interface Groups {
  /** That is not complete yet. */
  readonly group?: Group;
  /** Of groups that ended. */
  readonly done?: Done;
}

export interface Group {
  /** The identity of its first member. */
  readonly id: string;
  /** In the order in which they came. */
  readonly members: readonly KeptMessage[];
  /** The identities of the members, in the same order. */
  readonly ids: readonly string[];
  readonly bytes: number;
  /** @unit milliseconds since the Unix epoch */
  readonly untilMs: number;
}

export interface Done {
  /** The identities of the members. */
  readonly ids: readonly string[];
  readonly untilMs: number;
}

/** How many members of groups that ended are told from new ones. */
export const LIMIT_OF_IDS = 10_000;

export function openGroup(id: string, untilMs: number): Group {
  return { id, members: [], ids: [], bytes: 0, untilMs };
}

export function add(group: Group, identity: string, member: KeptMessage): Group {
  return {
    ...group,
    members: [...group.members, member],
    ids: [...group.ids, identity],
    bytes: group.bytes + sizeOf(member),
  };
}

function sizeOf(member: KeptMessage): number {
  try {
    return Buffer.byteLength(JSON.stringify(member));
  } catch {
    // A number that is not exact refuses to be rewritten; it is only measured here.
    return Buffer.byteLength(showJson(member));
  }
}

/** The store may keep what is to be forgotten a little longer. */
export function withoutPast({ group, done }: Groups, nowMs: number): Groups {
  return {
    ...(group !== undefined && { group }),
    ...(done !== undefined && done.untilMs > nowMs && { done }),
  };
}

/** What was written is only ever read by these files, so the inside of a group is trusted. */
export function isGroups(state: unknown): state is Groups {
  return typeof state === 'object' && state !== null && (!('group' in state) || isGroup(state.group));
}

export function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && 'members' in value && 'ids' in value;
}
