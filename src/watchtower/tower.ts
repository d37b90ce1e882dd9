/**
 * A watchtower: does the work of each round for many clients. By the evidence that they send it
 * audits, disputes with their delegation, confirms and recovers: each sum goes to its client.
 * Nothing is remembered but files and chain, so it may end and start at any time.
 */
import { messageOf, QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { encodeRefundBond } from "../chain/contracts/mediatorCalls.ts";
import { readDisputeRounds } from "../chain/follow/pastEvents.ts";
import { ContractRefused } from "../chain/rpc/errors.ts";
import { Api } from "../client/api.ts";
import type { ProofRecord } from "../client/evidence/evidence.ts";
import {
  checkPublishedBalances,
  type PublishedBalances,
  proofsFrom,
} from "../client/rounds/publicBalances.ts";
import { type RoundReport, roundWork } from "../client/rounds/roundWork.ts";
import type { TransactionSender } from "../client/signing/signer.ts";
import type { BlockNumber, Round } from "../protocol/units.ts";
import { delegationProblem, TowerClient } from "./towerClient.ts";
import type { Entrusted, Vault } from "./vault.ts";

/** Something that a client, or the tower's own operator, should know. */
export interface Alert {
  readonly event:
    | "faults"
    | "disputed"
    | "mayNotDispute"
    | "confirmed"
    | "halted"
    | "recovered"
    | "failed";
  readonly client: Address;
  readonly round: Round | undefined;
  readonly detail: string;
}

export interface TowerOptions {
  readonly vault: Vault;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly sender: TransactionSender;
  /** The tower's own address: the delegate of its clients. */
  readonly address: Address;
  /** Where public balances may be had. */
  readonly operators: readonly string[];
  readonly alert: (alert: Alert) => void;
}

/** Milliseconds for all balances of a large exchange. */
const DOWNLOAD_MS = 120_000;
/** A dispute waits for its block: as many are under way as a node keeps of one account. */
const CLIENTS_AT_ONCE = 16;

export class Tower {
  readonly #options: TowerOptions;
  /** Of each client, the block at which it is looked at again. */
  readonly #next = new Map<Address, BlockNumber>();
  /** The last round's public balances: one download for all clients. */
  #published:
    | { readonly round: Round; readonly all: Promise<PublishedBalances | undefined> }
    | undefined;
  /** Told once a client and round. */
  readonly #told = new Set<string>();

  constructor(options: TowerOptions) {
    this.#options = options;
  }

  /** One look at every client that is due. One that fails holds up no other: it comes again. */
  async watch(): Promise<void> {
    const { vault, reader } = this.#options;
    const { block, halted } = await reader.clock();
    const due = vault.clients.filter(({ client }) => {
      const next = this.#next.get(client) ?? 0;
      return next <= block || (halted && next !== Number.POSITIVE_INFINITY);
    });
    for (let i = 0; i < due.length; i += CLIENTS_AT_ONCE) {
      const some = due.slice(i, i + CLIENTS_AT_ONCE).map((entrusted) =>
        this.#look(entrusted).catch((error: unknown) => {
          this.#tell("failed", entrusted.client, undefined, messageOf(error));
        }),
      );
      await Promise.all(some);
    }
  }

  /** Evidence that just came is looked at without waiting. */
  due(client: Address): void {
    this.#next.delete(client);
  }

  async #look({ client: address, store, delegation }: Entrusted): Promise<void> {
    const { reader, constants, sender } = this.#options;
    const client = new TowerClient({
      address,
      reader,
      constants,
      store,
      sender,
      delegation,
      published: (round, whose) => this.#proofs(round, whose),
    });
    const { round } = await reader.clock();
    const problem = delegationProblem(delegation, round);
    let work: RoundReport;
    try {
      work = await roundWork(client);
    } catch (error) {
      if (!isNotDelegated(error)) throw error;
      this.#tell("mayNotDispute", address, round, problem ?? error.message);
      return;
    }
    this.#report(address, work);
    if (work.recovered !== undefined) await this.#refundOwnBonds(client);
    this.#next.set(address, work.nextBlock ?? Number.POSITIVE_INFINITY);
  }

  #report(client: Address, { round, audit, disputed, confirmed, recovered }: RoundReport): void {
    if (audit !== undefined && audit.faults.length > 0) {
      this.#tell("faults", client, round, audit.faults.map(({ kind }) => kind).join(", "));
    }
    if (disputed !== undefined) {
      this.#tell("disputed", client, round, `${disputed.standing}, ${disputed.fills} fills`);
    }
    for (const { token, amount } of confirmed) {
      this.#tell("confirmed", client, round, `${amount} of ${token}`);
    }
    if (recovered === undefined) return;
    this.#tell("halted", client, round, "the Mediator is HALTED");
    for (const one of recovered) {
      const sum = "amount" in one ? `${one.what} ${one.amount}` : one.what;
      this.#tell("recovered", client, round, `${sum} of ${"token" in one ? one.token : "ether"}`);
    }
  }

  /** A dispute's bond goes back to its payer, the delegate, whoever asks. */
  async #refundOwnBonds(client: TowerClient): Promise<void> {
    const { address, constants } = this.#options;
    if (constants.disputeBond === 0n) return;
    const { genesisBlock } = constants.schedule;
    for (const round of await readDisputeRounds(client.reader, client.address, genesisBlock)) {
      const opened = await client.reader.dispute(client.address, round);
      if (opened?.open && opened.delegate === address) {
        await client.send("refund of the tower's bond", encodeRefundBond(client.address, round));
      }
    }
  }

  async #proofs(round: Round, client: Address): Promise<ProofRecord[]> {
    if (this.#published?.round !== round) {
      this.#published = { round, all: this.#fetchPublished(round) };
    }
    const all = await this.#published.all;
    // Nobody had them: asked again at the next look.
    if (all === undefined) this.#published = undefined;
    return all === undefined ? [] : proofsFrom(all, client);
  }

  /** Of the first operator whose balances hold against the chain. */
  async #fetchPublished(round: Round): Promise<PublishedBalances | undefined> {
    const { operators, reader, constants } = this.#options;
    for (const url of operators) {
      try {
        const api = new Api(url, DOWNLOAD_MS);
        const found = await api.call("fetchPublicBalances", { params: { round } });
        if (found.round !== round) continue;
        await checkPublishedBalances(found, reader, constants);
        return found;
      } catch {
        // A silent or lying operator is no obstacle: what is missing is disputed in the end.
      }
    }
    return undefined;
  }

  #tell(event: Alert["event"], client: Address, round: Round | undefined, detail: string): void {
    const key = `${event} ${client} ${round} ${detail}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.alert({ event, client, round, detail });
  }
}

/** Also of a contract wallet that counts as signed no more what it signed. */
function isNotDelegated(error: unknown): error is QuarterdeckError {
  if (error instanceof ContractRefused) return error.errorName === "NotDelegated";
  return error instanceof QuarterdeckError && error.code === "NoDelegation";
}
