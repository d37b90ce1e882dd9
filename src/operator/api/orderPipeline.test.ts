/** The order, the bounds and the end of the pipeline, with stages that answer by hand. */
import { expect, test } from "vitest";
import type { Address } from "../../base/hex.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { ALICE, SIGNATURE } from "../../exchange/world.testkit.ts";
import type { Settled } from "../sequencing/sequencer.ts";
import type { Signers } from "../workers/signatureVerifier.ts";
import { OrderPipeline, type WriteRequest } from "./orderPipeline.ts";

interface Submitted {
  readonly entries: readonly Entry[];
  readonly apply: (outcomes?: readonly Outcome[]) => void;
  readonly fail: (error: Error) => void;
}

function pipelineByHand() {
  const verified: (() => void)[] = [];
  const submitted: Submitted[] = [];
  const router = {
    isOpen: true,
    leader: "http://there" as string | undefined,
    submitAll: (entries: readonly Entry[], { resolve, reject }: Settled) => {
      const taken = entries.map((): Outcome => ({ events: [] }));
      submitted.push({
        entries,
        apply: (outcomes = taken) => resolve([...outcomes]),
        fail: reject,
      });
    },
  };
  const state = { isOverloaded: false, waitingFor: undefined as string | undefined };
  const verifier = {
    get isOverloaded() {
      return state.isOverloaded;
    },
    verify: (_: unknown, next: (signers: Signers) => void) => {
      verified.push(() => next([ALICE]));
    },
  };
  const notReady = () => state.waitingFor;
  return {
    pipeline: new OrderPipeline({ verifier, router, notReady }),
    verified,
    submitted,
    router,
    state,
  };
}

const entryOf = (id: number): Entry => {
  return { kind: "cancelOrder", owner: ALICE, round: 1, id: BigInt(id), signature: SIGNATURE };
};

function requestOf(id: number, changes: Partial<WriteRequest<number>> = {}): WriteRequest<number> {
  return {
    messages: [],
    admit: () => [entryOf(id)],
    answer: () => ({ ok: true, value: id }),
    ...changes,
  };
}

test("nothing is answered before its entries are durable", async () => {
  const { pipeline, verified, submitted } = pipelineByHand();
  const told: unknown[] = [];
  void pipeline.run(requestOf(1)).then((answer) => told.push(answer));
  verified[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(submitted).toHaveLength(1);
  expect(told).toEqual([]);
  submitted[0]?.apply();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([{ ok: true, value: 1 }]);
});

test("requests of every kind are sequenced in the order in which they are verified", () => {
  const { pipeline, verified, submitted } = pipelineByHand();
  const signers: (Address | undefined)[] = [];
  for (const id of [1, 2, 3]) {
    void pipeline.run(
      requestOf(id, {
        admit: ([signer]) => {
          signers.push(signer);
          return [entryOf(id)];
        },
      }),
    );
  }
  // All in one tick: no promise may let a later one by.
  for (const next of verified) next();
  expect(submitted.flatMap(({ entries }) => entries)).toEqual([1, 2, 3].map(entryOf));
  expect(signers).toEqual([ALICE, ALICE, ALICE]);
});

test("a request is refused where the operator does not lead, is not ready, or has too many", async () => {
  const { pipeline, verified, router, state } = pipelineByHand();
  const code = async () => {
    const answer = await pipeline.run(requestOf(1));
    return answer.ok ? undefined : answer.refusal;
  };
  state.isOverloaded = true;
  expect(await code()).toMatchObject({ code: "Overloaded", retryAfterMs: 1000 });
  state.waitingFor = "the chain";
  expect(await code()).toMatchObject({ code: "NotReady", waitingFor: "the chain" });
  router.isOpen = false;
  expect(await code()).toMatchObject({ code: "NotLeader", leader: "http://there" });
  expect(verified).toEqual([]);
});

test("a request that came before the lead was lost is not written after it", async () => {
  const { pipeline, verified, submitted, router } = pipelineByHand();
  const answer = pipeline.run(requestOf(1));
  router.isOpen = false;
  verified[0]?.();
  expect(await answer).toMatchObject({ ok: false, refusal: { code: "NotLeader" } });
  expect(submitted).toEqual([]);
});

test("a lead lost in the flush refuses the whole request, and a failing node rejects it", async () => {
  const { pipeline, verified, submitted } = pipelineByHand();
  const [lost, failing] = [pipeline.run(requestOf(1)), pipeline.run(requestOf(2))];
  for (const next of verified) next();
  const refusal = { code: "NotLeader", leader: undefined } as const;
  submitted[0]?.apply([{ events: [] }, { refusal, events: [] }]);
  submitted[1]?.fail(new Error("the disk is full"));
  expect(await lost).toEqual({ ok: false, refusal });
  await expect(failing).rejects.toThrow("the disk is full");
});

test("a request whose check throws is rejected alone", async () => {
  const { pipeline, verified, submitted } = pipelineByHand();
  const broken = pipeline.run(
    requestOf(1, {
      admit: () => {
        throw new Error("no such state");
      },
    }),
  );
  const other = pipeline.run(requestOf(2));
  for (const next of verified) next();
  await expect(broken).rejects.toThrow("no such state");
  submitted[0]?.apply();
  expect(await other).toEqual({ ok: true, value: 2 });
});

test("a request that needs no entry is answered at once", async () => {
  const { pipeline, verified, submitted } = pipelineByHand();
  const answer = pipeline.run(requestOf(1, { admit: () => ({ ok: true, value: 7 }) }));
  verified[0]?.();
  expect(await answer).toEqual({ ok: true, value: 7 });
  expect(submitted).toEqual([]);
});
