/**
 * Blocks per second of the follower over 100,000 blocks, against a bare loop of the same
 * eth_getLogs calls in the same run: what following costs besides reading. The deposits are a real
 * EVM's; a stand-in spreads them over a longer chain, since the cost of a block grows with anvil's
 * chain: 100,000 of them take hours. `node bench/catchUp.ts [blocks] [ms each answer takes]`
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Address, Hex } from "../src/base/hex.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { encodeDeposit } from "../src/chain/contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../src/chain/contracts/tokens.ts";
import { follow, readBlockRef } from "../src/chain/follow/follow.ts";
import { connect } from "../src/chain/rpc/rpc.ts";
import { localSigner } from "../src/chain/signer.ts";
import { Submitter } from "../src/chain/submit/submitter.ts";
import { type Anvil, startAnvil } from "../test/support/chain/anvil.ts";
import { type RpcAnswer, type RpcMessage, startHttpProxy } from "../test/support/faults/proxy.ts";

const BLOCKS = Number(process.argv[2] ?? 100_000);
/** Milliseconds: 0 shows our own work, 20 is a provider in the same region. */
const LATENCY_MS = Number(process.argv[3] ?? 0);
/** Deposits, spread evenly. */
const DEPOSITS = 100;
/** Blocks of one eth_getLogs that the stand-in allows, as many providers do. */
const WIDEST = 2000;
/** The sides take turns this often, so that whatever else the machine does disturbs all. */
const TURNS = 5;

interface Range {
  readonly fromBlock: Hex;
  readonly toBlock: Hex;
}

interface RawLog {
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
}

const hex = (value: number): Hex => `0x${value.toString(16)}`;
const hashOf = (number: number): Hex => `0x${number.toString(16).padStart(64, "b")}`;

const EMPTY_BLOOM = `0x${"00".repeat(256)}`;
const FULL_BLOOM = `0x${"ff".repeat(256)}`;

const anvil = await startAnvil();
const { mediator, logs, header } = await realLogs(anvil).finally(() => anvil.stop());
const spread = logs.map((log, i) => {
  const number = Math.floor(((i + 1) * BLOCKS) / (logs.length + 1));
  return { number, log: { ...log, blockNumber: hex(number), blockHash: hashOf(number) } };
});
const withLogs = new Set(spread.map(({ number }) => number));
const [first, second] = [await startHttpProxy("", answer), await startHttpProxy("", answer)];
const direct = connect([first.url]);
first.asked.length = 0;
await followAll([first.url]);
const ranges = first.asked
  .filter(({ method }) => method === "eth_getLogs")
  .map(({ params }) => params[0] as Range)
  .filter((range) => spanOf(range) <= WIDEST);
const sides: readonly (readonly [string, () => Promise<number>])[] = [
  ["bare eth_getLogs", bareLoop],
  ["one endpoint", () => followAll([first.url])],
  ["cross-checked", () => followAll([first.url, second.url])],
];
const rates = sides.map((): number[] => []);
for (let turn = 0; turn < TURNS; turn++) {
  for (const [side, [, run]] of sides.entries()) {
    const start = performance.now();
    const found = await run();
    if (found < DEPOSITS) throw new Error(`only ${found} logs of ${DEPOSITS} deposits were read`);
    rates[side]?.push((BLOCKS * 1000) / (performance.now() - start));
  }
}
first.stop();
second.stop();
const bare = median(rates[0] as number[]);
console.log(
  `${BLOCKS} blocks, ${logs.length} logs, ${ranges.length} ranges, ${LATENCY_MS} ms an answer; ` +
    `medians of ${TURNS}`,
);
for (const [side, [name]] of sides.entries()) {
  const rate = median(rates[side] as number[]);
  const shown = Math.round(rate).toLocaleString("en").padStart(12);
  console.log(`${name.padEnd(20)}${shown} blocks/s   ratio ${(rate / bare).toFixed(2)}`);
}

/** The stand-in: a chain of headers alike, and the logs in them. */
async function answer({ method, params }: RpcMessage): Promise<RpcAnswer> {
  if (LATENCY_MS > 0) await sleep(LATENCY_MS);
  switch (method) {
    case "eth_blockNumber":
      return { result: hex(BLOCKS) };
    case "eth_getBlockByNumber": {
      const number = params[0] === "latest" ? BLOCKS : Number(params[0]);
      const logsBloom = withLogs.has(number) ? FULL_BLOOM : EMPTY_BLOOM;
      return { result: { ...header, number: hex(number), hash: hashOf(number), logsBloom } };
    }
    case "eth_getLogs": {
      const range = params[0] as Range;
      if (spanOf(range) > WIDEST) {
        return { error: { code: -32602, message: `limited to a ${WIDEST} block range` } };
      }
      const [from, to] = [Number(range.fromBlock), Number(range.toBlock)];
      const found = spread.filter(({ number }) => number >= from && number <= to);
      return { result: found.map(({ log }) => log) };
    }
    default:
      return { error: { code: -32601, message: "no such method" } };
  }
}

/** Deposits on a real EVM: the Mediator's logs as they come over the wire, and a header. */
async function realLogs({ client, keys, addresses, chainId, rpc }: Anvil) {
  const exchange = await deployExchange({
    client,
    owner: localSigner(keys[0] as Hex),
    operator: { address: addresses[1] as Address, name: "a", uri: "b" },
    roundSize: 40_000,
    disputeBond: 0n,
    tokens: [{ name: "T", symbol: "T", decimals: 18 }],
  });
  const signer = localSigner(keys[3] as Hex);
  const submitter = new Submitter({ client, signer, chainId, maxFeePerGas: 10n ** 12n, pollMs: 2 });
  const { mediator, tokens } = exchange;
  const [token] = tokens as [Address];
  const amount = BigInt(DEPOSITS);
  await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, amount) });
  await submitter.send({ what: "approve", to: token, data: encodeApprove(mediator, amount) });
  for (let i = 0; i < DEPOSITS; i++) {
    await submitter.send({ what: "deposit", to: mediator, data: encodeDeposit(token, 1n) });
  }
  return {
    mediator,
    logs: await rpc<RawLog[]>("eth_getLogs", [{ address: mediator, fromBlock: "0x0" }]),
    header: await rpc<object>("eth_getBlockByNumber", ["latest", false]),
  };
}

async function bareLoop(): Promise<number> {
  let count = 0;
  for (const { fromBlock, toBlock } of ranges) {
    const found = await direct.getLogs({
      address: mediator,
      fromBlock: BigInt(fromBlock),
      toBlock: BigInt(toBlock),
    });
    count += found.length;
  }
  return count;
}

async function followAll(urls: readonly string[]): Promise<number> {
  const client = connect(urls);
  const stop = new AbortController();
  let count = 0;
  const events = follow({
    client,
    mediator,
    confirmations: 0,
    after: await readBlockRef(client, 0),
    pollMs: 10,
    maxTries: 3,
    signal: stop.signal,
  });
  for await (const event of events) {
    if (event.kind !== "final") continue;
    count += event.logs.length;
    if (event.to.number >= BLOCKS) stop.abort();
  }
  return count;
}

function spanOf({ fromBlock, toBlock }: Range): number {
  return Number(toBlock) - Number(fromBlock) + 1;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
