/**
 * The movements of each client's balances beside its trades: deposits, withdrawals, their ends.
 * A projection of the journal, bounded for each client and over all of them.
 */
import type { Address, Hex } from "../../base/hex.ts";
import type { ExchangeEvent } from "../../exchange/model/outcome.ts";
import type { Amount, BlockNumber, Round } from "../../protocol/units.ts";

/** Kept of each client. */
export const MOVES_PER_CLIENT = 500;
/** Kept of all clients together: the oldest go first. */
export const MOVES_KEPT = 100_000;

export type MoveKind =
  | "deposit"
  /** Taken out of the balance when the request was decided. */
  | "withdrawal"
  /** Back in the balance: the request was cancelled after that. */
  | "withdrawalReturned"
  /** Paid on chain; the balance fell before. */
  | "withdrawalPaid"
  /** The request was not covered, or withdrawn on chain; the balance never fell. */
  | "withdrawalRefused";

export interface Move {
  /** Record of the journal that did it, and its place in that. */
  readonly record: number;
  readonly index: number;
  readonly timeMs: number;
  readonly client: Address;
  readonly kind: MoveKind;
  readonly token: Address;
  readonly amount: Amount;
  readonly round: Round;
  /** Undefined where the exchange did it by itself. */
  readonly block: BlockNumber | undefined;
  readonly transactionHash: Hex | undefined;
}

export class Ledger {
  /** Oldest first. */
  readonly #byClient = new Map<Address, Move[]>();
  /** Of all clients, oldest first; those cut from a client's list are still among them. */
  #order: Move[] = [];
  #dropped = 0;

  /** `from`: the place of the first of `events` in the record. */
  add(record: number, timeMs: number, events: readonly ExchangeEvent[], from = 0): void {
    for (const [at, event] of events.entries()) {
      const move = moveOf(event);
      if (move !== undefined) this.#push({ ...move, record, index: from + at, timeMs });
    }
  }

  /** Newest first, of those before the record `before`. */
  of(client: Address, before = Number.MAX_SAFE_INTEGER, limit = MOVES_PER_CLIENT): Move[] {
    const all = this.#byClient.get(client) ?? [];
    const older = all.filter(({ record }) => record < before);
    return older.slice(-limit).reverse();
  }

  encode(): readonly Move[] {
    const all = [...this.#byClient.values()].flat();
    return all.sort((a, b) => a.record - b.record || a.index - b.index);
  }

  static decode(saved: readonly Move[]): Ledger {
    const ledger = new Ledger();
    for (const move of saved) ledger.#push(move);
    return ledger;
  }

  #push(move: Move): void {
    const list = this.#byClient.get(move.client) ?? [];
    if (list.length === 0) this.#byClient.set(move.client, list);
    list.push(move);
    this.#order.push(move);
    if (list.length > MOVES_PER_CLIENT) list.shift();
    if (this.#order.length - this.#dropped > MOVES_KEPT) this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#order[this.#dropped++] as Move;
    const list = this.#byClient.get(oldest.client);
    if (list?.[0] === oldest) list.shift();
    if (list?.length === 0) this.#byClient.delete(oldest.client);
    if (this.#dropped < MOVES_KEPT) return;
    this.#order = this.#order.slice(this.#dropped);
    this.#dropped = 0;
  }
}

type Bare = Omit<Move, "record" | "index" | "timeMs">;

function moveOf(event: ExchangeEvent): Bare | undefined {
  switch (event.what) {
    case "depositCredited":
      return ofLog("deposit", event.log);
    case "withdrawalDecided": {
      const { client, token, amount, round } = event;
      const kind = event.decision === "debited" ? "withdrawal" : "withdrawalRefused";
      return { kind, client, token, amount, round, block: undefined, transactionHash: undefined };
    }
    case "withdrawalCancelled":
      return event.credited ? ofLog("withdrawalReturned", event.log) : undefined;
    case "withdrawalConfirmed":
      return ofLog("withdrawalPaid", event.log);
    default:
      return undefined;
  }
}

function ofLog(
  kind: MoveKind,
  log: Omit<Bare, "kind" | "transactionHash" | "block"> & {
    readonly block: BlockNumber;
    readonly transactionHash: Hex;
  },
): Bare {
  const { client, token, amount, round, block, transactionHash } = log;
  return { kind, client, token, amount, round, block, transactionHash };
}
