/**
 * A watchtower and the exchange that it watches, at the point where the operator begins to cheat:
 * Ada is away, and whatever is committed from round 3 on is said with the operator's own key.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address, Hex } from "../../../src/base/hex.ts";
import type { ExchangeConstants } from "../../../src/chain/contracts/mediator.ts";
import {
  type ExecutedOrder,
  encodeCloseDispute,
  encodeCommit,
  encodeDeposit,
} from "../../../src/chain/contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../../../src/chain/contracts/tokens.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { MemoryEvidence, type ProofRecord } from "../../../src/client/evidence/evidence.ts";
import { type EntrustOptions, entrust } from "../../../src/client/rounds/entrust.ts";
import { heldSigner } from "../../../src/client/signing/signers.ts";
import { hashFill, hashStatement, orderHash } from "../../../src/protocol/messages.ts";
import { firstBlockOf } from "../../../src/protocol/rounds.ts";
import { SumTree } from "../../../src/protocol/sumTree.ts";
import type { Order, Quarter, Statement, TokenRoot } from "../../../src/protocol/units.ts";
import { type RunningTowerServer, startTowerServer } from "../../../src/watchtower/server.ts";
import { type Alert, Tower } from "../../../src/watchtower/tower.ts";
import { Vault } from "../../../src/watchtower/vault.ts";
import { startExchange, type TestExchange } from "./exchange.ts";

export const WETH = 10n ** 18n;
export const USDC = 10n ** 6n;
export const BOND = 10n ** 16n;
/** Accounts of the chain. */
export const [OPERATOR, ADA, BOB, TOWER, CLEO] = [1, 2, 3, 4, 5] as const;
/** The round that is committed first without an honest operator. */
export const CHEATED = 3;

/** A leaf: whose, and how much. */
export type Leaf = readonly [client: Address, balance: bigint];

export class TowerStage {
  readonly exchange: TestExchange;
  readonly constants: ExchangeConstants;
  readonly ada: Address;
  readonly bob: Address;
  /** Ada's proofs of rounds 1 and 2. */
  readonly kept: MemoryEvidence;
  alerts: Alert[] = [];
  #snapshot: Hex;
  #folder = "";
  #vault: Vault | undefined;
  #server: RunningTowerServer | undefined;
  #tower: Tower | undefined;

  private constructor(given: Pick<TowerStage, "exchange" | "constants" | "kept">, snapshot: Hex) {
    this.exchange = given.exchange;
    this.constants = given.constants;
    this.kept = given.kept;
    this.ada = this.address(ADA);
    this.bob = this.address(BOB);
    this.#snapshot = snapshot;
  }

  /** Ada has 10 WETH, Bob 5 WETH and 9000 USDC, in commits of rounds 1 and 2. */
  static async start(): Promise<TowerStage> {
    const exchange = await startExchange({ disputeBond: BOND });
    const constants = await exchange.reader.constants();
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("WETH", "5");
    await bob.deposit("USDC", "9000");
    const kept = new MemoryEvidence();
    for (const round of [1, 2]) {
      await exchange.toQuarter(round, 1);
      await ada.audit(round);
      await kept.saveProofs(await ada.evidence.proofs(round));
    }
    await exchange.stopOperator();
    return new TowerStage({ exchange, constants, kept }, await exchange.anvil.snapshot());
  }

  async stop(): Promise<void> {
    await this.exchange.stop();
  }

  /** The chain as `start` left it, and a tower that knows nobody. */
  async reset(): Promise<void> {
    const { anvil } = this.exchange;
    await anvil.revert(this.#snapshot);
    this.#snapshot = await anvil.snapshot();
    this.alerts = [];
    this.#folder = mkdtempSync(join(tmpdir(), "quarterdeck-tower-"));
    await this.begin();
  }

  /** Starts a tower with what the folder holds. `operators`: who publishes balances. */
  async begin(operators: readonly string[] = [this.exchange.url]): Promise<void> {
    const { anvil, reader } = this.exchange;
    const vault = await Vault.open(this.#folder);
    const sender = heldSigner(this.signerOf(TOWER)).sender({
      client: anvil.client,
      chainId: anvil.chainId,
      maxFeePerGas: 10n ** 12n,
      pollMs: 15,
    });
    const { constants } = this;
    const watched = { vault, reader, constants, address: this.address(TOWER) };
    const alert = (one: Alert) => this.alerts.push(one);
    const tower = new Tower({ ...watched, sender, operators, alert });
    this.#vault = vault;
    this.#tower = tower;
    this.#server = await startTowerServer({
      ...watched,
      host: "127.0.0.1",
      port: 0,
      maxClients: 1,
      onDelivered: (client) => tower.due(client),
    });
  }

  /** Ends the tower; its folder stays. */
  async end(): Promise<void> {
    await this.#server?.close();
    await this.#vault?.close();
  }

  /** Deletes all that clients sent. */
  forget(): void {
    rmSync(this.#folder, { recursive: true });
  }

  get vault(): Vault {
    if (this.#vault === undefined) throw new Error("no tower was begun");
    return this.#vault;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  events(): Alert["event"][] {
    return this.alerts.map(({ event }) => event);
  }

  async watch(): Promise<void> {
    await this.#tower?.watch();
  }

  address(index: number): Address {
    return this.exchange.anvil.addresses[index] as Address;
  }

  signerOf(index: number) {
    return localSigner(this.exchange.anvil.keys[index] as Hex);
  }

  async at(round: number, quarter: Quarter): Promise<void> {
    await this.exchange.anvil.mineTo(firstBlockOf(this.exchange.schedule, round, quarter));
  }

  /** Ada's, unless `change` says another. */
  trust(change: Partial<EntrustOptions> = {}): EntrustOptions {
    return {
      signer: heldSigner(this.signerOf(ADA)),
      domain: this.constants.domain,
      evidence: this.kept,
      tower: { url: this.url, address: this.address(TOWER) },
      ...change,
    };
  }

  /** Sends evidence, beside what Ada kept of rounds 1 and 2. */
  async send(evidence: MemoryEvidence, change: Partial<EntrustOptions> = {}): Promise<void> {
    await entrust(this.trust({ evidence, ...change }));
  }

  /** A call of the Mediator. `value`: wei. */
  async sendAs(index: number, data: Hex, value = 0n): Promise<void> {
    const { anvil, mediator } = this.exchange;
    const call = { from: this.address(index), to: mediator, data };
    await anvil.transact({ ...call, value: `0x${value.toString(16)}` });
  }

  /** Gives an account tokens and deposits them. */
  async deposit(index: number, token: Address, amount: bigint): Promise<void> {
    const { anvil, mediator } = this.exchange;
    const from = this.address(index);
    await anvil.transact({ from, to: token, data: encodeMint(from, amount) });
    await anvil.transact({ from, to: token, data: encodeApprove(mediator, amount) });
    await this.sendAs(index, encodeDeposit(token, amount));
  }

  /** Leaves by token, as the operator commits them; a token without leaves is left out. */
  async commit(weth: readonly Leaf[], usdc: readonly Leaf[], round = CHEATED): Promise<SumTree[]> {
    await this.at(round, 0);
    const trees = [weth, usdc].map(treeOf);
    const tokens = [this.exchange.weth, this.exchange.usdc];
    const roots: TokenRoot[] = trees
      .map((tree, index) => ({ token: tokens[index] as Address, ...tree.root() }))
      .filter(({ leafCount }) => leafCount > 0);
    await this.sendAs(OPERATOR, encodeCommit(roots));
    return trees;
  }

  /** What is true as long as nobody trades. */
  honest(round = CHEATED): Promise<SumTree[]> {
    const { ada, bob } = this;
    const weth: Leaf[] = [
      [ada, 10n * WETH],
      [bob, 5n * WETH],
    ];
    return this.commit(
      weth,
      [
        [ada, 0n],
        [bob, 9000n * USDC],
      ],
      round,
    );
  }

  /** Evidence that the operator shows: Ada's leaves of those trees. */
  async shown(trees: readonly SumTree[], evidence = new MemoryEvidence(), round = CHEATED) {
    const tokens = [this.exchange.weth, this.exchange.usdc];
    const proofs = trees.map((tree, index): ProofRecord => {
      return { round, token: tokens[index] as Address, proof: tree.prove(0) };
    });
    await evidence.saveProofs(proofs);
    return evidence;
  }

  /** Ada's order of round 2 to sell 1 WETH for 3000 USDC, as she signed it. */
  async order(id = 1n): Promise<{ order: Order; signature: ExecutedOrder["signature"] }> {
    const order: Order = {
      owner: this.ada,
      round: CHEATED - 1,
      id,
      sellToken: this.exchange.weth,
      sellAmount: WETH,
      buyToken: this.exchange.usdc,
      buyAmount: 3000n * USDC,
      intent: "sellAll",
    };
    const { domain } = this.constants;
    const signature = await heldSigner(this.signerOf(ADA)).sign(domain, "Order", order);
    return { order, signature };
  }

  /** Evidence of that order, and of its execution as the operator signed it, if it did. */
  async traded(executed?: { readonly sold: bigint; readonly bought: bigint }, id = 1n) {
    const { domain } = this.constants;
    const signed = await this.order(id);
    const hash = orderHash(signed.order);
    const evidence = new MemoryEvidence();
    await evidence.saveOrder(hash, signed);
    if (executed === undefined) return evidence;
    const { owner, round } = signed.order;
    const fill = { orderHash: hash, owner, round, ...executed, sequence: 1n };
    const signature = await this.signerOf(OPERATOR).signMessage(domain, hashFill(fill));
    await evidence.saveFill({ fill, signature });
    return evidence;
  }

  /** A statement of Ada's orders of round 2, countersigned. */
  async stated(sold: bigint, bought: bigint): Promise<MemoryEvidence> {
    const { domain } = this.constants;
    const { weth, usdc } = this.exchange;
    const isFirst = BigInt(weth) < BigInt(usdc);
    const statement: Statement = {
      client: this.ada,
      round: CHEATED - 1,
      watermark: 2n,
      except: [],
      tokens: isFirst ? [weth, usdc] : [usdc, weth],
      sold: isFirst ? [sold, 0n] : [0n, sold],
      bought: isFirst ? [0n, bought] : [bought, 0n],
    };
    const signature = await heldSigner(this.signerOf(ADA)).sign(domain, "Statement", statement);
    const countersignature = await this.signerOf(OPERATOR).signMessage(
      domain,
      hashStatement(statement),
    );
    const evidence = new MemoryEvidence();
    await evidence.saveStatement({ statement, signature, countersignature });
    return evidence;
  }

  /** The operator's answer to Ada's dispute. `openings`: whether the dispute left them to it. */
  async close(
    trees: readonly SumTree[],
    executions: readonly ExecutedOrder[] = [],
    openings = false,
  ): Promise<void> {
    const before = (await this.kept.proofs(CHEATED - 1)).map(({ proof }) => proof);
    const closings = trees.map((tree) => tree.prove(0));
    const data = encodeCloseDispute(this.ada, CHEATED, {
      executions,
      openingBalances: openings ? [] : before.map(({ balance }) => balance),
      openings: openings ? before : [],
      closings,
    });
    await this.sendAs(OPERATOR, data);
  }
}

export function treeOf(leaves: readonly Leaf[]): SumTree {
  return SumTree.build(leaves.map(([client, balance]) => ({ client, balance })));
}
