/**
 * Payload types by type and version. `waybill types` writes the members, from the contracts:
 *
 * ```ts
 * declare module 'waybill' {
 *   interface MessageTypes { 'shop.order.placed@1': ShopOrderPlacedV1 }
 * }
 * ```
 */
export interface MessageTypes {}

/** A type with its version: one that `waybill types` wrote, and any while it wrote none. */
export type KnownRef = keyof MessageTypes extends never ? string : Extract<keyof MessageTypes, string>;

/**
 * The type of the answer to each request. `waybill types` writes the members, from `x-reply`:
 *
 * ```ts
 * declare module 'waybill' {
 *   interface ReplyTypes { 'pricing.quote@1': 'pricing.quoted@1' }
 * }
 * ```
 */
export interface ReplyTypes {}

/** A request with its version: one that `waybill types` wrote, and any type while it wrote none. */
export type RequestRef = keyof ReplyTypes extends never ? KnownRef : Extract<keyof ReplyTypes, KnownRef>;

/** The payload of the answer to a request. */
export type AnswerOf<Ref extends string> = Ref extends keyof ReplyTypes
  ? ReplyTypes[Ref] extends string
    ? PayloadOf<ReplyTypes[Ref]>
    : unknown
  : unknown;

/** The payload of a type. */
export type PayloadOf<Ref extends string> = Ref extends keyof MessageTypes ? MessageTypes[Ref] : unknown;
