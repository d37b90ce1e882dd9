/** An invariant is broken: the seed is worth keeping. */
export class InvariantBroken extends Error {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}
