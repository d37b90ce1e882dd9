/** Headers of blocks: what they say, and the hash that proves it, as on most chains. */
import { keccak256, stringToHex } from "viem";
import type { Address, Hex } from "../../src/base/hex.ts";
import { headerHash } from "../../src/chain/proofs/headerProof.ts";
import { receiptsRoot } from "../../src/chain/proofs/receiptsRoot.ts";
import type { Block, HeaderFields } from "./block.ts";
import { bloomOf } from "./bloom.ts";

export interface HeaderForm {
  readonly mediator: Address;
  /** Whether hashes are those of headers, as on most chains; otherwise headers prove nothing. */
  readonly isProven: boolean;
  /** The bits that the logs of other contracts set in every bloom. */
  readonly otherBlooms: Uint8Array | undefined;
}

/** A log of another contract, which takes a place among those of a block. */
const OTHER_LOG = {
  address: `0x${"99".repeat(20)}`,
  topics: [] as readonly Hex[],
  data: "0x",
} as const;

/** A block whose hash is still to be found. */
export type Unsealed = Omit<Block, "hash" | "header">;

/** Fields of which nothing in this world depends. */
const CONSTANTS = {
  sha3Uncles: wordOf("uncles"),
  miner: `0x${"11".repeat(20)}`,
  transactionsRoot: wordOf("transactions"),
  difficulty: "0x0",
  extraData: "0x",
  mixHash: wordOf("mix"),
  nonce: "0x0000000000000000",
} as const;
const QUANTITIES = ["number", "difficulty", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"];

export function sealed(block: Unsealed, form: HeaderForm): Block {
  const header = headerOf(block, form);
  if (!form.isProven) return { ...block, header, hash: block.word };
  const quantities = QUANTITIES.map((name) => [name, BigInt(header[name] as Hex)]);
  const hash = headerHash({ ...header, ...Object.fromEntries(quantities) });
  if (hash === undefined) throw new Error("A header lacks a field.");
  return { ...block, header, hash };
}

function headerOf(block: Unsealed, { mediator, isProven, otherBlooms }: HeaderForm): HeaderFields {
  const { number, word, parent, timestamp, baseFee, logs } = block;
  const items = logs.flatMap(({ topics }) => [mediator as Hex, ...topics]);
  const fields = {
    number: hex(number),
    parentHash: parent?.hash ?? word,
    timestamp: hex(timestamp),
    baseFeePerGas: hex(baseFee),
    gasLimit: hex(30_000_000),
    gasUsed: "0x0" as const,
    logsBloom: bloomOf(items, otherBlooms),
  };
  if (!isProven) return fields;
  const root = receiptsRoot(receiptFields(block, mediator), 0n);
  if (root === undefined) throw new Error("A receipt lacks a field.");
  return { ...CONSTANTS, ...fields, stateRoot: word, receiptsRoot: root };
}

/** What the receipts of a block say of their transactions, whatever block that is. */
export function receiptFields(
  { mined, logs }: Pick<Unsealed, "mined" | "logs">,
  mediator: Address,
) {
  let place = 0;
  return mined.map(({ transaction, refusal }) => {
    const own = logs.filter(({ transactionHash }) => transactionHash === transaction.hash);
    const all = own.flatMap(({ logIndex, topics, data }) => {
      const before = Array.from({ length: logIndex - place }, () => OTHER_LOG);
      place = logIndex + 1;
      return [...before, { address: mediator as Hex, topics, data }];
    });
    return {
      type: "0x2",
      status: refusal === undefined ? "0x1" : "0x0",
      cumulativeGasUsed: hex(150_000),
      logs: all,
      logsBloom: bloomOf(
        own.flatMap(({ topics }) => [mediator as Hex, ...topics]),
        undefined,
      ),
    };
  });
}

function wordOf(text: string): Hex {
  return keccak256(stringToHex(text));
}

function hex(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}
