/**
 * Typed reads of the Mediator and its manager: the one place where the ABI's shapes (bigint
 * everywhere) become the protocol's (numbers for time, checksummed addresses). Reads throw
 * `RpcUnavailable`, or `ContractRefused` where the view reverts.
 */
import { toAddress, ZERO_ADDRESS } from "../base/address.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { Amount, BlockNumber, Domain, Quarter, Round, Schedule } from "../protocol/units.ts";
import { mediatorAbi } from "./abi/mediator.ts";
import { operatorManagerAbi } from "./abi/operatorManager.ts";
import { asContractRefused, RpcUnavailable } from "./errors.ts";
import type { ChainClient } from "./rpc.ts";

/** What never changes of an exchange. */
export interface ExchangeConstants {
  readonly domain: Domain;
  readonly manager: Address;
  readonly schedule: Schedule;
  /** Wei. */
  readonly disputeBond: bigint;
}

export interface ChainClock {
  readonly block: BlockNumber;
  readonly round: Round;
  readonly quarter: Quarter;
  readonly halted: boolean;
  /** First block at which it is HALTED if nothing more is done; undefined: no duty yet. */
  readonly haltBlock: BlockNumber | undefined;
  readonly committedRound: Round;
}

export interface ChainWithdrawal {
  readonly round: Round;
  readonly amount: Amount;
  readonly opening: Amount;
  readonly recipient: Address;
}

export interface ChainFlow {
  readonly deposits: Amount;
  readonly requested: Amount;
}

/** What the contract says where no block is meant. */
const NEVER = 2n ** 64n - 1n;

/** Reads of one Mediator, at the latest block. */
export class MediatorReader {
  readonly client: ChainClient;
  readonly mediator: Address;

  constructor(client: ChainClient, mediator: Address) {
    this.client = client;
    this.mediator = mediator;
  }

  async constants(): Promise<ExchangeConstants> {
    const [chainId, manager, genesisBlock, roundSize, disputeBond] = await this.#ask(
      "the exchange's constants",
      () =>
        Promise.all([
          this.client.getChainId(),
          this.client.readContract({ ...this.#at, functionName: "manager" }),
          this.client.readContract({ ...this.#at, functionName: "genesisBlock" }),
          this.client.readContract({ ...this.#at, functionName: "roundSize" }),
          this.client.readContract({ ...this.#at, functionName: "disputeBond" }),
        ]),
    );
    return {
      domain: { chainId, mediator: this.mediator },
      manager: toAddress(manager),
      schedule: { genesisBlock: Number(genesisBlock), roundSize: Number(roundSize) },
      disputeBond,
    };
  }

  async clock(): Promise<ChainClock> {
    const blockNumber = await this.#ask("the head", () => this.client.getBlockNumber());
    const at = { ...this.#at, blockNumber };
    const [round, quarter, halted, haltBlock, committedRound] = await this.#ask("the clock", () =>
      Promise.all([
        this.client.readContract({ ...at, functionName: "currentRound" }),
        this.client.readContract({ ...at, functionName: "currentQuarter" }),
        this.client.readContract({ ...at, functionName: "halted" }),
        this.client.readContract({ ...at, functionName: "haltBlock" }),
        this.client.readContract({ ...at, functionName: "committedRound" }),
      ]),
    );
    return {
      block: Number(blockNumber),
      round: Number(round),
      quarter: Number(quarter) as Quarter,
      halted,
      haltBlock: haltBlock === NEVER ? undefined : Number(haltBlock),
      committedRound: Number(committedRound),
    };
  }

  /** Tokens of a round's commit, in the order in which its proofs come. */
  async tokenSet(round: Round): Promise<Address[]> {
    const args = [BigInt(round)] as const;
    const tokens = await this.#ask("a token set", () =>
      this.client.readContract({ ...this.#at, functionName: "tokenSet", args }),
    );
    return tokens.map((token) => toAddress(token));
  }

  async listedRound(token: Address): Promise<Round> {
    const listed = await this.#ask("a token's listing", () =>
      this.client.readContract({ ...this.#at, functionName: "listedRound", args: [token] }),
    );
    return Number(listed);
  }

  /** Undefined while (round, token) is not committed. */
  async commitment(round: Round, token: Address): Promise<Hex | undefined> {
    const args = [BigInt(round), token] as const;
    const commitment = await this.#ask("a commitment", () =>
      this.client.readContract({ ...this.#at, functionName: "commitment", args }),
    );
    return BigInt(commitment) === 0n ? undefined : commitment;
  }

  async expectedTotal(token: Address): Promise<Amount> {
    return this.#ask("a total", () =>
      this.client.readContract({ ...this.#at, functionName: "expectedTotal", args: [token] }),
    );
  }

  async clientFlow(client: Address, token: Address, round: Round): Promise<ChainFlow> {
    const args = [client, token, BigInt(round)] as const;
    const [deposits, requested] = await this.#ask("a client's flows", () =>
      this.client.readContract({ ...this.#at, functionName: "clientFlows", args }),
    );
    return { deposits, requested };
  }

  /** The active request, undefined if there is none. */
  async withdrawal(client: Address, token: Address): Promise<ChainWithdrawal | undefined> {
    const [round, amount, opening, recipient] = await this.#ask("a withdrawal", () =>
      this.client.readContract({
        ...this.#at,
        functionName: "withdrawal",
        args: [client, token],
      }),
    );
    if (amount === 0n) return undefined;
    return { round: Number(round), amount, opening, recipient: toAddress(recipient) };
  }

  async isDisputeOpen(client: Address, round: Round): Promise<boolean> {
    const args = [client, BigInt(round)] as const;
    const [, open] = await this.#ask("a dispute", () =>
      this.client.readContract({ ...this.#at, functionName: "dispute", args }),
    );
    return open;
  }

  /** How far `operator` has come with proving a dispute's executions. */
  async accumulation(client: Address, round: Round, operator: Address) {
    const args = [client, BigInt(round), operator] as const;
    const [covered, orders, lastId] = await this.#ask("an accumulation", () =>
      this.client.readContract({ ...this.#at, functionName: "accumulation", args }),
    );
    return { covered, orders, lastId };
  }

  /** The key besides its own that may sign a client's orders of `round`. */
  async tradingKey(client: Address, round: Round): Promise<Address | undefined> {
    const args = [client, BigInt(round)] as const;
    const key = await this.#ask("a trading key", () =>
      this.client.readContract({ ...this.#at, functionName: "tradingKey", args }),
    );
    return key === ZERO_ADDRESS ? undefined : toAddress(key);
  }

  async recovered(client: Address, token: Address) {
    const [balance, deposits] = await this.#ask("what was recovered", () =>
      this.client.readContract({
        ...this.#at,
        functionName: "recovered",
        args: [client, token],
      }),
    );
    return { balance, deposits };
  }

  /** Whether `account` was an approved operator in any block of `from`..`to`. */
  async wasOperator(
    manager: Address,
    account: Address,
    from: BlockNumber,
    to: BlockNumber,
  ): Promise<boolean> {
    return this.#ask("an operator's term", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "wasOperator",
        args: [account, BigInt(from), BigInt(to)],
      }),
    );
  }

  /** The endpoint of the current operator, empty if there is none. */
  async operatorURI(manager: Address): Promise<string> {
    return this.#ask("the operator's endpoint", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "operatorURI",
      }),
    );
  }

  async isRegistered(manager: Address, account: Address): Promise<boolean> {
    return this.#ask("an operator's registration", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "isRegistered",
        args: [account],
      }),
    );
  }

  get #at() {
    return { address: this.mediator, abi: mediatorAbi } as const;
  }

  async #ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw asContractRefused(error, what) ?? new RpcUnavailable(`for ${what}`, error);
    }
  }
}
