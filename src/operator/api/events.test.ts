import { expect, it } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import { localSigner } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import { order } from "../../exchange/queries/views.ts";
import {
  ALICE,
  BASE,
  BOB,
  GENESIS,
  limitOrder,
  QUOTE,
  SIGNATURE,
  tradingWorld,
} from "../../exchange/world.testkit.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { storedJournal, tradingEntries } from "../replay/journals.testkit.ts";
import { replay } from "../replay/replay.ts";
import { Sequencer } from "../sequencing/sequencer.ts";
import { eventsOf } from "./events.ts";
import { FillSigner } from "./fillSigner.ts";
import { bookResponse } from "./marketQueries.ts";
import type { ApiEvent } from "./operatorApi.ts";
import type { QuerySources } from "./queries.ts";
import { balancesResponse, orderResponse } from "./queries.ts";

/** An exchange in a journal of its own, and what it tells of each entry. */
async function start(entries: readonly Entry[], snapshots: readonly number[] = []) {
  const journal = await openSqliteJournal(await storedJournal(entries, snapshots));
  const { state, history } = await replay(journal, () => {});
  const domain = { chainId: GENESIS.chainId, mediator: GENESIS.mediator };
  const fills = new FillSigner(localSigner(`0x${"07".repeat(32)}`), domain);
  const sources: QuerySources = { state, history, curve: nobleCurve, domain, fills };
  const told: (ApiEvent[] | Promise<ApiEvent[]>)[] = [];
  const sequencer = new Sequencer({
    journal,
    state,
    history,
    onApplied: (_, outcome) => void told.push(eventsOf(sources, outcome)),
    onFailure: (error) => {
      throw error;
    },
  });
  const recorded = entries.length;
  return { sources, sequencer, told, recorded, journal };
}

const bid = limitOrder(ALICE, 0, 901, "bid", 2, 50);
const ask = limitOrder(BOB, 0, 902, "ask", 1, 50);
const entryOf = (placed: typeof bid): Entry => ({
  kind: "placeOrder",
  order: placed,
  signature: SIGNATURE,
});

it("answers and events say which is the newer, whichever comes first", async () => {
  const { sources, sequencer, told, recorded, journal } = await start(tradingWorld().entries);
  // One batch holds both: the answer to the first is of a state that its own event does not show.
  const first = sequencer.submit(entryOf(bid)).then(() => {
    const view = order(sources.state, bid);
    if (view === undefined) throw new Error("not there");
    return orderResponse(sources, view);
  });
  const [answer] = await Promise.all([first, sequencer.submit(entryOf(ask))]);
  await journal.close();

  const events = (await Promise.all(told)).flat();
  const ofBid = events.flatMap((event) =>
    event.kind === "order" && event.order.id === bid.id ? [event.order] : [],
  );
  const [placed, filled] = ofBid;
  expect(placed).toMatchObject({ asOf: recorded + 1, bought: 0n, fill: null });
  expect(filled).toMatchObject({ asOf: recorded + 2, bought: 10n, state: "open" });
  expect(answer).toEqual(filled);
});

it("the count of the journal's records is right, whichever snapshot it begins from", async () => {
  const entries = tradingEntries();
  const recorded = entries.length;
  for (const snapshots of [[], [3], [recorded]]) {
    const { sources, journal } = await start(entries, snapshots);
    await journal.close();
    expect(balancesResponse(sources, ALICE)).toMatchObject([
      { asOf: recorded },
      { asOf: recorded },
    ]);
    expect(bookResponse(sources, BASE, QUOTE, { depth: 1 })).toMatchObject({ asOf: recorded });
  }
});
