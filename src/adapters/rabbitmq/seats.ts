/** A queue that the consumers of an endpoint attend: a partition of one generation. */
export interface Seat {
  readonly queue: string;
  readonly partition: number;
}

/** How it goes with a seat that a consumer has. */
export interface SeatState {
  readonly partition: number;
  /** Why nothing comes from it at the moment. */
  readonly away?: string;
}
