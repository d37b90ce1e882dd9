import { RpcRequestError } from "viem";
import { describe, expect, it } from "vitest";
import { feeFloorOf, isCallersError, kindOf, RpcRefusal, revertDataOf } from "./errorKinds.ts";
import { EndpointFailed, RpcUnavailable } from "./errors.ts";
import { REVERTED, WORDINGS } from "./errorWordings.ts";
import type { RpcErrorKind } from "./wording.ts";

const answer = (
  message: string,
  { code = -32000, status, data, method = "eth_call" }: Partial<Details> = {},
) => new RpcRefusal(method, "http://a", { code, message, data }, status);

interface Details {
  readonly code: number;
  readonly status: number;
  readonly data: unknown;
  readonly method: string;
}

describe("the table of wordings", () => {
  it.each([...REVERTED, ...WORDINGS].map((one) => [one.kind, one.example, one] as const))(
    "the table of wordings sorts as %s: %s",
    (kind, example, { words, minimum }) => {
      expect(words.test(example)).toBe(true);
      expect(kindOf(answer(example))).toBe(kind);
      expect(kindOf(answer(example, { code: -32603 }))).toBe(kind);
      if (minimum === undefined) return;
      const { tip, fee } = feeFloorOf(answer(example));
      expect(tip + fee).toBeGreaterThan(0n);
    },
  );
});

describe("an error", () => {
  it.each<[RpcErrorKind, string, Partial<Details>]>([
    ["limited", "over rate limit", { code: -32016 }],
    ["limited", "request limit reached", { code: -32011 }],
    ["limited", "Too many requests, reason: call rate limit exhausted", { code: -32090 }],
    ["limited", "compute units per second capacity exceeded", { code: -32097 }],
    ["limited", "daily request limit reached - upgrade your account", { code: -32003 }],
    ["limited", "limit exceeded", { code: -32005 }],
    ["limited", "API key is not allowed to access this blockchain", { code: -32052 }],
    ["limited", "Request timeout on the free tier, please upgrade your tier", { code: 30 }],
    ["pruned", "historical state 00ab is not available", {}],
    ["pruned", "block not found: 0x10", {}],
    ["pruned", "cannot query unfinalized data", {}],
    ["pruned", "World state unavailable", {}],
    ["pruned", "anything", { code: 4444 }],
    ["sick", "no backends available for method", { code: -32011 }],
    ["sick", "node is not synced", {}],
    ["sick", "Internal error, please try again", { code: -32010 }],
    ["sick", "request timed out", { method: "eth_blockNumber" }],
    ["tooWide", "request timed out", { method: "eth_getLogs" }],
    ["sick", "Temporary internal error. Please retry, trace-id: 7c", { code: 19 }],
    ["sick", "words that nobody knows", { code: -32000 }],
    ["sick", "bad gateway", { code: -32600, status: 502 }],
    ["limited", "no", { code: -32600, status: 429 }],
    ["badRequest", "invalid argument 0", { code: -32602 }],
    ["badRequest", "invalid request", { code: -32600, status: 400 }],
    ["unsupported", "no", { code: -32601 }],
    ["reverted", "any", { code: 3 }],
    ["reverted", "any", { data: "0x08c379a0" }],
    ["reverted", "Internal error", { code: -32603, data: { data: "0x", message: "x" } }],
    ["reverted", "VM Exception", { data: { hash: "0x1", result: "0x08c379a0" } }],
    ["reverted", "VM error", { code: -32015, data: "Reverted 0x08c379a0" }],
    ["sick", "execution reverted", { method: "eth_getBlockByNumber" }],
    ["sick", "execution reverted", { code: 3, data: "0x08c379a0", method: "eth_getLogs" }],
    ["sick", "any", { code: 3, method: "eth_getBlockReceipts" }],
    ["sick", "VM execution error.", { code: -32015, method: "eth_getTransactionReceipt" }],
    ["sick", "nonce too low", { method: "eth_getLogs" }],
    ["sick", "already known", { method: "eth_getTransactionCount" }],
    ["sick", "insufficient funds for gas", { method: "eth_getBalance" }],
    ["sick", "block range is too wide", { method: "eth_blockNumber" }],
    ["limited", "any", { code: 429, data: "0x", method: "eth_blockNumber" }],
    ["reverted", "execution reverted", { method: "eth_estimateGas" }],
    ["reverted", "execution reverted", { method: "eth_sendRawTransaction" }],
    ["tooWide", "range over 5000 blocks, block range is too wide", { status: 503 }],
  ])("an error is %s: %s %j", (kind, message, details) => {
    expect(kindOf(answer(message, details))).toBe(kind);
  });

  it("an error is the caller's for reverts, bad requests, widths and transactions only", () => {
    const callers = new Set(
      [...REVERTED, ...WORDINGS]
        .filter((one) => isCallersError(answer(one.example)))
        .map(({ kind }) => kind),
    );
    expect([...callers].sort()).toEqual(
      [
        "badTransaction",
        "belowBaseFee",
        "funds",
        "known",
        "nonceTooHigh",
        "nonceTooLow",
        "reverted",
        "tooWide",
        "underpriced",
      ].sort(),
    );
    expect(isCallersError(answer("any", { code: -32602 }))).toBe(true);
    expect(isCallersError(answer("any", { code: -32700 }))).toBe(false);
    expect(isCallersError(new EndpointFailed("http://a", "HTTP 500"))).toBe(false);
  });

  it("an error is found behind whatever wraps it, and none is made up", () => {
    const error = { code: -32000, message: "already known" };
    const bare = new RpcRequestError({ body: {}, error, url: "" });
    expect(kindOf(new RpcUnavailable("it", new Error("x", { cause: bare })))).toBe("known");
    expect(kindOf(new Error("already known"))).toBeUndefined();
    expect(revertDataOf(new Error("0x1234"))).toBeUndefined();
    expect(feeFloorOf(answer("replacement transaction underpriced"))).toEqual({ tip: 0n, fee: 0n });
  });
});
