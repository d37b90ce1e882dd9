/** Whether each endpoint can do what the operator will ask of it; of logs see endpoints.ts. */
import { ZERO_ADDRESS } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { readNumberSeen } from "../../chain/contracts/blockNumbers.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { allReceipts } from "../../chain/follow/receipts.ts";
import { isProven } from "../../chain/proofs/headerProof.ts";
import { receiptsRoot } from "../../chain/proofs/receiptsRoot.ts";
import { kindOf } from "../../chain/rpc/errorKinds.ts";
import { RpcUnavailable, shortMessage } from "../../chain/rpc/errors.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "./endpoints.ts";
import { type Finding, failure, fine, warning } from "./finding.ts";

/** One thing that the operator will ask for. */
interface Ability {
  readonly name: string;
  /** Throws, or gives why not, where the endpoint cannot. */
  readonly attempt: (endpoint: Endpoint, trial: Trial) => Promise<string | undefined>;
  readonly hint: string;
  /** Without it the operator works all the same. */
  readonly isOptional?: boolean;
}

/** The values that a trial call uses. */
export interface Trial {
  readonly mediator: Address;
  /** The account whose transactions are tried; the Mediator's own where no key is known. */
  readonly sender: Address;
  readonly genesisBlock: BlockNumber;
}

/** How far back state is asked for: endpoints that lag answer for a block that others have left. */
const STATE_DEPTH = 8;
const TAKEN_BACK = /^BlockOutOfRangeError: block height is \d+ but requested was \d+/;
/** A transaction that no chain has. */
const NO_TRANSACTION = `0x${"00".repeat(31)}01` as const;
/** Read-only endpoints refuse it as a method, all others as a transaction. */
const NO_RAW_TRANSACTION = "0x00";

const ABILITIES: readonly Ability[] = [
  {
    name: "estimates",
    attempt: async ({ client }, { sender }) => {
      const blockNumber = await client.getBlockNumber();
      await client.estimateGas({ account: sender, to: ZERO_ADDRESS, value: 0n, blockNumber });
      return undefined;
    },
    hint: "Use an endpoint whose eth_estimateGas takes a block: calls are tried on numbered ones.",
  },
  {
    name: "base fee",
    attempt: async ({ client }) => {
      const { baseFeePerGas } = await client.getBlock({ blockTag: "latest" });
      return typeof baseFeePerGas === "bigint" ? undefined : "blocks have no baseFeePerGas";
    },
    hint: "Use a chain with EIP-1559, and an endpoint that tells its base fee (docs/chains.md).",
  },
  {
    name: "older state",
    attempt: tryOlderState,
    hint: `Use an endpoint that keeps the state of the last ${STATE_DEPTH} blocks at least.`,
  },
  {
    name: "block numbers",
    attempt: async ({ client }) => {
      const block = Number(await client.getBlockNumber());
      const seen = await readNumberSeen(client, block);
      // Some nodes run calls in the block to come.
      const isOwn = seen === block || seen === block + 1;
      return isOwn ? undefined : `contracts see block ${seen} in block ${block}`;
    },
    hint: "Use a chain whose contracts see its own block numbers (docs/chains.md).",
  },
  { name: "sending", attempt: trySending, hint: "Use an endpoint that takes transactions." },
  {
    name: "receipts",
    attempt: tryReceipts,
    hint: "Use an endpoint that keeps receipts, with their status.",
  },
  {
    name: "log proofs",
    attempt: tryProofs,
    hint:
      "Name three endpoints: where headers do not prove logs, a false one is only found out by " +
      "the votes of two others.",
    isOptional: true,
  },
  {
    name: "new heads",
    attempt: trySubscription,
    hint: "Nothing has to be done: it is asked every `pollMs` in place of telling.",
    isOptional: true,
  },
];

/** A finding for each thing that an endpoint cannot do, or one that says that it can do all. */
export async function checkAbilities(
  endpoints: readonly Endpoint[],
  trial: Trial,
): Promise<Finding[]> {
  const all = await Promise.all(endpoints.map((endpoint) => checkOne(endpoint, trial)));
  return all.flat();
}

async function checkOne(endpoint: Endpoint, trial: Trial): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, attempt, hint, isOptional } of ABILITIES) {
    const problem = await attempt(endpoint, trial).catch(problemOf);
    if (problem === undefined) continue;
    const detail = `${endpoint.origin}: ${problem}`;
    findings.push((isOptional ? warning : failure)(name, detail, hint));
  }
  const names = ABILITIES.map(({ name }) => name).join(", ");
  return findings.length > 0 ? findings : [fine("abilities", `${endpoint.origin}: ${names}`)];
}

/** In the endpoint's own words. */
function problemOf(error: unknown): string {
  return shortMessage(error instanceof RpcUnavailable ? error.cause : error);
}

async function tryOlderState(
  { client }: Endpoint,
  { mediator, genesisBlock }: Trial,
): Promise<string | undefined> {
  const head = Number(await client.getBlockNumber());
  const block = Math.max(genesisBlock, head - STATE_DEPTH);
  try {
    await new MediatorReader(client, mediator).at(block).tokenSet(0);
    return undefined;
  } catch (error) {
    const problem = problemOf(error);
    // anvil has nothing before the snapshot that it was taken back to: a chain for tests.
    return TAKEN_BACK.test(problem) ? undefined : problem;
  }
}

async function trySending({ client }: Endpoint): Promise<string | undefined> {
  try {
    await client.sendRawTransaction({ serializedTransaction: NO_RAW_TRANSACTION });
    return "it takes what is no transaction";
  } catch (error) {
    const kind = kindOf(error);
    const isRefused = kind === undefined || kind === "unsupported" || kind === "limited";
    return isRefused ? shortMessage(error) : undefined;
  }
}

async function tryReceipts({ client }: Endpoint): Promise<string | undefined> {
  const { transactions } = await client.getBlock({ blockTag: "latest" });
  const hash = transactions[0] ?? NO_TRANSACTION;
  const method = "eth_getTransactionReceipt";
  const receipt: { status?: unknown } | null = await client.request({ method, params: [hash] });
  const isWhole = receipt === null || typeof receipt.status === "string";
  return isWhole ? undefined : `the receipt of ${hash} tells no status`;
}

/** Whether headers prove their hashes, and the logs of their blocks by the root of receipts. */
async function tryProofs({ client }: Endpoint): Promise<string | undefined> {
  const block = await client.getBlock({ blockTag: "latest" });
  const { number, transactions, gasUsed } = block;
  if (!isProven(block)) return `the hash of block ${number} is not that of its header`;
  const header = {
    number: Number(number),
    hash: block.hash as Hex,
    bloom: undefined,
    transactions,
  };
  const receipts = await allReceipts(client, header);
  const root = receiptsRoot(
    receipts.map((receipt) => receipt ?? {}),
    gasUsed,
  );
  return root === block.receiptsRoot ? undefined : `block ${number} has another root of receipts`;
}

async function trySubscription({ client, origin }: Endpoint): Promise<string | undefined> {
  if (!/^wss?:/.test(origin)) return undefined;
  const ask = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>;
  const id = await ask({ method: "eth_subscribe", params: ["newHeads"] });
  await ask({ method: "eth_unsubscribe", params: [id] });
  return undefined;
}
