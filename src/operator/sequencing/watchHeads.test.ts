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
  await watchHeads(() => true, stop.signal, {
    config: { maxTries: 3, pollMs: 1 } as OperatorConfig,
    log: collectingLog(),
    client: { getBlock } as never,
    onChain: (head) => void told.push(`head ${head?.number}`),
    onFailedPoll: () => void told.push("failed"),
  });
  expect(told).toEqual(["head 7", "failed", "head 7"]);
});

test("an endpoint that stands still is passed over for one that goes on", async () => {
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  const standing = await startHttpProxy(anvil.url, ({ method, params }, forward) => {
    const isHead = method === "eth_blockNumber" || params[0] === "latest";
    return isHead ? old[method as keyof typeof old]() : forward();
  });
  onTestFinished(() => standing.stop());
  const genesis = await anvil.rpc("eth_getBlockByNumber", ["0x0", false]);
  const old = {
    eth_blockNumber: async () => ({ result: "0x0" }),
    eth_getBlockByNumber: async () => ({ result: genesis }),
  };
  await anvil.mine(20);
  const stop = new AbortController();
  const told: number[] = [];
  const failures: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  await watchHeads(() => true, stop.signal, {
    config: { maxTries: 3, pollMs: 1, confirmations: 1 } as OperatorConfig,
    log: collectingLog(),
    client: connect([standing.url, anvil.url], { retries: 0, onFailure }),
    onChain: (head) => {
      told.push(head?.number ?? -1);
      if (told.length === 2) stop.abort();
    },
    onFailedPoll: () => told.push(-1),
  });
  expect(told).toEqual([0, 20]);
  expect(failures).toEqual([`${standing.url} its newest block 0 is 20 blocks behind`]);
});
