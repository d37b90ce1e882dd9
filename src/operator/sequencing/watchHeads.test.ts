import { expect, onTestFinished, test } from "vitest";
import { startAnvil } from "../../../test/support/chain/anvil.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { connect } from "../../chain/rpc/rpc.ts";
import type { OperatorConfig } from "../config/config.ts";
import { collectingLog } from "../replay/journals.testkit.ts";
import { watchHeads } from "./watchHeads.ts";

test("a head is reported again after a failed poll, though no block came", async () => {
  const stop = new AbortController();
  const told: string[] = [];
  let polls = 0;
  const getBlock = async () => {
    polls += 1;
    if (polls === 6) stop.abort();
    if (polls === 3) throw new RpcUnavailable("for its head", new Error("busy"));
    return { number: 7n, timestamp: 1n, baseFeePerGas: 1n };
  };
  const endpoints = [{ client: { getBlock } }];
  await watchHeads(() => true, stop.signal, {
    config: { maxTries: 3, pollMs: 1 } as OperatorConfig,
    log: collectingLog(),
    client: { transport: { endpoints: () => endpoints } } as never,
    onChain: (head) => void told.push(`head ${head?.number}`),
    onFailedPoll: () => void told.push("failed"),
  });
  expect(told).toEqual(["head 7", "failed", "head 7"]);
});

/** The heads that are told of a chain of 20 blocks, whose first endpoint stands still at 0. */
async function besideAStandingOne(wasAway: boolean) {
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  const block = (await anvil.rpc("eth_getBlockByNumber", ["0x0", false])) as object;
  // As old as a block is that was left behind.
  const genesis = { ...block, timestamp: "0x1" };
  const old = {
    eth_blockNumber: { result: "0x0" },
    eth_getBlockByNumber: { result: genesis },
  };
  const standing = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
    const isHead = method === "eth_blockNumber" || params[0] === "latest";
    return isHead ? old[method as keyof typeof old] : forward();
  });
  onTestFinished(() => standing.stop());
  await anvil.mine(20);
  const stop = new AbortController();
  const told: number[] = [];
  const failures: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  const client = connect([standing.url, anvil.url], { retries: 0, onFailure });
  const [, other] = client.transport.endpoints();
  // As often as it takes for the longest time in which others are asked before it.
  for (let i = 0; wasAway && i < 6 && other !== undefined; i++) {
    client.transport.demote(other, "it was away");
  }
  await watchHeads(() => true, stop.signal, {
    config: { maxTries: 3, pollMs: 1, confirmations: 1 } as OperatorConfig,
    log: collectingLog(),
    client,
    onChain: (head) => {
      told.push(head?.number ?? -1);
      if (told.length === 2) stop.abort();
    },
    onFailedPoll: () => told.push(-1),
  });
  const passedOver = `${standing.url} its newest block 0 is 20 blocks behind`;
  return { told, failures, passedOver, asked: standing.asked.length };
}

test("an endpoint that stands still is passed over for one that goes on", async () => {
  const { told, failures, passedOver } = await besideAStandingOne(false);
  expect(told).toEqual([0, 20]);
  expect(failures).toEqual([passedOver]);
});

test("an endpoint that stands still is passed over for one that was away for long", async () => {
  const { told, failures, passedOver, asked } = await besideAStandingOne(true);
  expect(told).toEqual([0, 20]);
  expect(failures.at(-1)).toBe(passedOver);
  expect(asked).toBeLessThan(50);
});

test("a head that leaps ahead of a true endpoint is not told, and the true one's is", async () => {
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  await anvil.mine(20);
  const liar = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
    const answer = await forward();
    if (method === "eth_blockNumber") return { result: "0xf4240" };
    if (params[0] !== "latest") return answer;
    return { result: { ...(answer.result as object), number: "0xf4240" } };
  });
  onTestFinished(() => liar.stop());
  const stop = new AbortController();
  const told: (number | string)[] = [];
  await watchHeads(() => true, stop.signal, {
    config: { maxTries: 3, pollMs: 1, confirmations: 1 } as OperatorConfig,
    log: collectingLog(),
    client: connect([liar.url, anvil.url], { retries: 0 }),
    onChain: (head) => {
      told.push(head?.number ?? -1);
      stop.abort();
    },
    onFailedPoll: () => void told.push("failed"),
  });
  expect(told).toEqual(["failed", 20]);
});
