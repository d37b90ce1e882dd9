/** Against what another project has collected of providers' refusals. */
import { readFileSync } from "node:fs";
import { getLogsRetryHelper } from "@ponder/utils";
import { numberToHex, type RpcError } from "viem";
import { describe, expect, it } from "vitest";
import { isCallersError, RpcRefusal } from "./errorKinds.ts";
import { asTooWide } from "./logWidth.ts";

/** Wider than any limit that is named below. */
const BLOCKS = 1_000_000;
/** One for each form that the other project knows. */
const MESSAGES: readonly (readonly [number, string])[] = [
  [-32000, "requested too many blocks from 0 to 5000, maximum is set to 2048"],
  [-32047, "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800"],
  [-32000, "Maximum allowed number of requested blocks is 5000"],
  [-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x64]."],
  [-32600, "block range is too wide"],
  [-32602, "Based on your parameters, this block range should work: [0x0, 0x3e7]"],
  [-32614, "eth_getLogs is limited to a 10,000 range"],
  [-32602, "eth_getLogs is limited to 1024 block range"],
  [-32600, "block range exceeds the range allowed for your plan (5000 > 2000)"],
  [-32602, "Block range limit exceeded. See more details at https://docs.chainstack.com"],
  [-32000, "please limit the query to at most 1,000 blocks"],
  [-32701, "exceed maximum block range: 50000"],
  [-32602, "query exceeds max block range 1000"],
  [-32000, "block range greater than 2000 max"],
  [-32000, "block range exceeds 1000"],
  [-32000, "eth_getLogs range is too large, max is 10k blocks"],
  [-32000, "eth_getLogs range is too large, max is 1k blocks"],
  [-32000, "query must be smaller than size 1024"],
  [-32000, "block range is too wide (maximum 1024)"],
  [-32600, "You can make eth_getLogs requests with up to a 2,000 block range."],
  [-32602, "maximum [from, to] blocks distance: 10000"],
  [-32005, "exceed max block range: 5000"],
  [-32000, "allowed block range threshold exceeded"],
  [-32012, "getLogs request exceeded max allowed range"],
  [-32012, "range threshold exceeded"],
  [-32011, "no backend is currently healthy to serve traffic"],
  [-32614, "block range too large"],
  [-32000, "Block range is too large"],
  [-32008, "backend response too large"],
  [-32602, "query exceeds max results 20000"],
  [-32000, "logs matched by query exceeds limit of 10000"],
  [-32005, "query returned more than 10000 results"],
  [-32000, "response size should not greater than 10000000 bytes"],
  [35, "ranges over 10000 blocks are not supported on freetier"],
];

const asOurs = (code: number, message: string) =>
  new RpcRefusal("eth_getLogs", "http://a", { code, message }, 200);

function asOthers(code: number, message: string) {
  const range = { fromBlock: "0x0", toBlock: numberToHex(BLOCKS - 1) } as const;
  return getLogsRetryHelper({ error: { code, message } as RpcError, params: [range] });
}

describe("a refusal for the width of a reading of logs", () => {
  it.each(MESSAGES)(
    "a width refusal is known as such (%i, %s), with the width that it proposes",
    (code, message) => {
      const theirs = asOthers(code, message);
      expect(theirs.shouldRetry).toBe(true);
      const ours = asTooWide(asOurs(code, message));
      expect(ours).toBeDefined();
      // Some widths are not in the text: they are only known of the provider.
      if (!theirs.shouldRetry || !theirs.isSuggestedRange || !/\d/.test(message)) return;
      const [first] = theirs.ranges;
      const width = Number(first?.toBlock) - Number(first?.fromBlock) + 1;
      // They count now the blocks, now the distance of the ends.
      expect(Math.abs((ours?.proposed ?? 0) - width)).toBeLessThanOrEqual(1);
    },
  );

  it("the rules for width refusals cover each form that the other project looks for", () => {
    const path = "node_modules/@ponder/utils/src/getLogsRetryHelper.ts";
    const source = readFileSync(path, "utf8");
    const literal =
      /(?:sError\.match\(\s*|sError\.includes\(\s*|^\s*)(?:\/(.+)\/(?=[,).])|"(.+)")/gm;
    const forms = [...source.matchAll(literal)].map(
      ([, pattern, text]) => new RegExp(pattern ?? (text as string)),
    );
    expect(forms.length).toBeGreaterThanOrEqual(31);
    const missing = forms.filter((form) => !MESSAGES.some(([, text]) => form.test(text)));
    expect(missing).toEqual([]);
  });

  it.each([
    [-32005, "limit exceeded"],
    [-32016, "over rate limit"],
    [-32000, "daily request limit reached"],
    [-32097, "compute units per second capacity exceeded"],
    [4444, "pruned history unavailable"],
  ])("a refusal for the number of requests is no width refusal (%i, %s)", (code, message) => {
    expect(asTooWide(asOurs(code, message))).toBeUndefined();
    expect(isCallersError(asOurs(code, message))).toBe(false);
  });

  it("a width refusal proposes nothing that is no number of blocks", () => {
    const results = asOurs(-32602, "query returned more than 10000 results");
    expect(asTooWide(results)).toEqual({ proposed: undefined });
    const backwards = asOurs(
      -32602,
      "block range is too wide, this block range should work: [0x9, 0x1]",
    );
    expect(asTooWide(backwards)).toEqual({ proposed: undefined });
  });
});
