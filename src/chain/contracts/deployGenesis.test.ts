import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { deployExchange } from "./deploy.ts";

const KEY = `0x${"11".repeat(32)}` as const;
const ADDRESS = toAddress(`0x${"22".repeat(20)}`);

/** A chain that answers nothing: what is refused before it is asked costs nothing. */
const SILENT = new Proxy({} as ChainClient, {
  get: () => () => Promise.reject(new Error("asked")),
});

function deploy(roundSize: number, genesisBlocks: number) {
  return deployExchange({
    client: SILENT,
    owner: localSigner(KEY),
    operator: { address: ADDRESS, name: "one", uri: "http://one" },
    slots: { genesisBlocks, slotBlocks: 10, others: [] },
    roundSize,
    disputeBond: 0n,
    tokens: [],
  });
}

describe("a Genesis that outlasts the first commit's window", () => {
  // The rescue window of a quarter of 16 blocks is its last 4; one of 3 blocks has none.
  it.each([
    [64, 76],
    [64, 1000],
    [12, 15],
  ])("a Genesis too long is never sent: rounds of %i, Genesis of %i", async (size, genesis) => {
    await expect(deploy(size, genesis)).rejects.toMatchObject({
      code: "GenesisTooLong",
      message: expect.stringContaining(`Genesis of ${genesis} blocks`),
    });
  });

  it.each([
    [64, 75],
    [12, 14],
  ])("a Genesis that ends in time is taken: rounds of %i, Genesis of %i", async (size, genesis) => {
    await expect(deploy(size, genesis)).rejects.toThrow("asked");
  });
});
