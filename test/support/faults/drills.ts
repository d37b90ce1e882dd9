/**
 * Drills of several operators: a load of clients that also cancel, deposit, withdraw and dispute,
 * a fault shortly before a commit is due, and after each of them everything is compared. What
 * clients were told, what operators show, the journal by a model of its own and the chain's events
 * must agree to the last unit, and every commit must have been on time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { toAddress } from "../../../src/base/address.ts";
import type { Address } from "../../../src/base/hex.ts";
import { mediatorAbi } from "../../../src/chain/abi/mediator.ts";
import type { ExchangeClient } from "../../../src/client/client.ts";
import { DEFAULT_LEASE_MS } from "../../../src/journal/postgres/journal.ts";
import { firstBlockOf, lastBlockOf, momentOf, rescueWindow } from "../../../src/protocol/rounds.ts";
import type { BlockNumber, Round } from "../../../src/protocol/units.ts";
import { Blocks } from "../chain/blocks.ts";
import { CrashChecks } from "../checks/crashChecks.ts";
import { ModelChecks } from "../checks/modelChecks.ts";
import { Random } from "../checks/random.ts";
import { CONFIRMATIONS, until } from "../exchange/exchange.ts";
import { LoadTrader } from "../exchange/loadTrader.ts";
import {
  type Member,
  type OperatorsExchange,
  startOperatorsExchange,
} from "../exchange/severalOperators.ts";

const CLIENTS = 4;
/** Pauses in which a client stays below its orders of a round. */
const LONGEST_PAUSE_MS = 50;
const PACE_MS = 60;
/** While nobody trades; slots can still be claimed. */
const IDLE_PACE_MS = 20;
/** Fewer than a round: no round passes unseen between two checks. */
const BLOCKS_A_DRILL = 150;
/** Blocks before the boundary of a round at which a drill begins. */
const BLOCKS_BEFORE = 50;
/** So few that clients go on only by statements, on a slow machine too. */
const ORDERS_PER_ROUND = 16;
/** Blocks of a quarter that has just begun. */
const JUST_BEGUN_BLOCKS = 5;
/** Passes over one operator, each of which another may have answered in part. */
const MOST_PASSES = 5;
/** Acknowledgements that show that the load is there, before and after. */
const SOME_ORDERS = 10;

/** A commit as the chain shows it. */
export interface SentCommit {
  readonly sender: Address;
  /** Whether it took the rescue window. */
  readonly isRescue: boolean;
}

/** The commit that falls due in a drill. */
export interface Due {
  readonly round: Round;
  /** First block of that round. */
  readonly boundary: BlockNumber;
}

/** A leader that does nothing more in its epoch, and the last record of it. */
export interface Lost {
  readonly lost: Member;
  readonly epoch: number;
  readonly sequence: number;
}

/** One loss of a leader. */
export interface TakeOver {
  readonly drill: string;
  /** Milliseconds from the last acknowledgement to the first new one. */
  readonly silenceMs: number;
}

export class Drills {
  readonly exchange: OperatorsExchange;
  readonly takeOvers: TakeOver[] = [];
  readonly #traders: readonly LoadTrader[];
  readonly #blocks: Blocks;
  readonly #idle: Blocks;
  readonly #checks: CrashChecks;
  readonly #model: ModelChecks;

  private constructor(exchange: OperatorsExchange, traders: readonly LoadTrader[], blocks: Blocks) {
    this.exchange = exchange;
    this.#traders = traders;
    this.#blocks = blocks;
    const clients = traders.map(({ client }) => client);
    const addresses = clients.map(({ address }) => address);
    this.#idle = new Blocks(exchange, addresses, Number.POSITIVE_INFINITY, IDLE_PACE_MS);
    this.#checks = new CrashChecks(exchange, traders);
    this.#model = new ModelChecks(exchange, clients);
  }

  /** Resolves once the first round is committed. */
  static async start(seed: number): Promise<Drills> {
    const exchange = await startOperatorsExchange({
      blockSeconds: 0,
      ordersPerClientAndRound: ORDERS_PER_ROUND,
    });
    const clients = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await exchange.client(i));
    const addresses = clients.map(({ address }) => address);
    const blocks = new Blocks(exchange, addresses, BLOCKS_A_DRILL, PACE_MS);
    const traders = clients.map((client, i) => {
      const random = new Random(seed + i + 1);
      return new LoadTrader(client, i, random, blocks, LONGEST_PAUSE_MS);
    });
    const drills = new Drills(exchange, traders, blocks);
    await drills.#idle.passUntil("the first round is committed", async () => {
      return (await exchange.reader.clock()).committedRound === 1;
    });
    return drills;
  }

  async stop(): Promise<void> {
    for (const trader of this.#traders) trader.close();
    await this.exchange.stop();
  }

  /** Members whose process runs. */
  get running(): Member[] {
    return this.exchange.members.filter(({ process }) => process !== undefined);
  }

  /**
   * Everybody trades while `drill` is played, from shortly before a round's boundary until that
   * round's commit is there. Then everything is checked.
   */
  async under<T>(drill: (due: Due) => Promise<T>): Promise<T> {
    const { anvil, schedule } = this.exchange;
    const round = momentOf(schedule, await anvil.blockNumber()).round + 1;
    const boundary = firstBlockOf(schedule, round);
    // Withdrawals make clients poorer, and without funds there is no load.
    const richer = Promise.all(this.#traders.map(({ client }) => topUp(client)));
    await this.#idle.passUntil("a round's boundary is near", async () => {
      return (await anvil.blockNumber()) >= boundary - BLOCKS_BEFORE;
    });
    await richer;
    const leader = await this.exchange.leader();
    for (const { client } of this.#traders) client.api.prefer(leader.url);
    for (const trader of this.#traders) await trader.listen();
    const stop = new AbortController();
    await this.#blocks.allow();
    const work = [this.#blocks, ...this.#traders].map((one) => one.run(stop.signal));
    const played = async () => {
      await this.orders(SOME_ORDERS);
      const result = await drill({ round, boundary });
      await this.untilCommitted(round);
      await this.orders(SOME_ORDERS);
      return result;
    };
    let result: T;
    try {
      // The work ends before only where it fails.
      result = (await Promise.race([played(), Promise.all(work)])) as T;
    } finally {
      stop.abort();
      await Promise.all(work);
    }
    await this.#check();
    return result;
  }

  /** The same, with a drill in which the leader is lost: notes how long clients had none. */
  async takeOver<T>(name: string, drill: (due: Due) => Promise<T>): Promise<T> {
    return this.under(async (due) => {
      const began = performance.now();
      const result = await drill(due);
      await this.orders(SOME_ORDERS);
      this.takeOvers.push({ drill: name, silenceMs: this.#longestSilence(began) });
      return result;
    });
  }

  /** Waits for `count` new acknowledgements. */
  async orders(count: number): Promise<void> {
    const placed = () => this.#traders.reduce((sum, { ledger }) => sum + ledger.counts.placed, 0);
    const enough = placed() + count;
    await until(`${count} orders are acknowledged`, () => placed() >= enough);
  }

  async untilCommitted(round: number): Promise<void> {
    await until(`round ${round} is committed`, async () => {
      const { committedRound, halted } = await this.exchange.reader.clock();
      if (halted) throw new Error(`the exchange is HALTED before the commit of round ${round}`);
      return committedRound >= round;
    });
  }

  /** Lets time pass, without trading, until a quarter has just begun. */
  async untilQuarterBegins(): Promise<void> {
    const { anvil, schedule } = this.exchange;
    await this.#idle.passUntil("a quarter begins", async () => {
      const head = await anvil.blockNumber();
      const { round, quarter } = momentOf(schedule, head);
      return head - firstBlockOf(schedule, round, quarter) < JUST_BEGUN_BLOCKS;
    });
  }

  async untilBlock(block: BlockNumber): Promise<void> {
    await until(`block ${block} is there`, async () => {
      return (await this.exchange.anvil.blockNumber()) >= block;
    });
  }

  /** The commits of a committed round, one for each token. */
  async commitsOf(round: Round): Promise<SentCommit[]> {
    const { anvil, mediator, schedule } = this.exchange;
    const rescue = rescueWindow(schedule, lastBlockOf(schedule, round, 0));
    let commits: SentCommit[] = [];
    // anvil's calls may show what a block does just before its logs show the block.
    await until(`the commits of round ${round} are logged`, async () => {
      const events = await anvil.client.getContractEvents({
        address: mediator,
        abi: mediatorAbi,
        eventName: "Committed",
        strict: true,
        fromBlock: BigInt(firstBlockOf(schedule, round)),
      });
      const own = events.filter(({ args }) => Number(args.round) === round);
      commits = await Promise.all(
        own.map(async ({ blockNumber, transactionHash: hash }) => {
          const { from } = await anvil.client.getTransaction({ hash });
          const isRescue = rescue !== undefined && blockNumber >= rescue.firstBlock;
          return { sender: toAddress(from), isRescue };
        }),
      );
      return commits.length > 0;
    });
    return commits;
  }

  /** Waits for the first slot for which nobody could claim from now on. */
  async untilUnclaimed(): Promise<Address | undefined> {
    const { slotReader } = this.exchange;
    const { slot } = await slotReader.slots();
    await until(`slot ${slot + 2} began`, async () => (await slotReader.slots()).slot >= slot + 2);
    return (await slotReader.slots()).operator;
  }

  /**
   * Does `fault` to the leader, in which it keeps its lease. Where that was given away in the same
   * moment it lost no leader: that is undone, and the next one has it.
   */
  async loseLeader(
    fault: (leader: Member) => unknown,
    undo: (leader: Member) => unknown,
  ): Promise<Lost> {
    const { lease, leader } = this.exchange;
    for (;;) {
      const lost = await leader();
      const { epoch } = await lease();
      await fault(lost);
      // Whatever of it was under way in the database comes to its end there.
      await sleep(DEFAULT_LEASE_MS / 2);
      const now = await lease();
      if (now.epoch === epoch) return { lost, epoch, sequence: now.sequence };
      await undo(lost);
    }
  }

  /** Waits until another member than `lost` leads, in a later epoch. */
  async untilAnotherLeads(lost: Member, epoch: number): Promise<Member> {
    const { lease, leader } = this.exchange;
    await until(`another leads than ${lost.name}`, async () => {
      const now = await lease();
      return now.epoch > epoch && now.holder !== undefined && now.holder !== lost.address;
    });
    return leader();
  }

  /** Every client reads its orders, and begins with this operator. */
  async allAsk(url: string): Promise<void> {
    for (const { client } of this.#traders) {
      client.api.prefer(url);
      await client.fetchOrders();
    }
  }

  /** Every take-over, and their median, in one line. */
  report(): string {
    const each = this.takeOvers.map(({ drill, silenceMs }) => `${drill} ${Math.round(silenceMs)}`);
    const sorted = this.takeOvers.map(({ silenceMs }) => silenceMs).sort((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
    return `take-over, ms: ${each.join(", ")}; median ${Math.round(median)}`;
  }

  /** Between two acknowledgements of any client, the latter after `since`. */
  #longestSilence(since: number): number {
    const all = this.#traders.flatMap(({ ledger }) => ledger.placedAt).sort((a, b) => a - b);
    const gaps = all.map((at, i) => (at > since ? at - (all[i - 1] ?? since) : 0));
    return Math.max(...gaps);
  }

  /** Every approved operator that runs shows the same, and it is what it must be. */
  async #check(): Promise<void> {
    // Another final block: who has taken it in has taken in all orders before it.
    const { anvil, slotReader } = this.exchange;
    await anvil.mine();
    const final = (await anvil.blockNumber()) - CONFIRMATIONS;
    const { operators } = await slotReader.slots();
    const approved = new Set(operators.map(({ address }) => address));
    for (const { name, url, process } of this.running.filter(({ address }) =>
      approved.has(address),
    )) {
      await this.#checkAt(name, url, final);
      const complaint = process?.complaint();
      if (complaint !== "") throw new Error(`${name}: ${complaint}`);
    }
    await this.#checks.checkDeadlines();
  }

  /**
   * Everything is checked with the answers of one operator alone. On a busy machine it may be slow
   * to answer, and a client then asks another: such a pass does not count, and is repeated.
   */
  async #checkAt(name: string, url: string, final: BlockNumber): Promise<void> {
    for (let pass = 1; ; pass++) {
      for (const { client } of this.#traders) client.api.prefer(url);
      const fault = await this.#checks.run().catch((error: unknown) => error);
      // Asks this operator alone, whatever the clients do.
      await this.#model.run(url, final);
      const elsewhere = this.#traders.find(({ client }) => client.api.url !== url);
      if (elsewhere === undefined) {
        if (fault !== undefined) throw fault;
        return;
      }
      if (pass === MOST_PASSES) {
        throw fault ?? new Error(`${name} did not answer ${elsewhere.client.address}`);
      }
    }
  }
}

async function topUp(client: ExchangeClient): Promise<void> {
  for (const { token, symbol, decimals } of client.exchange.tokens) {
    const [wanted, step] = symbol === "WETH" ? [30n, "40"] : [60_000n, "80000"];
    const held = (await client.fetchBalance()).find((balance) => balance.token === token);
    if ((held?.free ?? 0n) < wanted * 10n ** BigInt(decimals)) await client.deposit(token, step);
  }
}
