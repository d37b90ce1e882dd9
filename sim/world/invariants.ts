/**
 * The invariants: they must hold whatever happens. The checker reads the journal as it becomes
 * durable into a machine of its own, and compares the acknowledgements, the transactions sent, and
 * the node's answers with it.
 */
import type { Address, Hex } from "../../src/base/hex.ts";
import { apply, begin } from "../../src/exchange/apply.ts";
import { type BlocksEntry, decodeEntry } from "../../src/exchange/model/entries.ts";
import type { State } from "../../src/exchange/model/state.ts";
import { balances, commit, order, withdrawals } from "../../src/exchange/queries/views.ts";
import { stateHash } from "../../src/exchange/snapshots/stateHash.ts";
import { ChainWalk, GENESIS_LINK, type SealedRecord } from "../../src/journal/record.ts";
import type { Answered, OperatorApi } from "../../src/operator/api/operatorApi.ts";
import type { CountersignedStatement, Order, Statement } from "../../src/protocol/units.ts";
import type { OrderResponse } from "../../src/wire/schemas/order.ts";
import type { Chain } from "../chain/chain.ts";
import { decodeCall } from "../chain/mediatorAbi.ts";
import { keyOf as keyOfRequest } from "../chain/mediatorState.ts";
import type { Revert } from "../chain/terms.ts";
import { StatementChecks } from "../statements/statementChecks.ts";
import { InvariantBroken, OUR_FAULT } from "./invariantBroken.ts";
import { isUnprovable, type Plan } from "./plan.ts";
import type { OnDurable } from "./storages.ts";

/** How far an order has come: it never goes back. */
const PROGRESS = { queued: 0, open: 1, filled: 2, cancelled: 2, expired: 2, refused: 2 } as const;

const KNOWN_EVENTS = new Set([
  "TokenListed",
  "TradingKeySet",
  "Deposited",
  "WithdrawalInitiated",
  "WithdrawalCancelled",
  "WithdrawalConfirmed",
  "Committed",
  "DisputeOpened",
  "DisputeClosed",
  "StatementPresented",
]);

export class Invariants {
  readonly #chain: Chain;
  readonly #confirmations: number;
  /** The machine that a replay of the durable journal gives. */
  #state: State | undefined;
  readonly #payloads: Uint8Array[] = [];
  /** The newest reported state, by owner, round and id. */
  /** Clients and tokens of requests that were refused when a cancellation was sent. */
  readonly #cancelled = new Set<string>();
  readonly #acknowledged = new Map<string, OrderResponse>();
  /** Record of the last event, by its sender. */
  readonly #publishedUpTo = new WeakMap<object, number>();
  /** The holder of each epoch of a shared journal. */
  readonly #writers = new Map<number, string>();
  readonly #walk = new ChainWalk("the shared journal", GENESIS_LINK);
  readonly #isShared: boolean;
  /** Missing logs cannot be distinguished from absent ones; money and duties suffer for it. */
  isUnprovable: boolean;
  readonly #hasTruth: () => boolean;
  readonly #accepted = new Set<string>();
  readonly statements: StatementChecks;
  /** Once the chain reorganised too deep, the node may only stop. */
  reorganisedTooDeep = false;

  /** `hasTruth`: whether an endpoint that tells the truth answers, and has for a while. */
  constructor(chain: Chain, plan: Plan, hasTruth: () => boolean) {
    this.#chain = chain;
    this.#confirmations = plan.confirmations;
    this.isUnprovable = isUnprovable(plan);
    this.#hasTruth = hasTruth;
    this.#isShared = plan.kind === "several";
    this.statements = new StatementChecks(chain);
  }

  get acknowledgedOrders(): number {
    return this.#acknowledged.size;
  }

  get state(): State | undefined {
    return this.#state;
  }

  // ---------------------------------------------------------------- the journal

  onDurable({ records, operator, epoch }: Parameters<OnDurable>[0]): void {
    for (const record of records) {
      if (operator !== undefined) this.#checkWriter(record, operator, epoch);
      const { payload } = record;
      this.#payloads.push(payload);
      const entry = decodeEntry(payload);
      if (this.#state === undefined) {
        this.#state = begin(entry);
        continue;
      }
      if (entry.kind === "blocks") this.#checkBlocks(this.#state, entry);
      const { refusal } = apply(this.#state, entry);
      if (entry.kind === "countersign" && !refusal) this.statements.onRecord(entry);
      if (entry.kind !== "placeOrder" || refusal !== undefined) continue;
      const key = keyOf(entry.order);
      if (this.#accepted.has(key)) throw new InvariantBroken("none twice", `order ${key} again`);
      this.#accepted.add(key);
    }
  }

  /** Somebody holds the lease of that epoch. */
  onAcquired(operator: string, epoch: number): void {
    const last = Math.max(0, ...this.#writers.keys());
    if (epoch !== last + 1) throw new InvariantBroken("one writer", `epoch ${epoch} after ${last}`);
    this.#writers.set(epoch, operator);
  }

  /** Each record is of the newest epoch, of its writer, and follows the one before it. */
  #checkWriter(record: SealedRecord, operator: string, epoch: number | undefined): void {
    this.#walk.accept(record);
    const newest = Math.max(...this.#writers.keys());
    const isWriter = this.#writers.get(newest) === operator;
    if (isWriter && epoch === newest && record.epoch === newest) return;
    const detail = `${operator} wrote record ${record.sequence} in epoch ${epoch}, not ${newest}`;
    throw new InvariantBroken("one writer", detail);
  }

  /** Only what is final and canonical, all of it, in order. */
  #checkBlocks(state: State, entry: BlocksEntry): void {
    const { to, logs } = entry;
    const { blocks, head } = this.#chain;
    if (this.reorganisedTooDeep) return this.#checkNotBuiltOn(state, entry);
    if (to.number > head.number - this.#confirmations) {
      throw new InvariantBroken("final", `block ${to.number} taken in at head ${head.number}`);
    }
    if (blocks[to.number]?.hash !== to.hash) {
      throw new InvariantBroken("canonical", `block ${to.number} is not ${to.hash}`);
    }
    const from = (state.head?.number ?? state.genesis.schedule.genesisBlock - 1) + 1;
    const wanted = blocks
      .slice(from, to.number + 1)
      .flatMap((block) =>
        block.logs
          .filter(({ emitted }) => KNOWN_EVENTS.has(emitted.eventName))
          .map(({ logIndex, emitted }) => `${block.hash} ${logIndex} ${emitted.eventName}`),
      );
    const found = logs.map(({ blockHash, logIndex, kind }) => {
      return `${blockHash} ${logIndex} ${kind[0]?.toUpperCase()}${kind.slice(1)}`;
    });
    if (wanted.join() === found.join()) return;
    const isPart =
      new Set(found).size === found.length && found.every((one) => wanted.includes(one));
    // While the true endpoints are silent another is as good as alone.
    if (isPart && found.length > 0 && !this.#hasTruth()) this.isUnprovable = true;
    if (this.isUnprovable && isPart) return;
    throw new InvariantBroken(
      "every log once",
      `blocks ${from} to ${to.number}: ${found.length} taken in, ${wanted.length} there`,
    );
  }

  /** A final block is gone: no block on this chain may follow it. */
  #checkNotBuiltOn({ head: last }: State, { to }: BlocksEntry): void {
    const { blocks } = this.#chain;
    const isGone = last !== undefined && blocks[last.number]?.hash !== last.hash;
    if (!isGone || blocks[to.number]?.hash !== to.hash) return;
    throw new InvariantBroken("a deep reorganisation ends it", `${to.number} follows ${last.hash}`);
  }

  // ---------------------------------------------------------------- what is said

  onAcknowledged(action: "order" | "cancel", said: OrderResponse): void {
    this.#requireKept(said, action === "order" ? "an order" : "a cancellation");
    this.#onSaid(said);
  }

  /**
   * An operator's published state of an order; `run`: the process whose events they are, in order.
   */
  onPublished(said: OrderResponse, run: object): void {
    this.#requireKept(said, "a word");
    const before = this.#publishedUpTo.get(run) ?? 0;
    if (said.asOf < before) {
      const detail = `record ${said.asOf} is told after ${before}`;
      throw new InvariantBroken("in the journal's order", detail);
    }
    this.#publishedUpTo.set(run, said.asOf);
    this.#onSaid(said);
  }

  /** Answers and events may overtake each other, if a client can tell which is the newer. */
  #onSaid(said: OrderResponse): void {
    const key = keyOf(said);
    const before = this.#acknowledged.get(key);
    if (before !== undefined && said.asOf >= before.asOf && isBehind(said, before)) {
      throw new InvariantBroken("acknowledged is kept", `${key} went back to ${said.state}`);
    }
    if (before !== undefined && said.asOf <= before.asOf && isBehind(before, said)) {
      const detail = `${key} is ${said.state} as of ${said.asOf}, and was not as of ${before.asOf}`;
      throw new InvariantBroken("in the journal's order", detail);
    }
    if (before === undefined || said.asOf >= before.asOf) this.#acknowledged.set(key, said);
  }

  /** The durable journal says at least as much. */
  #requireKept(said: OrderResponse, what: string): void {
    const kept = this.#state && order(this.#state, said);
    if (kept !== undefined && !isBehind(kept, said) && kept.order.sellAmount === said.sellAmount) {
      return;
    }
    const found = kept === undefined ? "nothing" : `${kept.state}, sold ${kept.sold}`;
    throw new InvariantBroken(
      "durable before acknowledged",
      `${what} of ${keyOf(said)} (${said.state}, sold ${said.sold}); the journal has ${found}`,
    );
  }

  onCountersigned(answer: CountersignedStatement): void {
    this.statements.onCountersigned(this.#state, answer, this.#payloads.length);
  }

  onLie(statement: Statement): void {
    this.statements.onLie(statement);
  }

  onRefused(refused: Order, code: string): void {
    if (code === "DuplicateOrderId" || code === "OrderNotOpen") return;
    if (code === "NotReady" || code === "Overloaded") return;
    const kept = this.#state && order(this.#state, refused);
    // Another of the same name may be there; then the refusal would say so, but for its own fault.
    if (kept === undefined || this.#acknowledged.has(keyOf(refused))) return;
    if (JSON.stringify(kept.order, text) !== JSON.stringify(refused, text)) return;
    throw new InvariantBroken("refused is not kept", `${keyOf(refused)} refused as ${code}`);
  }

  // ---------------------------------------------------------------- what is sent

  /** `mayLack`: the sender may not have the newest records, by which another did it already. */
  onBroadcast(data: Hex, mayLack: boolean): void {
    const state = this.#state;
    const call = decodeCall(data)?.call;
    // Nothing, sent to oneself: it only takes up a nonce.
    if (data === "0x") return;
    if (state === undefined || call === undefined) {
      throw new InvariantBroken("sent by the journal", `${data.slice(0, 10)} without a journal`);
    }
    if (call.functionName === "commit") {
      const own = commit(state).roots;
      for (const { token, node, total, leafCount } of call.args[0]) {
        const root = own.find((one) => one.token === token);
        const same =
          root?.node === node && root.total === total && BigInt(root.leafCount) === leafCount;
        if (same) continue;
        throw new InvariantBroken(
          "committed by the journal",
          `${token}: ${node}, ours ${root?.node}`,
        );
      }
    }
    if (call.functionName === "cancelWithdrawal") {
      const [client, token] = call.args;
      const refused = withdrawals(state, { client: client as Address, state: "refused" });
      const what = `${client} ${token}`;
      if (refused.some((one) => one.token === token)) {
        this.#cancelled.add(what);
        return;
      }
      if (mayLack && this.#cancelled.has(what)) return;
      throw new InvariantBroken(
        "sent by the journal",
        `a cancellation of ${client} nobody refused`,
      );
    }
  }

  onRefusedTrial(data: Hex, refusal: Revert): void {
    if (this.reorganisedTooDeep || this.isUnprovable) return;
    // Another operator may hold the slot by then.
    if (this.#isShared && refusal.errorName === "NotOperator") return;
    if (!OUR_FAULT.has(refusal.errorName)) return;
    const call = decodeCall(data)?.call;
    if (call?.functionName === "cancelWithdrawal" && this.#isAnotherRequest(call.args)) return;
    const what = call?.functionName;
    throw new InvariantBroken("duties are right", `${what} is refused: ${refusal.message}`);
  }

  /** The client made a request anew after what the journal knows: its evidence is another's. */
  #isAnotherRequest([client, token]: readonly unknown[]): boolean {
    const known = this.#state?.head?.number;
    if (known === undefined) return false;
    const key = keyOfRequest(client as Address, token as Address);
    const { blocks, head } = this.#chain;
    const then = blocks[known]?.state.requests.get(key);
    return JSON.stringify(then, text) !== JSON.stringify(head.state.requests.get(key), text);
  }

  // ---------------------------------------------------------------- at every block

  /** The machine's balances are the deposits less the payments, and no lock exceeds them. */
  checkMoney(): void {
    const state = this.#state;
    if (state?.head === undefined || this.reorganisedTooDeep || this.isUnprovable) return;
    this.statements.checkSums(state);
    const past = this.#chain.blocks[state.head.number];
    for (const { address: token, tree } of state.tokens.values()) {
      let inside = 0n;
      for (const client of state.clientList) {
        const { total, locked } = client.balances.get(token) ?? { total: 0n, locked: 0n };
        if (locked < 0n || locked > total) {
          throw new InvariantBroken(
            "conservation",
            `${client.address} locks ${locked} of ${total}`,
          );
        }
        inside += total;
        const waiting = client.withdrawals.get(token);
        if (waiting?.state === "debited") inside += waiting.amount;
      }
      const held = past?.state.held.get(token) ?? 0n;
      if (inside === held && tree.leafCount <= state.clientList.length) continue;
      throw new InvariantBroken("conservation", `${inside} of ${token} in the books, ${held} held`);
    }
  }

  /** A running operator's answers are those of the journal of `length` records. */
  checkFace(api: OperatorApi, length: number): void {
    const state = this.#state;
    if (state === undefined) return;
    for (const { address } of state.clientList) {
      const own = JSON.stringify(balances(state, address), text);
      const all = api.balances(address);
      // A replica may be some records behind, or not know of any token yet.
      const isCurrent = all.length > 0 && all.every(({ asOf }) => asOf === length);
      if (this.#isShared && !isCurrent) continue;
      this.statements.checkShown(state, api, address);
      const told = all.map(({ asOf: _, ...balance }) => balance);
      const said = JSON.stringify(told, text);
      if (own === said) continue;
      throw new InvariantBroken("state is the journal's", `${address}: ${said}, journal ${own}`);
    }
  }

  /**
   * Every acknowledged write is there: asked of an operator that has applied the records up to
   * `upTo`, and may follow another that is further.
   */
  async checkKept(api: OperatorApi, upTo: number): Promise<void> {
    const state = this.#state;
    if (state === undefined) return;
    const { round } = state.moment;
    this.statements.checkKept(state, api, this.#isShared ? upTo : Number.POSITIVE_INFINITY);
    const told = [...this.#acknowledged].filter(
      ([, { round: of, asOf }]) => of >= round - 1 && (!this.#isShared || asOf <= upTo),
    );
    const asked = new Map<string, Promise<Answered<OrderResponse[]>>>();
    for (const [key, before] of told) {
      const where = `${before.owner} ${before.round}`;
      const answer = asked.get(where) ?? api.orders(before.owner, before.round);
      asked.set(where, answer);
      const answered = await answer;
      const orders = answered.ok ? answered.value : [];
      const now = orders.find(({ id }) => id === before.id);
      if (now !== undefined && !isBehind(now, before)) continue;
      throw new InvariantBroken(
        "acknowledged is kept",
        `${key} (${before.state}) is ${now?.state}`,
      );
    }
  }

  /** The whole journal once more, from its first record. */
  checkReplay(): void {
    if (this.#state === undefined) return;
    const [first, ...rest] = this.#payloads.map((payload) => decodeEntry(payload));
    if (first === undefined) return;
    const again = begin(first);
    for (const entry of rest) apply(again, entry);
    if (stateHash(again) === stateHash(this.#state)) return;
    throw new InvariantBroken("replay", "the same journal leads to another state");
  }
}

function keyOf({ owner, round, id }: Pick<Order, "owner" | "round" | "id">): string {
  return `${owner} ${round}/${id}`;
}

type Progress = Pick<OrderResponse, "state" | "sold" | "bought">;

function isBehind(now: Progress, before: Progress): boolean {
  const [is, was] = [PROGRESS[now.state], PROGRESS[before.state]];
  const changedEnd = is === 2 && was === 2 && now.state !== before.state;
  return is < was || changedEnd || now.sold < before.sold || now.bought < before.bought;
}

function text(_: string, part: unknown): unknown {
  return typeof part === "bigint" ? part.toString() : part;
}
