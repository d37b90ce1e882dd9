/** Answers of a wallet, whose objects are its own. */
import { expect, it } from "vitest";
import { publicName } from "./connection.ts";
import { EndpointFailed } from "./errors.ts";
import { overProvider, providerUrl } from "./provider.ts";

const HASH = `0x${"AB".repeat(32)}`;

function asking(answer: unknown) {
  const url = providerUrl({ request: async () => answer });
  const connection = overProvider(url, publicName("https://wallet.example"), 1000);
  return connection.request({ method: "eth_getBlockByNumber", params: ["0x1", false] });
}

it("hex of a wallet comes in lower case, and the wallet's own objects stay as they are", async () => {
  const own = Object.freeze({ hash: HASH, transactions: Object.freeze([HASH]) });
  const found = await asking(own);
  expect(found).toEqual({ hash: HASH.toLowerCase(), transactions: [HASH.toLowerCase()] });
  expect(own.hash).toBe(HASH);
  expect(await asking("0xAB")).toBe("0xab");
  expect(await asking(null)).toBeNull();
});

it("an answer of a wallet that is no JSON is its failure", async () => {
  const round: { self?: unknown } = {};
  round.self = round;
  for (const odd of [round, { value: 1n }]) {
    await expect(asking(odd)).rejects.toBeInstanceOf(EndpointFailed);
  }
});
