import type { TokenListedLog } from "../../protocol/chainLog.ts";
import { SumTree } from "../../protocol/sumTree.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import type { State } from "../model/state.ts";

/**
 * Takes a token in: it is deposited and traded at once, and committed from the next round on
 * (docs/protocol.md section 4). Constant work.
 */
export function listToken(state: State, log: TokenListedLog, events: ExchangeEvent[]): void {
  // Until the first token there was nothing to commit, so no round owes a commit up to here.
  if (state.tokens.size === 0) state.completedRound = log.round;
  // The address that the markets have: the same text twice would be compared letter by letter.
  const known = state.books.flatMap(({ market }) => [market.base, market.quote]);
  const address = known.find((one) => one === log.token) ?? log.token;
  state.tokens.set(address, {
    address,
    listedRound: log.round,
    tree: new SumTree(),
    changed: new Set(),
    ahead: undefined,
    flows: new Map(),
    frozen: new Map(),
    expected: 0n,
    committedRound: undefined,
  });

  events.push({ what: "tokenListed", log });
}
