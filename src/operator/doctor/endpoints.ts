/** The doctor's checks of each JSON-RPC endpoint, and between them. */

import { clause } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { wayOfLogs } from "../../chain/follow/blockLogs.ts";
import { AdaptiveRange } from "../../chain/follow/readRange.ts";
import { LogsRefused } from "../../chain/follow/soundLogs.ts";
import { shortMessage } from "../../chain/rpc/errors.ts";
import { asTooWide } from "../../chain/rpc/logWidth.ts";
import { type ChainClient, connect } from "../../chain/rpc/rpc.ts";
import { MAX_VIEW_LAG_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type Finding, failure, fine, warning } from "./finding.ts";

/** One endpoint that answered. */
export interface Endpoint {
  /** The rest of a URL may hold a secret. */
  readonly origin: string;
  readonly client: ChainClient;
  readonly chainId: number;
  readonly head: { readonly number: BlockNumber; readonly timestamp: number };
}

const TIMEOUT_MS = 10_000;

/**
 * Each endpoint's chain id and newest block, in the order given. The findings are those that did
 * not answer.
 */
export async function reach(
  urls: readonly string[],
): Promise<{ endpoints: Endpoint[]; findings: Finding[] }> {
  const all = await Promise.all(urls.map(reachOne));
  return {
    endpoints: all.filter((one) => "client" in one),
    findings: all.filter((one) => "check" in one),
  };
}

async function reachOne(url: string): Promise<Endpoint | Finding> {
  const { origin } = new URL(url);
  try {
    const client = connect([url], { retries: 0, timeoutMs: TIMEOUT_MS });
    const [chainId, block] = await Promise.all([
      client.getChainId(),
      client.getBlock({ blockTag: "latest" }),
    ]);
    const head = { number: Number(block.number), timestamp: Number(block.timestamp) };
    return { origin, client, chainId, head };
  } catch (error) {
    const what = `${origin} does not answer (${shortMessage(error)})`;
    return failure("endpoint", what, "Check the URL, the key in it, and that the node is up.");
  }
}

const OLD_HEAD_SECONDS = 120;
const DEAD_HEAD_SECONDS = 900;
const MAX_SKEW_SECONDS = 15;

/** One chain, heads that move with it, and one history. `now`: this machine's clock, in seconds. */
export async function checkEndpoints(
  endpoints: readonly Endpoint[],
  confirmations: number,
  now: number,
): Promise<Finding[]> {
  const newest = Math.max(...endpoints.map(({ head }) => head.number));
  const findings = endpoints.map((endpoint) => judgeHead(endpoint, newest, now));
  findings.push(judgeClock(endpoints, now));
  const ids = new Set(endpoints.map(({ chainId }) => chainId));
  if (ids.size > 1) {
    const list = endpoints.map(({ origin, chainId }) => `${origin} serves ${chainId}`).join(", ");
    const hint = "Name endpoints of the exchange's chain only.";
    return [...findings, failure("one chain", list, hint)];
  }
  return [...findings, await agreement(endpoints, confirmations)];
}

function judgeHead({ origin, chainId, head }: Endpoint, newest: number, now: number): Finding {
  const age = Math.round(now - head.timestamp);
  const detail = `${origin}: chain ${chainId}, block ${head.number}, ${age} s old`;
  const behind = newest - head.number;
  const hint = "Wait until the node is synced, use another, or set this machine's clock.";
  if (age > DEAD_HEAD_SECONDS) return failure("endpoint", detail, hint);
  if (age > OLD_HEAD_SECONDS) return warning("endpoint", detail, hint);
  if (behind > MAX_VIEW_LAG_BLOCKS) {
    return warning("endpoint", `${detail}, ${behind} blocks behind the others`, hint);
  }
  return fine("endpoint", detail);
}

/** No block comes from the future: where one seems to, this machine's clock is behind. */
function judgeClock(endpoints: readonly Endpoint[], now: number): Finding {
  const ahead = Math.round(Math.max(...endpoints.map(({ head }) => head.timestamp)) - now);
  if (ahead <= MAX_SKEW_SECONDS) return fine("clock", "not behind the chain's newest block");
  return failure(
    "clock",
    `the chain's newest block is ${ahead} s in this machine's future`,
    "Set this machine's clock: run an NTP client.",
  );
}

/** Whether all endpoints have the same final block. */
async function agreement(endpoints: readonly Endpoint[], confirmations: number): Promise<Finding> {
  const oldest = Math.min(...endpoints.map(({ head }) => head.number));
  const number = Math.max(0, oldest - confirmations);
  const hashes = await Promise.all(
    endpoints.map(async ({ origin, client }) => {
      const block = await client.getBlock({ blockNumber: BigInt(number) });
      return { origin, hash: block.hash };
    }),
  );
  const differ = new Set(hashes.map(({ hash }) => hash)).size > 1;
  if (!differ) return fine("one chain", `all have the same block ${number}`);
  const list = hashes.map(({ origin, hash }) => `${origin} has ${hash}`).join(", ");
  const hint = "One follows another fork: ask its provider, and leave it out until it agrees.";
  return failure("one chain", `block ${number}: ${list}`, hint);
}

/**
 * Whether each serves the Mediator's logs from block `from` on, where the operator will begin, at
 * whatever width it allows, and those of a new block by its hash or from its receipts.
 */
export async function checkLogs(
  endpoints: readonly Endpoint[],
  mediator: Address,
  from: BlockNumber,
): Promise<Finding[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const inRange = await checkRange(endpoint, mediator, from);
      if (inRange.state !== "ok") return inRange;
      return (await checkByHash(endpoint, mediator)) ?? inRange;
    }),
  );
}

async function checkRange(
  { origin, client, head }: Endpoint,
  mediator: Address,
  from: BlockNumber,
): Promise<Finding> {
  if (head.number < from) return fine("logs", `${origin}: nothing to read yet`);
  // As the operator reads: fewer at once where the endpoint wants it.
  const range = new AdaptiveRange();
  let width = "";
  for (;;) {
    const to = Math.min(head.number, from + range.blocks - 1);
    const blocks = to - from + 1;
    const read = { fromBlock: BigInt(from), toBlock: BigInt(to) };
    try {
      await client.getLogs({ address: mediator, ...read });
      return fine("logs", `${origin} serves logs of blocks ${from} to ${to}${width}`);
    } catch (error) {
      const tooWide = asTooWide(error);
      if (tooWide === undefined || blocks === 1) {
        const what = `${origin} does not serve logs of blocks ${from} to ${to}`;
        const hint = "Use an endpoint that keeps logs since then, and serves many blocks at once.";
        return failure("logs", `${what} (${shortMessage(error)})`, hint);
      }
      range.refused(blocks, tooWide.proposed);
      const isNamed = range.blocks === tooWide.proposed;
      width = `, ${range.blocks} blocks at once${isNamed ? " at most" : ""}`;
    }
  }
}

/** Undefined where it serves them by hash. */
async function checkByHash(
  { origin, client }: Endpoint,
  mediator: Address,
): Promise<Finding | undefined> {
  try {
    const { number } = await client.getBlock({ blockTag: "latest" });
    const way = await wayOfLogs({ client, mediator }, Number(number));
    if (way === "hash") return undefined;
    const what = `${origin} does not serve logs by block hash`;
    const hint =
      "Nothing has to be done: the operator reads the receipts of blocks instead, which takes " +
      "more requests.";
    return warning("logs by hash", what, hint);
  } catch (error) {
    const why = error instanceof LogsRefused ? clause(error.problem) : shortMessage(error);
    const what = `${origin} gives a new block's logs neither by hash nor by receipts (${why})`;
    const hint =
      "Use an endpoint whose eth_getLogs takes blockHash, or that gives the receipts of blocks.";
    return failure("logs by hash", what, hint);
  }
}
