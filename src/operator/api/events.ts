/** Turns what an entry did into the events of the stream and the lines of the log. */

import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { ExchangeEvent, OrderRef, Outcome } from "../../exchange/model/outcome.ts";
import { type OrderView, order, withdrawals } from "../../exchange/queries/views.ts";
import { isUnsigned } from "./fillSigner.ts";
import type { ApiEvent } from "./operatorApi.ts";
import { orderResponse, type QuerySources, tradeResponse, withdrawalResponse } from "./queries.ts";

/**
 * Events in the order in which things happened, of the state as it is now. Orders come with their
 * fill signed; one whose fill cannot be signed now is left out, and read over HTTP later; so are
 * those of clients whom nobody `isHeard` of.
 */
export function eventsOf(
  sources: QuerySources,
  outcome: Pick<Outcome, "events">,
  isHeard: (client: Address) => boolean = () => true,
): ApiEvent[] | Promise<ApiEvent[]> {
  const events: ApiEvent[] = [];
  const touched = new Map<string, OrderRef>();
  for (const event of outcome.events) {
    const told = eventOf(sources, event);
    if (told !== undefined) events.push(told);
    for (const ref of ordersIn(event)) {
      if (isHeard(ref.owner)) touched.set(`${ref.owner} ${ref.round} ${ref.id}`, ref);
    }
  }
  return touched.size === 0 ? events : withOrders(sources, events, touched);
}

async function withOrders(
  sources: QuerySources,
  events: readonly ApiEvent[],
  touched: ReadonlyMap<string, OrderRef>,
): Promise<ApiEvent[]> {
  const views = [...touched.values()].map((ref) => order(sources.state, ref));
  const orders = await Promise.all(views.map((view) => orderEvent(sources, view)));
  return [...events, ...orders.filter((event) => event !== undefined)];
}

/** Whether `eventsOf` can have an event; most orders change nothing that anybody listens to. */
export function isTold(
  { events }: Pick<Outcome, "events">,
  isHeard: (client: Address) => boolean,
): boolean {
  return events.some((event) => {
    const orders = ordersIn(event);
    const isOrderAlone = orders.length > 0 && event.what !== "trade";
    return !isOrderAlone || orders.some(({ owner }) => isHeard(owner));
  });
}

async function orderEvent(
  sources: QuerySources,
  view: OrderView | undefined,
): Promise<ApiEvent | undefined> {
  if (view === undefined) return undefined;
  try {
    return { kind: "order", order: await orderResponse(sources, view) };
  } catch (error) {
    // The signer's own watch, or the manager's, says in the log since when and why.
    if (isUnsigned(error)) return undefined;
    throw error;
  }
}

function eventOf(sources: QuerySources, event: ExchangeEvent): ApiEvent | undefined {
  switch (event.what) {
    case "trade":
      return { kind: "trade", trade: tradeResponse(event.trade) };
    case "depositCredited": {
      const { client, token, amount, round } = event.log;
      return { kind: "deposit", client, token, amount, round };
    }
    case "withdrawalRequested":
      return withdrawalEvent(sources, event.log);
    case "withdrawalDecided":
      return withdrawalEvent(sources, event);
    case "roundCommitted":
      return { kind: "committed", round: event.round };
    case "halted":
      return { kind: "halted", round: event.round };
    default:
      return undefined;
  }
}

function withdrawalEvent(
  sources: QuerySources,
  {
    client,
    token,
  }: Pick<Extract<ExchangeEvent, { what: "withdrawalDecided" }>, "client" | "token">,
): ApiEvent | undefined {
  const view = withdrawals(sources.state, { client }).find((one) => one.token === token);
  if (view === undefined) return undefined;
  return { kind: "withdrawal", client, withdrawal: withdrawalResponse(sources, view) };
}

function ordersIn(event: ExchangeEvent): readonly OrderRef[] {
  switch (event.what) {
    case "trade":
      return [event.trade.maker, event.trade.taker];
    case "orderQueued":
    case "orderRested":
    case "orderFilled":
    case "orderCancelled":
    case "orderExpired":
    case "orderRefused":
      return [event];
    default:
      return [];
  }
}

/** Each client whose orders or balances an entry touched. */
export function clientsIn(events: readonly ExchangeEvent[]): Address[] {
  const found = new Set<Address>();
  for (const event of events) {
    for (const { owner } of ordersIn(event)) found.add(owner);
    if ("client" in event) found.add(event.client);
    if ("log" in event && "client" in event.log) found.add(event.log.client);
  }
  return [...found];
}

/** One line an event, with the exchange's own block, round and quarter. Order traffic has none. */
export function logOutcome(log: Log, sources: QuerySources, entry: Entry, outcome: Outcome): void {
  if (entry.kind !== "blocks") return;
  const { block, round, quarter } = sources.state.moment;
  const moment = { block, round, quarter };
  for (const event of outcome.events) {
    const line = lineOf(event);
    if (line === undefined) continue;
    const [name, fields] = line;
    if (event.what === "halted") log.error(name, { ...moment, ...fields });
    else log.info(name, { ...moment, ...fields });
  }
}

function lineOf(event: ExchangeEvent): [string, Record<string, unknown>] | undefined {
  switch (event.what) {
    case "quarterBegan":
      return ["quarterBegan", { began: `${event.round}.${event.quarter}` }];
    case "roundClosed":
      // Roots have a line of their own, once they are hashed.
      return ["roundClosed", { closed: event.closed }];
    case "depositCredited":
    case "withdrawalRequested":
    case "withdrawalCancelled":
    case "withdrawalConfirmed": {
      const { client, token, amount, transactionHash } = event.log;
      return [event.what, { client, token, amount, transactionHash }];
    }
    case "withdrawalDecided": {
      const { client, token, amount, decision } = event;
      return ["withdrawalDecided", { client, token, amount, decision }];
    }
    case "roundCommitted":
      return ["roundCommitted", { committed: event.round }];
    case "disputeOpened":
      return ["disputeOpened", { client: event.client, deadlineBlock: event.deadlineBlock }];
    case "disputeClosed":
      return ["disputeClosed", { client: event.log.client, opened: event.log.round }];
    case "tokenListed":
      return ["tokenListed", { token: event.log.token }];
    case "clientAdmitted":
      return ["clientAdmitted", { client: event.client, leafIndex: event.leafIndex }];
    case "tradingKeySet":
      return ["tradingKeySet", { client: event.log.client, fromRound: event.log.fromRound }];
    case "halted":
      return ["halted", { haltRound: event.round, haltBlock: event.block }];
    default:
      return undefined;
  }
}
