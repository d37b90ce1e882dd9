/** An invariant is broken: the seed is worth keeping. */
export class InvariantBroken extends Error {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

/** A trial that says so is about evidence or money: our own books are wrong. */
export const OUR_FAULT = new Set([
  "WrongTotal",
  "NotOverdrawn",
  "WrongOrder",
  "WrongSigner",
  "BalanceMismatch",
  "FillsNotCovered",
  "StaleExecution",
  "ExecutionOutsideOrder",
  "InvalidProof",
  "TokenNotInRound",
  "WrongOpenings",
  "ProofCount",
  "NotOperator",
  "NoRoots",
  "WrongStatement",
  "StatementNotSigned",
  "WrongCovers",
  "NotCovered",
]);
