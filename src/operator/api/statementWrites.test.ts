/** The way of a statement to its countersignature: in line with the orders, and within bounds. */
import { expect, test } from "vitest";
import type { Address } from "../../base/hex.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { orders } from "../../exchange/queries/views.ts";
import { ALICE, BOB, limitOrder, SIGNATURE, tradingWorld } from "../../exchange/world.testkit.ts";
import { sumUp } from "../../protocol/statementRule.ts";
import type { Signature } from "../../protocol/units.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import type { SignedMessage, Signers } from "../workers/signatureVerifier.ts";
import { OrderPipeline } from "./orderPipeline.ts";
import type { QuerySources } from "./queries.ts";
import type { SlipFinder } from "./slipFinder.ts";
import { statementWrites } from "./statementWrites.ts";

function writesByHand() {
  const world = tradingWorld();
  world.place(limitOrder(BOB, world.round, 1, "ask", 1, 95));
  world.place(limitOrder(ALICE, world.round, 1, "bid", 1, 95));
  const cover = { round: world.round, watermark: 2n, except: [] };
  const statement = sumUp(ALICE, cover, orders(world.state, ALICE, world.round));
  const asked: { messages: readonly SignedMessage[]; answer: (signer?: Address) => void }[] = [];
  const verifier = {
    isOverloaded: false,
    verify: (messages: readonly SignedMessage[], next: (signers: Signers) => void) => {
      asked.push({ messages, answer: (signer) => next([signer]) });
    },
  };
  const submitted: Entry[] = [];
  const submit = async (entry: Entry): Promise<Outcome> => {
    submitted.push(entry);
    return world.apply(entry);
  };
  const router = { isOpen: true, leader: undefined, submit } as unknown as WriteRouter;
  const fills = { countersign: async () => SIGNATURE };
  const sources = { state: world.state, fills } as unknown as QuerySources;
  const slips = { explain: (refusal: unknown) => refusal } as unknown as SlipFinder;
  const pipeline = new OrderPipeline({ verifier, router, notReady: () => undefined });
  const { countersign } = statementWrites({ sources, router, pipeline, slips });
  const given = (signature: Signature = SIGNATURE) => countersign({ statement, signature });
  return { asked, submitted, verifier, given };
}

test("a statement is countersigned once its signer is recovered, in line with the orders", async () => {
  const { asked, submitted, given } = writesByHand();
  const answer = given();
  await new Promise((resolve) => setImmediate(resolve));
  expect(submitted).toEqual([]);
  expect(asked.map(({ messages }) => messages.length)).toEqual([1]);
  asked[0]?.answer(ALICE);
  expect(await answer).toMatchObject({ ok: true, value: { countersignature: SIGNATURE } });
  expect(submitted).toMatchObject([{ kind: "countersign", countersignature: SIGNATURE }]);
});

test("a statement of somebody else's signature is refused, and nothing is written", async () => {
  const { asked, submitted, given } = writesByHand();
  for (const signer of [BOB, undefined]) {
    const answer = given();
    asked.pop()?.answer(signer);
    expect(await answer).toMatchObject({ ok: false, refusal: { code: "BadSignature" } });
  }
  expect(submitted).toEqual([]);
});

test("a statement is refused while too many signers are asked for, or with a long path", async () => {
  const { asked, submitted, verifier, given } = writesByHand();
  const path = Array.from({ length: 5 }, () => SIGNATURE.r);
  expect(await given({ ...SIGNATURE, path })).toMatchObject({
    refusal: { code: "BadInput", field: "body.signature.path" },
  });
  verifier.isOverloaded = true;
  expect(await given()).toMatchObject({ ok: false, refusal: { code: "Overloaded" } });
  expect([asked, submitted]).toEqual([[], []]);
});
