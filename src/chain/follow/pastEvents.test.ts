import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { MediatorReader } from "../contracts/mediator.ts";
import { RpcRefusal } from "../rpc/errorKinds.ts";
import { EndpointFailed, RpcUnavailable } from "../rpc/errors.ts";
import type { BlockSpan } from "./headers.ts";
import { type RangeOptions, readDepositsBetween, readInRanges } from "./pastEvents.ts";

const WORDS = "block range is too wide (maximum 100)";

/** Reads every 100th block of 1 to 1000 from an endpoint that gives `most` blocks at once. */
async function read(most: number, words: string, options?: RangeOptions) {
  const asked: BlockSpan[] = [];
  const given: number[] = [];
  const parts = readInRanges(
    { from: 1, to: 1000 },
    async (part) => {
      asked.push(part);
      const blocks = part.to - part.from + 1;
      if (blocks > most) {
        throw new RpcUnavailable(
          "for logs",
          new RpcRefusal("eth_getLogs", "http://a", { code: -32000, message: words }, 200),
        );
      }
      return Array.from({ length: blocks }, (_, i) => part.from + i).filter((n) => n % 100 === 0);
    },
    options,
  );
  for await (const block of parts) given.push(block);
  return { asked, given };
}
const ALL = Array.from({ length: 10 }, (_, i) => (i + 1) * 100);

describe("logs of many blocks", () => {
  it("an endpoint that gives all blocks at once is asked once", async () => {
    expect(await read(1000, WORDS)).toEqual({ asked: [{ from: 1, to: 1000 }], given: ALL });
  });

  it.each([
    [100, WORDS],
    [100, "block range is too wide"],
    [1, "block range is too wide"],
    [333, "query exceeds max results 20000"],
  ])("an endpoint that gives %i blocks gives all of them, each once (%s)", async (most, words) => {
    const { asked, given } = await read(most, words);
    expect(given).toEqual(ALL);
    const taken = asked.filter(({ from, to }) => to - from < most);
    expect(taken.map(({ from }) => from)).toEqual([1, ...taken.slice(0, -1).map((x) => x.to + 1)]);
    // A width that is proposed is taken at once.
    if (words === WORDS) expect(asked[1]).toEqual({ from: 1, to: 100 });
  });

  it("the newest blocks come first where that is asked for", async () => {
    const { asked, given } = await read(50, WORDS, { newestFirst: true, firstBlocks: 200 });
    expect(asked[0]).toEqual({ from: 801, to: 1000 });
    expect(given).toEqual([...ALL].reverse());
  });

  it("a refusal of one block, or for another reason, is the caller's to know", async () => {
    await expect(read(0, "block range is too wide")).rejects.toMatchObject({
      code: "RpcUnavailable",
    });
    const failing = readInRanges({ from: 1, to: 1000 }, async () => {
      throw new RpcUnavailable("for logs", new EndpointFailed("http://a", "HTTP 401"));
    });
    await expect(failing.next()).rejects.toThrow("401");
  });
});

describe("logs that cannot be", () => {
  const unmined = async () => [{ blockNumber: null }];
  const silent = async () => {
    throw new EndpointFailed("http://b", "HTTP 401");
  };

  /** Reads deposits from endpoints a and b, of which either gives the first answer. */
  function deposits(a: () => Promise<object[]>, b: () => Promise<object[]>) {
    const demoted: string[] = [];
    const endpoints = [a, b].map((getContractEvents, at) => ({
      origin: `http://${"ab"[at]}`,
      client: { getContractEvents },
    }));
    const transport = {
      endpoints: () => endpoints,
      demote: ({ origin }: { origin: string }) => demoted.push(origin),
    };
    const client = { getContractEvents: unmined, transport };
    const reader = { client, mediator: toAddress(`0x${"ee".repeat(20)}`) };
    const read = readDepositsBetween(reader as unknown as MediatorReader, undefined, 1, 9);
    return { read, demoted };
  }

  it("logs that cannot be are refused with the name of the endpoint that gave them", async () => {
    const { read, demoted } = deposits(silent, unmined);
    await expect(read).rejects.toThrow("The logs of http://b are incomplete or doubled: a log is");
    expect(demoted).toEqual(["http://b"]);
    await expect(deposits(unmined, unmined).read).rejects.toThrow("The logs of http://a are");
  });

  it("logs that cannot be are of one of all endpoints where none gives them again", async () => {
    const { read, demoted } = deposits(silent, silent);
    await expect(read).rejects.toThrow(
      "The logs of http://a or http://b are incomplete or doubled",
    );
    expect(demoted).toEqual([]);
  });
});
