import { expect, test } from "vitest";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
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
