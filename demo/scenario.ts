import type { Mischief } from './expect.ts';

/** What goes wrong in the demo, on purpose. */
export const MISCHIEF: Mischief = {
  repeatEvery: 250,
  typoEvery: 100,
  foreignEvery: 700,
  cartEvery: 200,
  scannerEvery: 400,
  reviewLimitCents: 1_500_000,
};

/** Billing is down from the first order until so many have been published, and its endpoint has paused. */
export const BILLING_RECOVERS_AFTER = 3_500;

/** Orders before it were sent by the shop's old front end, as version 1. */
export const NEW_FRONT_END = '2016-01-01';

/** The demo gives up after it, and says what is still missing. @unit milliseconds */
export const DEADLINE_MS = 55_000;
