/** Ends the run of a route although nothing of it failed: whoever runs it knows why, and what is to be done instead. */
export class Interrupt extends Error {
  override readonly name = 'Interrupt';
}
