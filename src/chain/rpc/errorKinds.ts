/**
 * Sorts the errors of endpoints by kind: what its words say, else its HTTP status, else its code.
 * Words come first because each client has codes of its own, and reuses them.
 */
import { RpcRequestError } from "viem";
import { causeOf } from "./errors.ts";
import { REVERTED, WORDINGS } from "./errorWordings.ts";
import type { RpcErrorKind } from "./wording.ts";

/** A JSON-RPC error as it came, with what is known of the request. */
export class RpcRefusal extends RpcRequestError {
  readonly method: string;
  /** The status of the HTTP answer that brought the error; undefined over WebSocket. */
  readonly status: number | undefined;

  constructor(
    method: string,
    url: string,
    error: { readonly code: number; readonly message: string; readonly data?: unknown },
    status: number | undefined,
  ) {
    super({ body: { method }, error, url });
    this.method = method;
    this.status = status;
  }
}

/** Methods that run the EVM or send a transaction. Of the others, no answer can speak of either. */
const RUNNING = /^eth_(call|estimateGas|createAccessList|send\w+)$/;
const OF_RUNS: ReadonlySet<RpcErrorKind> = new Set<RpcErrorKind>([
  "reverted",
  "known",
  "nonceTooLow",
  "nonceTooHigh",
  "underpriced",
  "belowBaseFee",
  "funds",
  "badTransaction",
]);

/** Refusals that any endpoint would give to the same question, in the chain's present state. */
const CALLERS: ReadonlySet<RpcErrorKind> = new Set([...OF_RUNS, "badRequest", "tooWide"] as const);

/** Codes that mean the same everywhere: JSON-RPC 2.0, EIP-1474, EIP-4444, geth's revert. */
const BY_CODE: ReadonlyMap<number, RpcErrorKind> = new Map([
  [3, "reverted"],
  [429, "limited"],
  [4444, "pruned"],
  [-32001, "pruned"],
  [-32004, "unsupported"],
  [-32005, "limited"],
  [-32600, "badRequest"],
  [-32601, "unsupported"],
  [-32602, "badRequest"],
]);

/** Time ran out: for the width where logs are read, else of the endpoint's own. */
const TIME = /(query|request|execution) (timeout|timed out)|context deadline exceeded/i;

/**
 * The kind of the JSON-RPC error in `error`; undefined where it holds none. Words about a run or a
 * transaction, in answer to a question about neither, are taken for no such thing; nor are words
 * about width in answer to a question about none.
 */
export function kindOf(error: unknown): RpcErrorKind | undefined {
  const answer = causeOf(error, (cause) => cause instanceof RpcRequestError);
  if (!(answer instanceof RpcRequestError)) return undefined;
  const { method, status } = answer instanceof RpcRefusal ? answer : {};
  const isFitting = (kind: RpcErrorKind) => {
    if (method === undefined || RUNNING.test(method)) return true;
    return kind === "tooWide" ? isReadingOfLogs(method) : !OF_RUNS.has(kind);
  };
  const isRevert =
    revertDataOf(answer) !== undefined || REVERTED.some(({ words }) => says(answer, words));
  if (isRevert && isFitting("reverted")) return "reverted";
  const wording = WORDINGS.find(({ kind, words }) => isFitting(kind) && says(answer, words));
  if (wording !== undefined) return wording.kind;
  if (TIME.test(answer.details)) return isReadingOfLogs(method) ? "tooWide" : "sick";
  const byCode = BY_CODE.get(answer.code);
  return byStatus(status) ?? (byCode !== undefined && isFitting(byCode) ? byCode : "sick");
}

/**
 * Whether a JSON-RPC error is about the question: another endpoint would give the same. All others
 * say that this endpoint cannot serve it, or not now, or say nothing that anybody knows.
 */
export function isCallersError(error: unknown): boolean {
  const kind = kindOf(error);
  return kind !== undefined && CALLERS.has(kind);
}

/** The least fees for a unit of gas, in wei, that a refusal names. */
export interface FeeFloor {
  readonly tip: bigint;
  readonly fee: bigint;
}

/** The price that a refusal for a low price calls enough; 0 where it names none. */
export function feeFloorOf(error: unknown): FeeFloor {
  const answer = causeOf(error, (cause) => cause instanceof RpcRequestError);
  const text = answer instanceof RpcRequestError ? answer.details : "";
  const groups = WORDINGS.map(({ minimum }) => minimum?.exec(text)?.groups).find(
    (found) => found !== undefined,
  );
  return { tip: BigInt(groups?.tip ?? 0), fee: BigInt(groups?.fee ?? 0) };
}

/** The bytes a revert gave back, wherever the client puts them; undefined: none are there. */
export function revertDataOf(part: unknown): string | undefined {
  return hexIn((part as { data?: unknown } | null | undefined)?.data);
}

/** Hardhat nests them as `data.data`, ganache as `data.result`, Nethermind after "Reverted ". */
function hexIn(data: unknown): string | undefined {
  if (typeof data === "string") return /^(?:Reverted )?(0x[0-9a-f]*)$/i.exec(data)?.[1];
  const { data: inner, result } = (data ?? {}) as { data?: unknown; result?: unknown };
  return [inner, result].find(
    (part): part is string => typeof part === "string" && part.startsWith("0x"),
  );
}

function byStatus(status: number | undefined): RpcErrorKind | undefined {
  if (status === undefined) return undefined;
  if ([401, 402, 403, 429].includes(status)) return "limited";
  return status >= 500 || status === 408 ? "sick" : undefined;
}

function isReadingOfLogs(method: string | undefined): boolean {
  return method === undefined || /^eth_get(Logs|BlockReceipts)$/.test(method);
}

function says({ details }: RpcRequestError, words: RegExp): boolean {
  return words.test(details);
}
