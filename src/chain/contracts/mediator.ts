/**
 * Typed reads of the Mediator and its manager: the one place where the ABI's shapes (bigint
 * everywhere) become the protocol's (numbers for time, checksummed addresses). Reads throw
 * `RpcUnavailable`, or `ContractRefused` where the view reverts.
 */
import { toAddress, ZERO_ADDRESS } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type {
  Amount,
  BlockNumber,
  Domain,
  Quarter,
  Round,
  Schedule,
} from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { operatorManagerAbi } from "../abi/operatorManager.ts";
import { ContractRefused } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import { readTokenFacts, type TokenFacts } from "./tokens.ts";

/** No statement: a struct hash that none has. */
const NO_STATEMENT: Hex = `0x${"00".repeat(32)}`;

/** What never changes of an exchange. */
export interface ExchangeConstants {
  readonly domain: Domain;
  readonly manager: Address;
  readonly schedule: Schedule;
  /** Wei that opening a dispute takes. */
  readonly disputeBond: bigint;
  /** Wei that asking for a withdrawal takes. */
  readonly withdrawalBond: bigint;
}

export interface ListedToken extends TokenFacts {
  /** It is part of the commits of later rounds. */
  readonly listedRound: Round;
}

/** An exchange with all that trades on it. */
export interface ExchangeFacts extends ExchangeConstants {
  /** In the order of their listing. */
  readonly tokens: readonly ListedToken[];
}

/** Who may act for the exchange at the latest block. */
export interface ChainOperator {
  readonly address: Address;
  readonly name: string;
  readonly uri: string;
}

export interface ChainDispute {
  readonly openedBlock: BlockNumber;
  readonly open: boolean;
  /** Fills that the client presented. */
  readonly presented: number;
  /** Who paid the bond in the client's place; undefined where the client did. */
  readonly delegate: Address | undefined;
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
/** A round whose commit would hold every token that is listed. */
const LAST_ROUND = 2n ** 64n - 1n;

/** Reads of one Mediator, at the latest block unless it is made for another. */
export class MediatorReader {
  readonly client: ChainClient;
  readonly mediator: Address;
  readonly #block: BlockNumber | undefined;

  /** `block`: as of which it reads; undefined: the latest that whoever is asked knows. */
  constructor(client: ChainClient, mediator: Address, block?: BlockNumber) {
    this.client = client;
    this.mediator = mediator;
    this.#block = block;
  }

  /** Reads as of `block`: endpoints that are behind it do not answer. */
  at(block: BlockNumber): MediatorReader {
    return new MediatorReader(this.client, this.mediator, block);
  }

  async constants(): Promise<ExchangeConstants> {
    const [chainId, manager, genesisBlock, roundSize, disputeBond, withdrawalBond] = await ask(
      "the exchange's constants",
      () =>
        Promise.all([
          this.client.getChainId(),
          this.client.readContract({ ...this.#at, functionName: "manager" }),
          this.client.readContract({ ...this.#at, functionName: "genesisBlock" }),
          this.client.readContract({ ...this.#at, functionName: "roundSize" }),
          this.client.readContract({ ...this.#at, functionName: "disputeBond" }),
          this.client.readContract({ ...this.#at, functionName: "withdrawalBond" }),
        ]),
    );
    return {
      domain: { chainId, mediator: this.mediator },
      manager: toAddress(manager),
      schedule: { genesisBlock: Number(genesisBlock), roundSize: Number(roundSize) },
      disputeBond,
      withdrawalBond,
    };
  }

  /** Where the Mediator's code for disputes is. */
  async disputes(): Promise<Address> {
    const disputes = await ask("the code for disputes", () =>
      this.client.readContract({ ...this.#at, functionName: "disputes" }),
    );
    return toAddress(disputes);
  }

  /** Costs three reads for each token besides the constants. */
  async exchange(): Promise<ExchangeFacts> {
    const [constants, listed] = await Promise.all([
      this.constants(),
      ask("the listed tokens", () =>
        this.client.readContract({ ...this.#at, functionName: "tokenSet", args: [LAST_ROUND] }),
      ),
    ]);
    const tokens = await Promise.all(
      listed.map(async (text) => {
        const token = toAddress(text);
        const [facts, listedRound] = await Promise.all([
          readTokenFacts(this.client, token),
          this.listedRound(token),
        ]);
        return { ...facts, listedRound };
      }),
    );
    return { ...constants, tokens };
  }

  async clock(): Promise<ChainClock> {
    const blockNumber = await ask("the head", () => this.client.getBlockNumber());
    const at = { ...this.#at, blockNumber };
    const [round, quarter, halted, haltBlock, committedRound] = await ask("the clock", () =>
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
    const tokens = await ask("a token set", () =>
      this.client.readContract({ ...this.#at, functionName: "tokenSet", args }),
    );
    return tokens.map((token) => toAddress(token));
  }

  async listedRound(token: Address): Promise<Round> {
    const listed = await ask("a token's listing", () =>
      this.client.readContract({ ...this.#at, functionName: "listedRound", args: [token] }),
    );
    return Number(listed);
  }

  /** Undefined while (round, token) is not committed. */
  async commitment(round: Round, token: Address): Promise<Hex | undefined> {
    const args = [token, BigInt(round)] as const;
    const commitment = await ask("a commitment", () =>
      this.client.readContract({ ...this.#at, functionName: "commitment", args }),
    );
    return BigInt(commitment) === 0n ? undefined : commitment;
  }

  async expectedTotal(token: Address): Promise<Amount> {
    return ask("a total", () =>
      this.client.readContract({ ...this.#at, functionName: "expectedTotal", args: [token] }),
    );
  }

  /** Sums of a round over all clients: credited deposits, requests not cancelled. */
  async flow(token: Address, round: Round): Promise<ChainFlow> {
    const args = [token, BigInt(round)] as const;
    return ask("a token's flows", () =>
      this.client.readContract({ ...this.#at, functionName: "flows", args }),
    );
  }

  async clientFlow(client: Address, token: Address, round: Round): Promise<ChainFlow> {
    const args = [client, token, BigInt(round)] as const;
    return ask("a client's flows", () =>
      this.client.readContract({ ...this.#at, functionName: "clientFlows", args }),
    );
  }

  /** The active request, undefined if there is none. */
  async withdrawal(client: Address, token: Address): Promise<ChainWithdrawal | undefined> {
    const { round, amount, opening, recipient } = await ask("a withdrawal", () =>
      this.client.readContract({
        ...this.#at,
        functionName: "withdrawal",
        args: [client, token],
      }),
    );
    if (amount === 0n) return undefined;
    return { round: Number(round), amount, opening, recipient: toAddress(recipient) };
  }

  /** The dispute that a client opened in `round`, closed or not; undefined if there was none. */
  async dispute(client: Address, round: Round): Promise<ChainDispute | undefined> {
    const args = [client, BigInt(round)] as const;
    const { openedBlock, open, presented, delegate } = await ask("a dispute", () =>
      this.client.readContract({ ...this.#at, functionName: "dispute", args }),
    );
    if (openedBlock === 0n) return undefined;
    return {
      openedBlock: Number(openedBlock),
      open,
      presented,
      delegate: delegate === ZERO_ADDRESS ? undefined : toAddress(delegate),
    };
  }

  async isDisputeOpen(client: Address, round: Round): Promise<boolean> {
    return (await this.dispute(client, round))?.open ?? false;
  }

  /** What the client presented of an order in its dispute of `round`; undefined if nothing. */
  async presentedFill(
    client: Address,
    round: Round,
    orderHash: Hex,
  ): Promise<{ readonly sold: Amount; readonly bought: Amount } | undefined> {
    const args = [client, BigInt(round), orderHash] as const;
    const [sold, bought] = await ask("a presented fill", () =>
      this.client.readContract({ ...this.#at, functionName: "presentedFill", args }),
    );
    return sold === 0n && bought === 0n ? undefined : { sold, bought };
  }

  /** Wei that `account` may claim: bonds of what it answered, and its own that came back. */
  async claimableBonds(account: Address): Promise<bigint> {
    return ask("claimable bonds", () =>
      this.client.readContract({
        ...this.#at,
        functionName: "claimableBonds",
        args: [account],
      }),
    );
  }

  /**
   * How far `operator` has come with proving a dispute's executions, beside the statement with that
   * struct hash, or beside none.
   */
  async accumulation(
    client: Address,
    round: Round,
    operator: Address,
    statementHash: Hex = NO_STATEMENT,
  ) {
    const args = [client, BigInt(round), operator, statementHash] as const;
    const { covered, orders, lastId } = await ask("an accumulation", () =>
      this.client.readContract({ ...this.#at, functionName: "accumulation", args }),
    );
    return { covered, orders, lastId };
  }

  /** The key besides its own that may sign a client's orders of `round`. */
  async tradingKey(client: Address, round: Round): Promise<Address | undefined> {
    const args = [client, BigInt(round)] as const;
    const key = await ask("a trading key", () =>
      this.client.readContract({ ...this.#at, functionName: "tradingKey", args }),
    );
    return key === ZERO_ADDRESS ? undefined : toAddress(key);
  }

  /** What was recovered: the balance so far, in base units, and whether the deposits were. */
  async recovered(client: Address, token: Address) {
    const { balance, deposits } = await ask("what was recovered", () =>
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
    return ask("an operator's term", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "wasOperator",
        args: [account, BigInt(from), BigInt(to)],
      }),
    );
  }

  /** Undefined while nobody may act, as in the manager's maintenance. */
  async operator(manager: Address): Promise<ChainOperator | undefined> {
    const at = { address: manager, abi: operatorManagerAbi } as const;
    try {
      const [address, name, uri] = await ask("the operator", () =>
        Promise.all([
          this.client.readContract({ ...at, functionName: "operator" }),
          this.client.readContract({ ...at, functionName: "operatorName" }),
          this.client.readContract({ ...at, functionName: "operatorURI" }),
        ]),
      );
      return address === ZERO_ADDRESS ? undefined : { address: toAddress(address), name, uri };
    } catch (error) {
      // A manager in maintenance may revert; the Mediator too takes that as nobody.
      if (error instanceof ContractRefused) return undefined;
      throw error;
    }
  }

  /** How many approved operators must stand behind a commit, its sender included. */
  async commitQuorum(manager: Address): Promise<number> {
    const quorum = await ask("the commit quorum", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "commitQuorum",
      }),
    );
    return Number(quorum);
  }

  async isRegistered(manager: Address, account: Address): Promise<boolean> {
    return ask("an operator's registration", () =>
      this.client.readContract({
        address: manager,
        abi: operatorManagerAbi,
        functionName: "isRegistered",
        args: [account],
      }),
    );
  }

  get #at() {
    const at = { address: this.mediator, abi: mediatorAbi } as const;
    return this.#block === undefined ? at : { ...at, blockNumber: BigInt(this.#block) };
  }
}
