/** Headers in batches: endpoints that take many, few or none at once, and answer in odd ways. */
import { afterEach, describe, expect, it } from "vitest";
import {
  type HttpProxy,
  type RpcMessage,
  startHttpProxy,
} from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { isRefusal, isUnknownBlock } from "../rpc/errors.ts";
import { connect } from "../rpc/rpc.ts";
import { HeaderReader } from "./headers.ts";

const MOST = 24;
const BLOCKS = 8 * MOST;
/** Each of these has the bloom that is looked for. */
const WANTED = [1, 2, 23, 24, 25, 77, 100, 191, BLOCKS];
const EMPTY_BLOOM = `0x${"00".repeat(256)}`;
const SOME_BLOOM = `0x${"01".repeat(256)}`;

const hashOf = (number: number): Hex => `0x${number.toString(16).padStart(64, "b")}`;
const numberIn = ({ params }: RpcMessage) => Number(params[0]);
const headerOf = (number: number) => ({
  number: `0x${number.toString(16)}`,
  hash: hashOf(number),
  timestamp: "0x1",
  logsBloom: WANTED.includes(number) ? SOME_BLOOM : EMPTY_BLOOM,
  transactions: [],
});

let open: HttpProxy[] = [];
afterEach(() => {
  for (const proxy of open) proxy.stop();
  open = [];
});

async function start(timeoutMs = 10_000) {
  const proxy = await startHttpProxy("", async (call) => ({ result: headerOf(numberIn(call)) }));
  open.push(proxy);
  const failures: string[] = [];
  const onFailure = (_: string, problem: string) => failures.push(problem);
  const client = connect([proxy.url], { retries: 0, timeoutMs, onFailure });
  const [endpoint] = client.transport.endpoints();
  if (endpoint === undefined) throw new Error("no endpoint");
  return { proxy, failures, reader: new HeaderReader(endpoint) };
}

const read = (reader: HeaderReader) =>
  reader.find({ from: 1, to: BLOCKS }, ({ bloom }) => bloom?.isEmpty === false);

type Call = RpcMessage & { readonly id: number };
const answersOf = (calls: readonly RpcMessage[]) =>
  (calls as readonly Call[]).map((call) => ({ id: call.id, result: headerOf(numberIn(call)) }));
const error = (code: number, message: string) => ({ code, message });

describe("headers that an endpoint gives at once", () => {
  it("headers of many blocks come in few requests, each block once", async () => {
    const { proxy, reader, failures } = await start();
    expect(await read(reader)).toEqual(WANTED);
    expect(proxy.asked.map(numberIn).sort((a, b) => a - b)).toEqual(
      Array.from({ length: BLOCKS }, (_, i) => i + 1),
    );
    expect(proxy.batches).toEqual(Array.from({ length: 8 }, () => MOST));
    expect(failures).toEqual([]);
  });

  it("headers are those of their blocks, in whatever order they are answered", async () => {
    const { proxy, reader, failures } = await start();
    proxy.onBatch = (calls) => answersOf(calls).toReversed();
    expect(await read(reader)).toEqual(WANTED);
    expect([proxy.asked, failures]).toEqual([[], []]);
  });
});

/** Limits of calls in one batch, and how what is beyond them is refused. */
const LIMITS: readonly (readonly [string, number, (calls: readonly Call[]) => object | number])[] =
  [
    ["geth", 20, ([first]) => [{ id: first?.id, error: error(-32600, "batch too large") }]],
    ["Base's node", 20, () => ({ id: 1, error: error(-32600, "batch too large") })],
    ["Erigon", 12, () => ({ id: null, error: error(-32000, "batch limit 12 exceeded") })],
    ["Nethermind", 15, () => ({ id: null, error: error(-32005, "Batch size limit exceeded") })],
    [
      "Hedera's relay",
      0,
      () => ({ id: null, error: error(-32202, "Batch requests are disabled") }),
    ],
    ["Optimism", 10, () => 500],
    ["dRPC", 3, () => ({ error: error(31, "Batch of more than 3 requests are not allowed") })],
    ["a proxy", 12, () => 413],
    ["a server that reads objects alone", 0, () => ({})],
    ["a server that answers nothing at all", 0, () => []],
    [
      "a server that errs for each",
      8,
      (calls) => calls.map(({ id }) => ({ id, error: error(0, "no") })),
    ],
    [
      "a server that says null for each",
      8,
      (calls) => calls.map(({ id }) => ({ id, result: null })),
    ],
    [
      "geth, for the size of the answer",
      7,
      (calls) =>
        calls.map((call, i) =>
          i < 7
            ? { id: call.id, result: headerOf(numberIn(call)) }
            : { id: call.id, error: error(-32003, "response too large") },
        ),
    ],
    ["a server that leaves some out", 9, (calls) => answersOf(calls).slice(0, 9)],
    [
      "a server that mixes up the ids",
      5,
      (calls) =>
        calls.map(({ id }, i) => ({ id, result: headerOf(numberIn(calls.at(-1 - i) as Call)) })),
    ],
  ];

describe("headers that an endpoint does not give at once", () => {
  it.each(LIMITS)(
    "headers are read in smaller batches: %s (at most %i)",
    async (_, most, refuse) => {
      const { proxy, reader, failures } = await start();
      proxy.onBatch = (calls) => (calls.length > most ? refuse(calls as Call[]) : undefined);
      expect(await read(reader)).toEqual(WANTED);
      // A batch that is not answered says nothing against the endpoint.
      expect(failures).toEqual([]);
      proxy.batches.length = 0;
      expect(await read(reader)).toEqual(WANTED);
      expect(proxy.batches.filter((size) => size > Math.max(1, most))).toEqual([]);
    },
  );

  it.each<[string, HttpProxy["onBatch"]]>([
    [
      "cut off",
      () => {
        throw new Error("the connection ends here");
      },
    ],
    ["never answered", () => new Promise(() => {})],
  ])("headers are read all the same where each batch is %s", async (_, onBatch) => {
    const { proxy, reader, failures } = await start(2000);
    proxy.onBatch = onBatch;
    expect(await read(reader)).toEqual(WANTED);
    expect(failures).toEqual([]);
  });

  it("a batch without an answer, which takes long, is not tried in smaller ones", async () => {
    const { proxy, reader } = await start(2000);
    proxy.onBatch = () => new Promise(() => {});
    await read(reader);
    const tried = proxy.batches.length;
    await read(reader);
    expect([tried, proxy.batches.length]).toEqual([8, 8]);
  });

  it("a limit of requests is the endpoint's failure; fewer are asked for afterwards", async () => {
    const { proxy, reader, failures } = await start();
    const alone = proxy.meddle;
    const limit = error(-32005, "too many requests");
    proxy.onBatch = () => ({ error: limit });
    proxy.meddle = async () => ({ error: limit });
    await expect(read(reader)).rejects.toSatisfy(isRefusal);
    expect(failures[0]).toBe("too many requests");
    proxy.meddle = alone;
    proxy.onBatch = undefined;
    expect(await read(reader)).toEqual(WANTED);
    // Of the first reading nothing is on its way any more.
    proxy.batches.length = 0;
    expect(await read(reader)).toEqual(WANTED);
    expect(proxy.batches).toEqual(Array.from({ length: BLOCKS / 12 }, () => 12));
  });

  it("a block that is not known, at once or by itself, is not passed over", async () => {
    const { proxy, reader } = await start();
    const alone = proxy.meddle;
    proxy.meddle = async (call, forward) =>
      numberIn(call) === 77 ? { result: null } : alone(call, forward);
    await expect(read(reader)).rejects.toSatisfy(isUnknownBlock);
  });

  it("larger batches are tried again after a long while", async () => {
    const { proxy, reader } = await start();
    proxy.onBatch = (calls) => (calls.length > 15 ? 500 : undefined);
    await read(reader);
    proxy.batches.length = 0;
    proxy.onBatch = undefined;
    for (let blocks = 0; blocks < 3 * 1000; blocks += BLOCKS) await read(reader);
    expect(Math.max(...proxy.batches)).toBe(MOST);
  });
});
