import type { DepositedLog } from "../../protocol/chainLog.ts";
import { credit } from "../model/funds.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { type Client, clientRound, flowIn, type State, tokenOf } from "../model/state.ts";

/**
 * Credits a deposit, and admits a client at its first one: with a leaf for every client the totals
 * always match (docs/protocol.md section 4). Constant work.
 */
export function creditDeposit(state: State, log: DepositedLog, events: ExchangeEvent[]): void {
  const token = tokenOf(state, log.token);

  const client = state.clients.get(log.client) ?? admit(state, log, events);
  credit(state, client, log.token, log.amount);
  flowIn(token.flows, log.round).deposits += log.amount;
  flowIn(clientRound(client, log.round).flows, log.token).deposits += log.amount;

  events.push({ what: "depositCredited", log });
}

function admit(state: State, log: DepositedLog, events: ExchangeEvent[]): Client {
  const client: Client = {
    address: log.client,
    leafIndex: state.clientList.length,
    balances: new Map(),
    rounds: new Map(),
    withdrawals: new Map(),
  };
  state.clients.set(log.client, client);
  state.clientList.push(client);
  events.push({
    what: "clientAdmitted",
    client: client.address,
    leafIndex: client.leafIndex,
  });
  return client;
}
