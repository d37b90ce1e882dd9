/** Blocks in which the logs of two endpoints differ. */
import type { Log } from "viem";
import { expect, it } from "vitest";
import { differences } from "./convict.ts";

const log = (block: number, logIndex = 0, changes: object = {}) =>
  ({
    blockNumber: BigInt(block),
    blockHash: `0x${block}`,
    logIndex,
    transactionHash: "0x1",
    topics: ["0x2"],
    data: "0x03",
    ...changes,
  }) as unknown as Log;

it("blocks differ by hash, place, topics and data of their logs, and come from the last", () => {
  const logs = [log(1), log(2), log(2, 1), log(3), log(4), log(5)];
  const others = [
    log(1, 0, { data: "0x04" }),
    log(2),
    log(3, 0, { topics: ["0x9"] }),
    log(4, 1),
    log(5, 0, { blockHash: "0x9" }),
    log(6),
  ];
  expect(differences(logs, others)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(differences(others, logs)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(differences(logs, [])).toEqual([5, 4, 3, 2, 1]);
});

it("blocks whose logs name other transactions do not differ: no header proves these", () => {
  const logs = [log(1), log(2)];
  expect(differences(logs, [log(1, 0, { transactionHash: "0x9" }), log(2)])).toEqual([]);
});
