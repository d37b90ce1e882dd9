/**
 * The words of the chain's clients for what they refuse. Each is a fact of that client's source;
 * all of them come under JSON-RPC codes that say little.
 */
import type { PoolRefusal } from "../chain/chain.ts";

export const DIALECTS = ["geth", "nethermind", "besu", "erigon", "reth", "hardhat"] as const;
export type Dialect = (typeof DIALECTS)[number];

type Words = Readonly<Record<PoolRefusal["reason"], (nonce: number, next: number) => string>>;

const WORDS: Readonly<Record<Dialect, Words>> = {
  geth: {
    alreadyKnown: () => "already known",
    underpriced: () => "replacement transaction underpriced",
    nonceTooLow: (nonce, next) => `nonce too low: next nonce ${next}, tx nonce ${nonce}`,
  },
  nethermind: {
    alreadyKnown: () => "AlreadyKnown",
    underpriced: () => "ReplacementNotAllowed",
    nonceTooLow: (nonce, next) =>
      `OldNonce, Current nonce: ${next}, nonce of rejected tx: ${nonce}`,
  },
  besu: {
    alreadyKnown: () => "Known transaction",
    underpriced: () => "Replacement transaction underpriced",
    nonceTooLow: () => "Nonce too low",
  },
  erigon: {
    alreadyKnown: () => "ALREADY_EXISTS: already known",
    underpriced: () => "NOT_REPLACED: could not replace existing tx",
    nonceTooLow: () => "NONCE_TOO_LOW: nonce too low",
  },
  reth: {
    alreadyKnown: () => "already known",
    underpriced: () => "replacement transaction underpriced",
    nonceTooLow: (nonce, next) => `nonce too low: next nonce ${next}, tx nonce ${nonce}`,
  },
  hardhat: {
    alreadyKnown: () => "Known transaction: the pool holds it already",
    underpriced: () =>
      "Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least 11 is necessary " +
      "to replace the existing transaction.",
    nonceTooLow: (nonce, next) =>
      `Nonce too low. Expected nonce to be ${next} but got ${nonce}. Note that transactions can't ` +
      "be queued when automining.",
  },
};

const CODES: Readonly<Record<Dialect, number>> = {
  geth: -32000,
  nethermind: -32010,
  besu: -32000,
  erigon: -32000,
  reth: -32000,
  hardhat: -32000,
};

/** Code and message for a transaction that the pool does not take. */
export function refusalOf(dialect: Dialect, { reason, nonces }: PoolRefusal): [number, string] {
  const { nonce = 0, next = 0 } = nonces ?? {};
  // Besu has a code for each; Nethermind one for all transactions.
  if (dialect === "besu" && reason === "nonceTooLow") return [-32001, WORDS.besu.nonceTooLow(0, 0)];
  return [CODES[dialect], WORDS[dialect][reason](nonce, next)];
}

/** Code and message for a block that is asked for and not known. */
export function unknownBlock(dialect: Dialect, block: string): [number, string] {
  switch (dialect) {
    case "geth":
      return block.length === 66 ? [-32000, "unknown block"] : [-32000, "header not found"];
    case "nethermind":
      return [-32001, `Unknown block ${block}`];
    case "besu":
      return [-32000, "Block not found"];
    case "erigon":
      return [-32000, `block not found: ${block}`];
    case "reth":
      return [-32001, `block not found: ${block}`];
    case "hardhat":
      return [-32000, `Received invalid block tag ${block}. Latest block number is unknown`];
  }
}
