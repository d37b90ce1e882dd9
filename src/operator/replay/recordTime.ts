/** When the last record was written, for people and charts: no rule reads it. */
import type { State } from "../../exchange/model/state.ts";

/** Stands in where records carry no time: a block's length on Ethereum. */
const NOMINAL_BLOCK_MS = 12_000;

/**
 * Milliseconds since 1970 of the last record that `state` is made of, never decreasing; 0 where
 * nobody wrote it down. A state without times gives a nominal one, by its block.
 */
export function recordTimeMs(state: State): number {
  const { timeMs } = state as State & { readonly timeMs?: number };
  return timeMs ?? NOMINAL_BLOCK_MS * state.moment.block;
}
