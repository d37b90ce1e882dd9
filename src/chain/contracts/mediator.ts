/**
 * Typed reads of the Mediator and its manager: the one place where the ABI's shapes (bigint
 * everywhere) become the protocol's (numbers for time, checksummed addresses). Reads throw
 * `RpcUnavailable`, or `ContractRefused` where the view reverts.
 */
import type { ContractFunctionArgs, ContractFunctionName, ContractFunctionReturnType } from "viem";
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
import { ask, askEach, type ChainClient, type Word } from "../rpc/rpc.ts";
import { readTokenFacts, type TokenFacts } from "./tokens.ts";

/** No statement: a struct hash that none has. */
const NO_STATEMENT: Hex = `0x${"00".repeat(32)}`;

/** The facts of an exchange that never change. */
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
  /** The token is part of the commits of later rounds. */
  readonly listedRound: Round;
}

/** An exchange with all that trades on it. */
export interface ExchangeFacts extends ExchangeConstants {
  /** In the order of their listing. */
  readonly tokens: readonly ListedToken[];
}

/** The accounts that may act for the exchange at the latest block. */
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
  /** The account that paid the bond in the client's place; undefined where the client did. */
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

/** The contract's answer where no block is meant. */
const NEVER = 2n ** 64n - 1n;
/** A round whose commit would hold every token that is listed. */
const LAST_ROUND = 2n ** 64n - 1n;

/** Reads of one Mediator, at the latest block unless it is made for another. */
export class MediatorReader {
  readonly client: ChainClient;
  readonly mediator: Address;
  readonly #block: BlockNumber | undefined;

  /** `block`: as of which it reads; undefined: the latest that the endpoint asked knows. */
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
    const what = "the exchange's constants";
    const [chainId, manager, genesisBlock, roundSize, disputeBond, withdrawalBond] =
      await Promise.all([
        ask(what, () => this.client.getChainId()),
        this.#read("manager", [], what),
        this.#read("genesisBlock", [], what),
        this.#read("roundSize", [], what),
        this.#read("disputeBond", [], what),
        this.#read("withdrawalBond", [], what),
      ]);
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
    return toAddress(await this.#read("disputes", [], "the code for disputes"));
  }

  /** Costs three reads for each token besides the constants. */
  async exchange(): Promise<ExchangeFacts> {
    const [constants, listed] = await Promise.all([
      this.constants(),
      this.#read("tokenSet", [LAST_ROUND], "the listed tokens"),
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
    const block = Number(await ask("the head", () => this.client.getBlockNumber()));
    const at = this.at(block);
    const [round, quarter, halted, haltBlock, committedRound] = await Promise.all([
      at.#read("currentRound", [], "the clock"),
      at.#read("currentQuarter", [], "the clock"),
      at.#read("halted", [], "the clock"),
      at.#read("haltBlock", [], "the clock"),
      at.#read("committedRound", [], "the clock"),
    ]);
    return {
      block,
      round: Number(round),
      quarter: Number(quarter) as Quarter,
      halted,
      haltBlock: haltBlock === NEVER ? undefined : Number(haltBlock),
      committedRound: Number(committedRound),
    };
  }

  /** The last round that owes no commit any more. */
  async committedRound(): Promise<Round> {
    return Number(await this.#read("committedRound", [], "the committed round"));
  }

  /** First block at which it is HALTED if nothing more is done; undefined: no duty yet. */
  async haltBlock(): Promise<BlockNumber | undefined> {
    const block = await this.#read("haltBlock", [], "the halt block");
    return block === NEVER ? undefined : Number(block);
  }

  /** Tokens of a round's commit, in the order in which its proofs come. */
  async tokenSet(round: Round): Promise<Address[]> {
    const tokens = await this.#read("tokenSet", [BigInt(round)], "a token set");
    return tokens.map((token) => toAddress(token));
  }

  async listedRound(token: Address): Promise<Round> {
    return Number(await this.#read("listedRound", [token], "a token's listing"));
  }

  /** Undefined while (round, token) is not committed. */
  async commitment(round: Round, token: Address): Promise<Hex | undefined> {
    const commitment = await this.#read("commitment", [token, BigInt(round)], "a commitment");
    return BigInt(commitment) === 0n ? undefined : commitment;
  }

  async expectedTotal(token: Address): Promise<Amount> {
    return this.#read("expectedTotal", [token], "a total");
  }

  /** Sums of a round over all clients: credited deposits, requests not cancelled. */
  async flow(token: Address, round: Round): Promise<ChainFlow> {
    return this.#read("flows", [token, BigInt(round)], "a token's flows");
  }

  async clientFlow(client: Address, token: Address, round: Round): Promise<ChainFlow> {
    return this.#read("clientFlows", [client, token, BigInt(round)], "a client's flows");
  }

  /** The active request, undefined if there is none. */
  async withdrawal(client: Address, token: Address): Promise<ChainWithdrawal | undefined> {
    const found = await this.#read("withdrawal", [client, token], "a withdrawal");
    const { round, amount, opening, recipient } = found;
    if (amount === 0n) return undefined;
    return { round: Number(round), amount, opening, recipient: toAddress(recipient) };
  }

  /** The dispute that a client opened in `round`, closed or not; undefined if there was none. */
  async dispute(client: Address, round: Round): Promise<ChainDispute | undefined> {
    const found = await this.#read("dispute", [client, BigInt(round)], "a dispute");
    const { openedBlock, open, presented, delegate } = found;
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

  /** The client's evidence of an order in its dispute of `round`; undefined if there is none. */
  async presentedFill(
    client: Address,
    round: Round,
    orderHash: Hex,
  ): Promise<{ readonly sold: Amount; readonly bought: Amount } | undefined> {
    const args = [client, BigInt(round), orderHash] as const;
    const [sold, bought] = await this.#read("presentedFill", args, "a presented fill");
    return sold === 0n && bought === 0n ? undefined : { sold, bought };
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
    const { covered, orders, lastId } = await this.#read("accumulation", args, "an accumulation");
    return { covered, orders, lastId };
  }

  /** The key besides its own that may sign a client's orders of `round`. */
  async tradingKey(client: Address, round: Round): Promise<Address | undefined> {
    const key = await this.#read("tradingKey", [client, BigInt(round)], "a trading key");
    return key === ZERO_ADDRESS ? undefined : toAddress(key);
  }

  /** The recovered sums: the balance so far, in base units, and whether the deposits were. */
  async recovered(client: Address, token: Address) {
    const found = await this.#read("recovered", [client, token], "what was recovered");
    return { balance: found.balance, deposits: found.deposits };
  }

  /** Whether `account` was an approved operator in any block of `from`..`to`. */
  async wasOperator(
    manager: Address,
    account: Address,
    from: BlockNumber,
    to: BlockNumber,
  ): Promise<boolean> {
    const args = [account, BigInt(from), BigInt(to)] as const;
    return this.#readManager(manager, "wasOperator", args, "an operator's term");
  }

  /** Undefined while nobody may act, as in the manager's maintenance. */
  async operator(manager: Address): Promise<ChainOperator | undefined> {
    try {
      const [address, name, uri] = await Promise.all([
        this.#readManager(manager, "operator", [], "the operator"),
        this.#readManager(manager, "operatorName", [], "the operator"),
        this.#readManager(manager, "operatorURI", [], "the operator"),
      ]);
      return address === ZERO_ADDRESS ? undefined : { address: toAddress(address), name, uri };
    } catch (error) {
      // A manager in maintenance may revert; the Mediator too takes that as nobody.
      if (error instanceof ContractRefused) return undefined;
      throw error;
    }
  }

  /** How many approved operators must stand behind a commit, its sender included. */
  async commitQuorum(manager: Address): Promise<number> {
    return Number(await this.#readManager(manager, "commitQuorum", [], "the commit quorum"));
  }

  async isRegistered(manager: Address, account: Address): Promise<boolean> {
    return this.#readManager(manager, "isRegistered", [account], "an operator's registration");
  }

  /**
   * Whether `account` is registered, by each endpoint that answers: as of a block, one that stands
   * still does not have it.
   */
  registrations(manager: Address, account: Address): Promise<readonly Word<boolean>[]> {
    const at = this.#block === undefined ? {} : { blockNumber: BigInt(this.#block) };
    const view = { address: manager, abi: operatorManagerAbi, args: [account], ...at } as const;
    return askEach(this.client, "an operator's registration", (client) =>
      client.readContract({ ...view, functionName: "isRegistered" }),
    );
  }

  /** One view of the Mediator; `what` names the answer in errors. */
  #read<const Name extends View<Abi>, const Args extends ViewArgs<Abi, Name>>(
    functionName: Name,
    args: Args,
    what: string,
  ): Promise<ViewResult<Abi, Name, Args>> {
    const at = this.#block === undefined ? {} : { blockNumber: BigInt(this.#block) };
    const view = { address: this.mediator, abi: mediatorAbi, functionName, args, ...at };
    // The library's conditional types do not pass through a generic name: this signature has them.
    return ask(what, () => this.client.readContract(view as never)) as never;
  }

  /** One view of the manager, at the latest block. */
  #readManager<const Name extends View<ManagerAbi>, const Args extends ViewArgs<ManagerAbi, Name>>(
    manager: Address,
    functionName: Name,
    args: Args,
    what: string,
  ): Promise<ViewResult<ManagerAbi, Name, Args>> {
    const view = { address: manager, abi: operatorManagerAbi, functionName, args };
    return ask(what, () => this.client.readContract(view as never)) as never;
  }
}

/** The views of an ABI, with the shapes that the library gives their arguments and results. */
type Abi = typeof mediatorAbi;
type ManagerAbi = typeof operatorManagerAbi;
type View<A extends Abi | ManagerAbi> = ContractFunctionName<A, "view" | "pure">;
type ViewArgs<A extends Abi | ManagerAbi, Name extends View<A>> = ContractFunctionArgs<
  A,
  "view" | "pure",
  Name
>;
type ViewResult<
  A extends Abi | ManagerAbi,
  Name extends View<A>,
  Args extends ViewArgs<A, Name>,
> = ContractFunctionReturnType<A, "view" | "pure", Name, Args>;
