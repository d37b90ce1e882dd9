/** Kinds of faults; each world has some of them, so that they meet in many ways. */
export const FAULTS = [
  "crashes",
  "disk",
  "endpoints",
  "transactions",
  "fees",
  "reorganisations",
] as const;
/**
 * Beside these: `pools`, one address behind which some nodes lag by more than the confirmations; a
 * quarter of the worlds has it. `liars`: one endpoint at a time hides logs, which the node finds out
 * as long as another one is well; no seed has it by itself, and it is tried without other faults.
 */
export const EXTRA_FAULTS = ["pools", "liars"] as const;
/**
 * Of worlds with several operators. pauses: a process stops for some time and goes on. partitions:
 * an operator is cut off from the database, from endpoints, or from the clients. clocks: the wall
 * clock of an operator, or of the database, jumps. database: it is down, silent, slow, takes no
 * writes, or carries out what nobody hears of.
 */
export const SHARED_FAULTS = ["pauses", "partitions", "clocks", "database"] as const;
export type FaultKind = (typeof FAULTS | typeof EXTRA_FAULTS | typeof SHARED_FAULTS)[number];
