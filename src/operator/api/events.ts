/** Turns what an entry did into the events of the stream and the lines of the log. */
import type { Entry } from "../../exchange/model/entries.ts";
import type { Happening, OrderRef, Outcome } from "../../exchange/model/outcome.ts";
import { type OrderView, order, withdrawals } from "../../exchange/queries/views.ts";
import type { Log } from "../telemetry/log.ts";
import { isUnsigned } from "./fillSigner.ts";
import type { FaceEvent } from "./operatorApi.ts";
import { type AnswerSources, orderFace, tradeFace, withdrawalFace } from "./queries.ts";

/**
 * Events in the order in which things happened, of the state as it is now. Orders come with their
 * fill signed; one whose fill cannot be signed now is left out, and read over HTTP later.
 */
export async function eventsOf(sources: AnswerSources, outcome: Outcome): Promise<FaceEvent[]> {
  const events: FaceEvent[] = [];
  const touched = new Map<string, OrderRef>();
  for (const happening of outcome.happenings) {
    const event = eventOf(sources, happening);
    if (event !== undefined) events.push(event);
    for (const ref of ordersIn(happening)) touched.set(`${ref.owner} ${ref.round} ${ref.id}`, ref);
  }
  const views = [...touched.values()].map((ref) => order(sources.state, ref));
  const orders = await Promise.all(views.map((view) => orderEvent(sources, view)));
  return [...events, ...orders.filter((event) => event !== undefined)];
}

async function orderEvent(
  sources: AnswerSources,
  view: OrderView | undefined,
): Promise<FaceEvent | undefined> {
  if (view === undefined) return undefined;
  try {
    return { kind: "order", order: await orderFace(sources, view) };
  } catch (error) {
    // The signer's own watch, or the manager's, says in the log since when and why.
    if (isUnsigned(error)) return undefined;
    throw error;
  }
}

function eventOf(sources: AnswerSources, happening: Happening): FaceEvent | undefined {
  switch (happening.what) {
    case "trade":
      return { kind: "trade", trade: tradeFace(happening.trade) };
    case "depositCredited": {
      const { client, token, amount, round } = happening.log;
      return { kind: "deposit", client, token, amount, round };
    }
    case "withdrawalRequested":
      return withdrawalEvent(sources, happening.log);
    case "withdrawalDecided":
      return withdrawalEvent(sources, happening);
    case "roundCommitted":
      return { kind: "committed", round: happening.round };
    case "halted":
      return { kind: "halted", round: happening.round };
    default:
      return undefined;
  }
}

function withdrawalEvent(
  sources: AnswerSources,
  { client, token }: Pick<Extract<Happening, { what: "withdrawalDecided" }>, "client" | "token">,
): FaceEvent | undefined {
  const view = withdrawals(sources.state, { client }).find((one) => one.token === token);
  if (view === undefined) return undefined;
  return { kind: "withdrawal", client, withdrawal: withdrawalFace(sources, view) };
}

function ordersIn(happening: Happening): readonly OrderRef[] {
  switch (happening.what) {
    case "trade":
      return [happening.trade.maker, happening.trade.taker];
    case "orderQueued":
    case "orderRested":
    case "orderFilled":
    case "orderCancelled":
    case "orderExpired":
    case "orderRefused":
      return [happening];
    default:
      return [];
  }
}

/** One line a deed, with the exchange's own block, round and quarter. Order traffic has none. */
export function logOutcome(log: Log, sources: AnswerSources, entry: Entry, outcome: Outcome): void {
  const { block, round, quarter } = sources.state.moment;
  const moment = { block, round, quarter };
  if (entry.kind !== "blocks") return;
  for (const happening of outcome.happenings) {
    const line = lineOf(happening);
    if (line === undefined) continue;
    const [event, fields] = line;
    if (happening.what === "halted") log.error(event, { ...moment, ...fields });
    else log.info(event, { ...moment, ...fields });
  }
}

function lineOf(happening: Happening): [string, Record<string, unknown>] | undefined {
  switch (happening.what) {
    case "quarterBegan":
      return ["quarterBegan", { began: `${happening.round}.${happening.quarter}` }];
    case "roundClosed":
      return [
        "roundClosed",
        {
          closed: happening.closed,
          roots: happening.roots.map(({ token, node, total }) => ({ token, node, total })),
        },
      ];
    case "depositCredited":
    case "withdrawalRequested":
    case "withdrawalCancelled":
    case "withdrawalConfirmed": {
      const { client, token, amount, transactionHash } = happening.log;
      return [happening.what, { client, token, amount, transactionHash }];
    }
    case "withdrawalDecided": {
      const { client, token, amount, decision } = happening;
      return ["withdrawalDecided", { client, token, amount, decision }];
    }
    case "roundCommitted":
      return ["roundCommitted", { committed: happening.round }];
    case "disputeOpened":
      return [
        "disputeOpened",
        { client: happening.client, deadlineBlock: happening.deadlineBlock },
      ];
    case "disputeClosed":
      return ["disputeClosed", { client: happening.log.client, opened: happening.log.round }];
    case "tokenListed":
      return ["tokenListed", { token: happening.log.token }];
    case "clientAdmitted":
      return ["clientAdmitted", { client: happening.client, leafIndex: happening.leafIndex }];
    case "tradingKeySet":
      return [
        "tradingKeySet",
        { client: happening.log.client, fromRound: happening.log.fromRound },
      ];
    case "halted":
      return ["halted", { haltRound: happening.round, haltBlock: happening.block }];
    default:
      return undefined;
  }
}
