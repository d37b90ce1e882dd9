/**
 * Faults of endpoints that still answer, by public reports of their users: logs that are not the
 * chain's, limits worded in many ways, fields left out, answers to somebody else's question.
 */
import type { Hex } from "../../src/base/hex.ts";
import type { Random } from "./random.ts";
import type { RpcLog } from "./rpcNode.ts";

/**
 * logsDoubled: some logs stand twice in an answer. logsDropped: now and then one is missing.
 * logsReordered: in any order. logsPruned: of old blocks no logs, without an error. logsRefused:
 * of old blocks an error for pruned history. hashEmpty: no logs by block hash. hashIgnored: by
 * block hash the logs of the newest block. blocksHidden: of some blocks no logs, each time.
 */
export const LOG_FAULTS = [
  "logsDoubled",
  "logsDropped",
  "logsReordered",
  "logsPruned",
  "logsRefused",
  "hashEmpty",
  "hashIgnored",
  "blocksHidden",
] as const;
/**
 * limitedInBody: every answer is a rate limit as a JSON-RPC error. limitedByStatus: likewise, and
 * by HTTP status. limitedSometimes: every third. sick: errors of a node that cannot serve just now.
 */
export const LIMIT_FAULTS = [
  "limitedInBody",
  "limitedByStatus",
  "limitedSometimes",
  "sick",
] as const;
/**
 * noGasPrice: receipts without effectiveGasPrice. nullFields: null in place of what is not needed.
 * noBloom: headers without a bloom. wrongId: now and then the answer to an earlier question.
 * noSubscribe: a WebSocket on which heads cannot be subscribed to.
 */
export const SHAPE_FAULTS = [
  "noGasPrice",
  "nullFields",
  "noBloom",
  "wrongId",
  "noSubscribe",
] as const;
/**
 * Lies that nobody can know for such where no true endpoint answers; they come while one is well.
 * blocksInvented: blocks after the newest true one, without logs. trialsRefused: each trial of a
 * call is refused, as if the Mediator were HALTED. dutiesHidden: every round counts as committed,
 * no withdrawal as asked for, and no dispute as open.
 */
export const REFUTABLE_FAULTS = ["blocksInvented", "trialsRefused", "dutiesHidden"] as const;
/**
 * Lies about contracts, likewise. viewsRefused: every view of them reverts. viewsGarbled: it gives
 * what cannot be decoded.
 */
export const VIEW_FAULTS = ["viewsRefused", "viewsGarbled"] as const;
/**
 * Lies about who may act, and about an operator's own account. slotsMoved: a stranger holds this
 * slot and the next, and nobody claimed. listEmptied: the manager knows no operator. quorumRaised:
 * a commit takes three operators. noncesAhead: the key used two nonces more. noncesBehind: it used
 * none. receiptsInvented: whatever was sent is mined. receiptsHidden: nothing is. balanceEmptied:
 * the key has nothing.
 */
export const WORD_FAULTS = [
  "slotsMoved",
  "listEmptied",
  "quorumRaised",
  "noncesAhead",
  "noncesBehind",
  "receiptsInvented",
  "receiptsHidden",
  "balanceEmptied",
] as const;
/**
 * Lies that get ahead little by little. blocksCreeping: after the newest true block come made-up
 * ones, one more with each block, until there are 19; then none.
 */
export const CREEPING_FAULTS = ["blocksCreeping"] as const;
/**
 * Lies that headers refute, where these prove anything; the first also where they prove nothing.
 * logsInvented: a second log beside true ones, alike but for its amount, in receipts too where
 * headers refute those. logsMoved: other places of logs in their blocks. hashesInvented: of one
 * older block in three another hash, and by that no logs. upperCased, no lie: hex in upper case.
 */
export const INVENTING_FAULTS = [
  "logsInvented",
  "logsMoved",
  "hashesInvented",
  "upperCased",
] as const;
/** The faults that a seed draws from; what is added here makes other worlds of old seeds. */
export const DRAWN_FAULTS = [...LOG_FAULTS, ...LIMIT_FAULTS, ...SHAPE_FAULTS] as const;
export const ENDPOINT_FAULTS = [
  ...DRAWN_FAULTS,
  ...REFUTABLE_FAULTS,
  ...VIEW_FAULTS,
  ...WORD_FAULTS,
  ...CREEPING_FAULTS,
  ...INVENTING_FAULTS,
] as const;
export type EndpointFault = (typeof ENDPOINT_FAULTS)[number];

/** Blocks behind the head of which a pruned endpoint has no logs. */
const KEPT_BLOCKS = 2;

/** Rate limits, and words of nodes that cannot serve now: code, message. */
const LIMITS: readonly (readonly [number, string])[] = [
  [-32005, "limit exceeded"],
  [-32005, "daily request count exceeded, request rate limited"],
  [-32016, "over rate limit"],
  [-32011, "request limit reached"],
  [-32000, "rate limit exceeded"],
  [-32000, "Too many requests, please slow down"],
  [-32090, "Too many requests, reason: call rate limit exhausted, retry in 10s"],
  [-32097, "compute units per second capacity exceeded"],
  [-32003, "daily request limit reached - upgrade your account"],
  [15, "Too many request, try again later"],
  [429, "Your app has exceeded its compute units per second capacity"],
  [-32029, "Too Many Requests"],
];
const SICKNESSES: readonly (readonly [number, string])[] = [
  [-32000, "historical state 00ab is not available"],
  [-32000, "required historical state unavailable (reexec=128)"],
  [-32000, "upstream does not have the requested block yet"],
  [-32000, "cannot query unfinalized data"],
  [-32000, "World state unavailable"],
  [-32011, "no backends available for method"],
  [-32000, "node is not synced"],
  [-32052, "API key is not allowed to access this blockchain"],
  [-32010, "Internal error, please try again"],
  [-32603, "internal error"],
  [19, "Temporary internal error. Please retry"],
  [30, "Request timeout on the free tier, please upgrade your tier to the paid one"],
  [-32000, "missing trie node 00ab (path ) state is not available"],
];
const PRUNED: readonly (readonly [number, string])[] = [
  [4444, "pruned history unavailable"],
  [-32001, "receipts of this block are pruned"],
  [-32000, "history has been pruned for this block"],
];
const STATUSES = [429, 403, 503, 502] as const;

/** An answer in place of the true one; `status` is HTTP's. */
export interface Refused {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

/**
 * The answer of an endpoint with `faults` in place of the true one; mostly none. `words`: a number
 * of the endpoint's, which always says it in the same words.
 */
export function refusalBy(
  faults: ReadonlySet<EndpointFault>,
  random: Random,
  words: number,
): Refused | undefined {
  const wordsOf = (table: typeof LIMITS, status: number) => {
    const [code, message] = table[words % table.length] as (typeof LIMITS)[number];
    return { status, code, message };
  };
  const limited = (status: number) => wordsOf(LIMITS, status);
  if (faults.has("limitedByStatus")) return limited(random.pick(STATUSES));
  if (faults.has("limitedInBody")) return limited(200);
  if (faults.has("limitedSometimes") && random.chance(0.33)) {
    return limited(random.chance(0.7) ? 200 : 429);
  }
  if (faults.has("sick") && random.chance(0.5)) return wordsOf(SICKNESSES, 200);
  return undefined;
}

/** Whether old logs are refused, and how; `from`: the first block that is asked for. */
export function prunedBy(
  faults: ReadonlySet<EndpointFault>,
  random: Random,
  from: number,
  head: number,
): Refused | undefined {
  if (!faults.has("logsRefused") || from >= head - KEPT_BLOCKS) return undefined;
  const [code, message] = random.pick(PRUNED);
  return { status: 200, code, message };
}

/** The logs as an endpoint with `faults` gives them. */
export function logsBy(
  faults: ReadonlySet<EndpointFault>,
  random: Random,
  logs: readonly RpcLog[],
  { head, wordOf }: { readonly head: number; readonly wordOf: (blockHash: Hex) => string },
): RpcLog[] {
  let told = [...logs];
  if (faults.has("logsPruned")) {
    told = told.filter(({ blockNumber }) => Number(blockNumber) >= head - KEPT_BLOCKS);
  }
  if (faults.has("blocksHidden")) {
    told = told.filter(({ blockHash }) => !isHidden(wordOf(blockHash)));
  }
  if (faults.has("logsDropped") && told.length > 0 && random.chance(0.3)) {
    told.splice(random.int(0, told.length - 1), 1);
  }
  if (faults.has("logsDoubled")) {
    told = told.flatMap((log) => (random.chance(0.5) ? [log, { ...log }] : [log]));
  }
  if (faults.has("logsReordered")) told = shuffled(told, random);
  if (faults.has("nullFields")) {
    told = told.map((log) => ({ ...log, transactionIndex: null, removed: undefined }));
  }
  return told;
}

/** A header, receipt or transaction as an endpoint with `faults` gives it. */
export function shapedBy(
  faults: ReadonlySet<EndpointFault>,
  random: Random,
  method: string,
  result: unknown,
): unknown {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return result;
  const shown: Record<string, unknown> = { ...result };
  const isHeader = method.startsWith("eth_getBlockBy");
  if (faults.has("noGasPrice") && "effectiveGasPrice" in shown) {
    if (random.chance(0.5)) delete shown.effectiveGasPrice;
    else shown.effectiveGasPrice = null;
  }
  if (faults.has("noBloom") && isHeader) delete shown.logsBloom;
  if (faults.has("nullFields")) {
    for (const name of ["transactionIndex", "cumulativeGasUsed", "type", "gasLimit", "from"]) {
      if (name in shown) shown[name] = null;
    }
  }
  return shown;
}

/** Of one block in three. */
export function isHidden(word: string): boolean {
  return Number.parseInt(word.slice(2, 6), 16) % 3 === 0;
}

/** Other places of the logs. */
export function withMoved(logs: readonly RpcLog[]): RpcLog[] {
  return logs.map((log) => ({ ...log, logIndex: `0x${(Number(log.logIndex) + 1).toString(16)}` }));
}

/** After the last log of each of these blocks another one like it, of another amount. */
export function withInvented(logs: readonly RpcLog[], words: number): RpcLog[] {
  return logs.flatMap((log, i) => {
    const data = log.data as Hex;
    if (logs[i + 1]?.blockHash === log.blockHash || data.length < 2 + 64) return [log];
    const ending = (words + 1).toString(16).padStart(4, "0");
    const logIndex: Hex = `0x${(Number(log.logIndex) + 1).toString(16)}`;
    return [log, { ...log, data: `${data.slice(0, -4)}${ending}`, logIndex }];
  });
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  const mixed: T[] = [];
  while (left.length > 0) mixed.push(...left.splice(random.int(0, left.length - 1), 1));
  return mixed;
}
