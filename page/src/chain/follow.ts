/** Reads the chain by the visitor's own endpoint, as often as the stream tells a new block. */
import { batch, effect } from "@preact/signals";
import type { Address } from "../../../src/base/hex.ts";
import { decodeLog } from "../../../src/chain/contracts/logs.ts";
import { MediatorReader } from "../../../src/chain/contracts/mediator.ts";
import { readOwners } from "../../../src/chain/contracts/ownership.ts";
import {
  decodeSlotLog,
  type SlotLog,
  SlotReader,
} from "../../../src/chain/contracts/roundRobinManager.ts";
import { readTokenBalance } from "../../../src/chain/contracts/tokens.ts";
import { connect } from "../../../src/chain/rpc/rpc.ts";
import type { ChainLog } from "../../../src/protocol/chainLog.ts";
import type { ExchangeResponse } from "../../../src/wire/schemas/exchange.ts";
import { clock, exchange, isLive } from "../live/exchange.ts";
import { messageOf } from "../ui/format.ts";
import { readCommit } from "./commits.ts";
import { rpcUrl } from "./endpoint.ts";
import { LogReader, roundsFrom } from "./logs.ts";
import { pastSlotsOf, slotLogsFrom } from "./pastSlots.ts";
import {
  type ChainOperators,
  chainClock,
  chainOperators,
  chainProblem,
  commitDetails,
  holdings,
  isLocalChain,
  logs,
  logsFrom,
  logsOf,
  pastSlots,
  powers,
  type TokenHolding,
} from "./state.ts";

/** Milliseconds between two readings, however fast blocks come. */
const LEAST_PAUSE_MS = 2000;
/** Commits whose transactions are looked at in one reading. */
const MOST_COMMITS = 6;
const ANVIL_CHAIN = 31337;

/** Milliseconds between two readings while no operator says that there is a new block. */
const ALONE_MS = 6000;

/** Follows until the page is closed, also where every operator is gone. */
export function followChain(): void {
  let chain: Chain | undefined;
  setInterval(() => {
    if (!isLive.value) chain?.wake();
  }, ALONE_MS);
  effect(() => {
    const facts = exchange.value;
    const url = rpcUrl.value;
    if (facts === undefined || url === undefined) return;
    if (chain?.url !== url) chain = new Chain(url, facts);
    // Each new block is a reason to read.
    void clock.value?.chainHead;
    chain.wake();
  });
}

/** One endpoint. At most one reading is under way, and at most one waits. */
class Chain {
  readonly url: string;
  readonly #facts: ExchangeResponse;
  readonly #reader: MediatorReader;
  readonly #slots: SlotReader;
  readonly #logs: LogReader<ChainLog>;
  #slotLogs: LogReader<SlotLog> | undefined;
  #hasSlots: boolean | undefined;
  #isReading = false;
  #isWanted = false;

  constructor(url: string, facts: ExchangeResponse) {
    this.url = url;
    this.#facts = facts;
    const client = connect([url], { chainId: facts.chainId });
    this.#reader = new MediatorReader(client, facts.mediator);
    this.#slots = new SlotReader(client, facts.manager);
    this.#logs = new LogReader({
      client,
      address: facts.mediator,
      what: "the Mediator's logs",
      decode: decodeLog,
      from: (head) => roundsFrom(facts.schedule, head),
    });
    if (facts.chainId === ANVIL_CHAIN) void this.#findLocal();
  }

  wake(): void {
    this.#isWanted = true;
    if (!this.#isReading) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isReading = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#read();
        chainProblem.value = undefined;
      } catch (error) {
        chainProblem.value = messageOf(error);
      }
      await new Promise((resolve) => setTimeout(resolve, LEAST_PAUSE_MS));
    }
    this.#isReading = false;
  }

  async #read(): Promise<void> {
    const now = await this.#reader.clock();
    const found = await this.#logs.upTo(now.block);
    const held = await Promise.all(
      this.#facts.tokens.map(({ token }) =>
        readTokenBalance(this.#reader.client, token, this.#facts.mediator),
      ),
    );
    batch(() => {
      chainClock.value = now;
      logs.value = found;
      logsFrom.value = this.#logs.from;
      holdings.value = this.#facts.tokens.map((one, i) => this.#holding(one, held[i] as bigint));
    });
    chainOperators.value = await this.#readOperators();
    await this.#readPastSlots();
    powers.value ??= await this.#readPowers();
    await this.#readCommits();
  }

  #holding(
    { token, symbol, decimals }: ExchangeResponse["tokens"][number],
    held: bigint,
  ): TokenHolding {
    const last = logsOf("committed").find((log) => log.token === token);
    const ended = [...logsOf("withdrawalConfirmed"), ...logsOf("withdrawalCancelled")];
    const requested = logsOf("withdrawalInitiated")
      .filter((log) => log.token === token && log.round < (last?.round ?? 0))
      .filter((log) => !ended.some((end) => isSame(log, end)))
      .reduce((sum, { amount }) => sum + amount, 0n);
    const round = last?.round ?? 0;
    return { token, symbol, decimals, held, committed: last?.total, requested, round };
  }

  async #readOperators(): Promise<ChainOperators> {
    this.#hasSlots ??= await this.#slots.hasSlots();
    const slots = this.#hasSlots ? await this.#slots.slots() : undefined;
    const only = slots === undefined ? await this.#reader.operator(this.#facts.manager) : undefined;
    const listed =
      slots?.operators ?? (only === undefined ? [] : [{ ...only, endpoint: only.uri }]);
    const balances = await Promise.all(
      listed.map(({ address }) => this.#reader.client.getBalance({ address })),
    );
    const operators = listed.map(({ address, name, endpoint }, i) => ({
      address,
      name,
      endpoint,
      balance: balances[i] as bigint,
    }));
    return { slots, operators };
  }

  async #readPastSlots(): Promise<void> {
    const now = chainOperators.value?.slots;
    if (now === undefined) return;
    this.#slotLogs ??= new LogReader({
      client: this.#reader.client,
      address: this.#facts.manager,
      what: "the operators' claims",
      decode: decodeSlotLog,
      from: () => slotLogsFrom(now),
    });
    const found = await this.#slotLogs.upTo(now.block);
    pastSlots.value = pastSlotsOf(now, found, this.#slotLogs.from);
  }

  async #readPowers() {
    const { client } = this.#reader;
    const { mediator, manager } = this.#facts;
    const [ofMediator, ofManager, commitQuorum] = await Promise.all([
      readOwners(client, mediator),
      readOwners(client, manager),
      this.#reader.commitQuorum(manager),
    ]);
    const isContract: Record<Address, boolean> = {};
    for (const address of [ofMediator.owner, ofManager.owner]) {
      const code = await client.getCode({ address });
      isContract[address] = code !== undefined && code !== "0x";
    }
    return {
      mediatorOwner: ofMediator.owner,
      mediatorPending: ofMediator.pending,
      managerOwner: ofManager.owner,
      managerPending: ofManager.pending,
      isContract,
      commitQuorum,
    };
  }

  async #readCommits(): Promise<void> {
    const known = commitDetails.value;
    const hashes = new Set(logsOf("committed").map(({ transactionHash }) => transactionHash));
    const wanted = [...hashes].filter((hash) => !known.has(hash)).slice(0, MOST_COMMITS);
    if (wanted.length === 0) return;
    const { chainId, mediator } = this.#facts;
    const read = await Promise.all(
      wanted.map((hash) => readCommit(this.#reader.client, { chainId, mediator }, hash)),
    );
    const merged = new Map(known);
    wanted.forEach((hash, i) => {
      const details = read[i];
      if (details !== undefined) merged.set(hash, details);
    });
    commitDetails.value = merged;
  }

  async #findLocal(): Promise<void> {
    const request = { method: "web3_clientVersion" } as never;
    const version = await this.#reader.client.request(request).catch(() => "");
    isLocalChain.value = /anvil/i.test(String(version));
  }
}

type Of = { readonly client: string; readonly token: string; readonly round: number };

function isSame(a: Of, b: Of): boolean {
  return a.client === b.client && a.token === b.token && a.round === b.round;
}
