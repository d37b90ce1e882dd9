/** Deploys an exchange: for the local chain of `npm start` and for tests. */
import { setTimeout as sleep } from "node:timers/promises";
import { encodeDeployData, type TransactionReceipt, TransactionReceiptNotFoundError } from "viem";
import { toAddress } from "../../base/address.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { mutableOperatorManagerAbi } from "../abi/mutableOperatorManager.ts";
import { roundRobinOperatorManagerAbi } from "../abi/roundRobinOperatorManager.ts";
import { testTokenAbi } from "../abi/testToken.ts";
import { mediatorBytecode } from "../bytecode/mediator.ts";
import { mutableOperatorManagerBytecode } from "../bytecode/mutableOperatorManager.ts";
import { roundRobinOperatorManagerBytecode } from "../bytecode/roundRobinOperatorManager.ts";
import { testTokenBytecode } from "../bytecode/testToken.ts";
import { readMissingFork } from "../rpc/forks.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Signer } from "../signer.ts";
import { encodeListToken } from "./mediatorCalls.ts";
import { encodeAddOperator, encodeSetMaintenance } from "./roundRobinManager.ts";

const QUARTERS = 4;
const RECEIPT_POLL_MS = 50;
/** Milliseconds in which a transaction that was sent must come into a block. */
const PATIENCE_MS = 180_000;

export interface DeployedOperator {
  readonly address: Address;
  readonly name: string;
  readonly uri: string;
}

/** Blocks of the slots that operators take one after the other. */
export interface Slots {
  readonly genesisBlocks: number;
  readonly slotBlocks: number;
  /** Approved beside `operator`. */
  readonly others: readonly DeployedOperator[];
}

export interface DeployOptions {
  readonly client: ChainClient;
  /** Pays, and becomes owner of manager and Mediator. */
  readonly owner: Signer;
  readonly operator: DeployedOperator;
  /** Undefined: `operator` is the only one, under a manager without slots. */
  readonly slots?: Slots;
  readonly roundSize: number;
  /** Wei that opening a dispute takes. */
  readonly disputeBond: bigint;
  /** Wei that asking for a withdrawal takes; undefined: none. */
  readonly withdrawalBond?: bigint;
  readonly tokens: readonly {
    readonly name: string;
    readonly symbol: string;
    readonly decimals: number;
  }[];
}

export interface DeployedExchange {
  readonly mediator: Address;
  readonly manager: Address;
  readonly tokens: readonly Address[];
}

/**
 * Deploys tokens, manager and Mediator, and lists the tokens. Throws before it sends anything:
 * `DeploymentFailed` where the chain's fork is too old, `GenesisTooLong` where no operator could be
 * selected when the first commit is due.
 */
export async function deployExchange(options: DeployOptions): Promise<DeployedExchange> {
  const { owner } = options;
  requireShortGenesis(options);
  await requireFork(options.client);
  const send = await sender(options);
  const tokens: Address[] = [];
  for (const { name, symbol, decimals } of options.tokens) {
    const args = [name, symbol, decimals] as const;
    tokens.push(
      await send(encodeDeployData({ abi: testTokenAbi, bytecode: testTokenBytecode, args })),
    );
  }
  const manager = await deployManager(options, send);
  const mediator = await send(
    encodeDeployData({
      abi: mediatorAbi,
      bytecode: mediatorBytecode,
      args: [
        manager,
        BigInt(options.roundSize),
        options.disputeBond,
        options.withdrawalBond ?? 0n,
        owner.address,
      ],
    }),
  );
  for (const token of tokens) await send(encodeListToken(token), mediator);
  return { mediator, manager, tokens };
}

/**
 * Slot 1 must begin before the first commit's rescue window, which rounds below 16 blocks lack.
 * Throws `GenesisTooLong`.
 */
export function requireShortGenesis({
  slots,
  roundSize,
}: {
  readonly slots?: Pick<Slots, "genesisBlocks">;
  readonly roundSize: number;
}): void {
  const quarter = roundSize / QUARTERS;
  const latest = roundSize + quarter - Math.floor(quarter / QUARTERS);
  if (slots === undefined || slots.genesisBlocks < latest) return;
  throw new QuarterdeckError({
    code: "GenesisTooLong",
    message:
      `The manager's Genesis of ${slots.genesisBlocks} blocks ends when the first commit is due: ` +
      `with rounds of ${roundSize} blocks, ${latest} blocks after the deployment.`,
    hint: `Choose genesisBlocks below ${latest}, or longer rounds.`,
  });
}

async function deployManager(
  { owner, operator, slots }: DeployOptions,
  send: Send,
): Promise<Address> {
  if (slots === undefined) {
    return send(
      encodeDeployData({
        abi: mutableOperatorManagerAbi,
        bytecode: mutableOperatorManagerBytecode,
        args: [owner.address, operator.address, operator.name, operator.uri],
      }),
    );
  }
  const manager = await send(
    encodeDeployData({
      abi: roundRobinOperatorManagerAbi,
      bytecode: roundRobinOperatorManagerBytecode,
      args: [owner.address, slots.genesisBlocks, slots.slotBlocks],
    }),
  );
  await send(encodeSetMaintenance(true), manager);
  for (const { address, name, uri } of [operator, ...slots.others]) {
    await send(encodeAddOperator({ address, name, endpoint: uri }), manager);
  }
  await send(encodeSetMaintenance(false), manager);
  return manager;
}

/** Throws `DeploymentFailed` where the chain's fork is too old for the contracts. */
export async function requireFork(client: ChainClient): Promise<void> {
  const missing = await readMissingFork(client);
  if (missing === undefined) return;
  throw new QuarterdeckError({
    code: "DeploymentFailed",
    message: `The chain runs a fork before ${missing}: the contracts use opcodes that it lacks.`,
    hint: "Deploy on a chain that runs Cancun or later (docs/chains.md).",
  });
}

type Send = (data: Hex, to?: Address) => Promise<Address>;

/** Sends one transaction after the other; gives the address of what was deployed, or `to`. */
async function sender({ client, owner }: DeployOptions): Promise<Send> {
  const chainId = await client.getChainId();
  return async (data, to) => {
    const nonce = await client.getTransactionCount({ address: owner.address });
    const gas = await client.estimateGas({ account: owner.address, data, ...(to && { to }) });
    const fees = await client.estimateFeesPerGas();
    const hash = await client.sendRawTransaction({
      serializedTransaction: await owner.signTransaction({
        chainId,
        nonce,
        gas: (gas * 12n) / 10n,
        data,
        value: 0n,
        ...(to && { to }),
        maxFeePerGas: fees.maxFeePerGas * 2n,
        maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
      }),
    });
    const receipt = await untilMined(client, hash);
    if (receipt.status !== "success") {
      throw new QuarterdeckError({
        code: "DeploymentFailed",
        message: `Transaction ${hash} of the deployment reverted.`,
        hint: "Check the owner's balance and that the chain runs Cancun or later.",
      });
    }
    return to ?? toAddress(receipt.contractAddress as Hex);
  };
}

/**
 * The receipt of a transaction that was sent, however it ended. A node may show a block before the
 * receipts in it, and no block after it may come: the receipt itself is asked for, again and again.
 * Throws `DeploymentFailed` where none comes in time.
 */
export async function untilMined(client: ChainClient, hash: Hex): Promise<TransactionReceipt> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await client.getTransactionReceipt({ hash });
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
    }
    if (performance.now() > end) {
      throw new QuarterdeckError({
        code: "DeploymentFailed",
        message: `Transaction ${hash} came into no block in ${PATIENCE_MS / 1000} seconds.`,
        hint: "Check that the chain makes blocks, and begin again on a new storage.",
      });
    }
    await sleep(RECEIPT_POLL_MS);
  }
}
