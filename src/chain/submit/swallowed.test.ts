/**
 * A claim that endpoints take and never relay, and a commit that has to be mined by its deadline:
 * the claim has the lower priority, is due first, and so has the nonce before that of the commit.
 */
import { parseTransaction } from "viem";
import { expect, it, onTestFinished } from "vitest";
import { until } from "../../../test/support/exchange/exchange.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { anvil, events, mint, minted, nonceOf, submitter, useChain } from "./submit.testkit.ts";
import type { Mined } from "./submitter.ts";

useChain();

const CLAIM = 1n;
const COMMIT = 2n;
/** Blocks that a duty is to have left when it is mined, whatever becomes of a claim before it. */
const SPARE_BLOCKS = 5;

/** What is done with an offered transaction. `version`: 1 is the first that was offered. */
type Fate = (offer: {
  readonly what: "claim" | "commit" | "no-op";
  readonly version: number;
  readonly nonce: number;
}) => Promise<"relay" | "swallow" | "refuse"> | "relay" | "swallow" | "refuse";

const REFUSAL = { code: -32000, message: "nonce too high" };

/** An endpoint in front of the node, and how often it was asked. */
async function startEndpoint(fate: Fate) {
  const names = { [mint(CLAIM).data]: "claim", [mint(COMMIT).data]: "commit" } as const;
  const versions = new Map<string, Set<unknown>>();
  const seen = { polls: 0, offers: [] as string[] };
  const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
    if (method === "eth_getTransactionCount") seen.polls += 1;
    if (method !== "eth_sendRawTransaction") return forward();
    const { data = "0x", nonce = 0 } = parseTransaction(params[0] as Hex);
    const what = names[data] ?? "no-op";
    const known = versions.get(what) ?? new Set();
    versions.set(what, known.add(params[0]));
    seen.offers.push(what);
    const outcome = await fate({ what, version: known.size, nonce });
    if (outcome === "refuse") return { error: REFUSAL };
    return outcome === "relay" ? forward() : { result: `0x${"1".repeat(64)}` };
  });
  onTestFinished(() => proxy.stop());
  return { url: proxy.url, seen };
}

interface Times {
  /** Blocks from now until each is late. */
  readonly claimDue: number;
  readonly commitDue: number;
  readonly pollsBeforeReplacement?: number;
  /** Blocks that come between two looks at the chain. */
  readonly blocksAtOnce?: number;
}

/** Mines blocks, some polls apart, until both are settled; gives what became of them. */
async function play(fate: Fate, times: Times) {
  const { claimDue, commitDue, pollsBeforeReplacement = 10_000, blocksAtOnce = 1 } = times;
  await anvil.setAutomine(false);
  const { url, seen } = await startEndpoint(fate);
  const one = submitter({ client: connect([url], { retries: 0 }), pollsBeforeReplacement });
  const start = await anvil.blockNumber();
  const send = (amount: bigint, due: number, priority: number) =>
    one.send({ ...mint(amount), priority, deadlineBlock: start + due }).then(
      ({ block }: Mined) => block - start,
      ({ code }: { code: string }) => code,
    );
  const claim = send(CLAIM, claimDue, 0);
  await until("the claim is out", () => seen.offers.includes("claim"));
  const commit = send(COMMIT, commitDue, 1);
  await until("the commit is offered", () => seen.offers.includes("commit"));
  let isOver = false;
  const both = Promise.all([claim, commit]).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await anvil.mine(blocksAtOnce);
    const before = seen.polls;
    await until("some polls", () => isOver || seen.polls > before + 4);
  }
  const [claimed, committed] = await both;
  return { claimed, committed, offers: seen.offers };
}

const swallowing =
  (isSwallowed: (version: number) => boolean): Fate =>
  ({ what, version }) =>
    what === "claim" && isSwallowed(version) ? "swallow" : "relay";
const always = swallowing(() => true);

it("a swallowed claim is replaced in time for the commit behind it", async () => {
  const once = swallowing((version) => version === 1);
  const { claimed, committed } = await play(once, { claimDue: 20, commitDue: 24 });
  expect(claimed).toBe(committed);
  expect(committed).toBeLessThanOrEqual(24 - SPARE_BLOCKS);
  expect([await minted(), await nonceOf()]).toEqual([CLAIM + COMMIT, 2]);
});

it.each([
  ["just before the commit", { claimDue: 12, commitDue: 13 }],
  ["just before, where blocks come by twos", { claimDue: 13, commitDue: 14, blocksAtOnce: 2 }],
  ["some blocks before the commit", { claimDue: 16, commitDue: 20 }],
])("a claim that is swallowed again and again, and due %s, makes way", async (_, times) => {
  const { claimed, committed } = await play(always, times);
  expect(committed).toBeLessThanOrEqual(times.commitDue - SPARE_BLOCKS);
  expect(claimed).toBe("DeadlineMissed");
  expect(events).toContain("preempted");
  expect([await minted(), await nonceOf()]).toEqual([COMMIT, 2]);
});

it("a claim that is due after the commit gives it its nonce, swallowed or not", async () => {
  const { committed } = await play(always, { claimDue: 14, commitDue: 12 });
  expect(committed).toBe(1);
});

it("a claim makes way before the commit is urgent, and is mined after it", async () => {
  const thrice = swallowing((version) => version <= 2);
  const { claimed, committed, offers } = await play(thrice, {
    claimDue: 400,
    commitDue: 500,
    pollsBeforeReplacement: 6,
  });
  expect(offers).toContain("no-op");
  expect(committed).toBeLessThan(20);
  expect(claimed).toBeGreaterThan(committed as number);
  expect([await minted(), await nonceOf()]).toEqual([CLAIM + COMMIT, 3]);
});

it("a claim makes way where nodes take no later nonce before its own is used", async () => {
  const fate: Fate = async (offer) => {
    if (offer.nonce > (await nonceOf())) return "refuse";
    return always(offer);
  };
  const { committed } = await play(fate, { claimDue: 12, commitDue: 13 });
  expect(committed).toBeLessThanOrEqual(13 - SPARE_BLOCKS);
  expect(await minted()).toBe(COMMIT);
});
