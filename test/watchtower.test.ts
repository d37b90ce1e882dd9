/**
 * A watchtower for a client that is away, against operators that cheat as docs/security.md says
 * they could: each lie is committed with the operator's own key, and nobody but the tower acts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import type { ExchangeConstants } from "../src/chain/contracts/mediator.ts";
import { encodeCommit } from "../src/chain/contracts/mediatorCalls.ts";
import { localSigner } from "../src/chain/signer.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { type EntrustOptions, entrust } from "../src/client/rounds/entrust.ts";
import { heldSigner } from "../src/client/signing/signers.ts";
import { hashFill, orderHash } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { SumTree } from "../src/protocol/sumTree.ts";
import type { Order, SignedFill } from "../src/protocol/units.ts";
import { type RunningTowerServer, startTowerServer } from "../src/watchtower/server.ts";
import { type Alert, Tower } from "../src/watchtower/tower.ts";
import { Vault } from "../src/watchtower/vault.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;
const USDC = 10n ** 6n;
const BOND = 10n ** 16n;
const [OPERATOR, ADA, BOB, TOWER] = [1, 2, 3, 4];

describe("a watchtower", () => {
  let exchange: TestExchange;
  let constants: ExchangeConstants;
  let ada: Address;
  let bob: Address;
  let kept: MemoryEvidence;
  let snapshot: Hex;
  let folder: string;
  let vault: Vault;
  let server: RunningTowerServer;
  let tower: Tower;
  let alerts: Alert[];

  const address = (index: number) => exchange.anvil.addresses[index] as Address;
  const signerOf = (index: number) => localSigner(exchange.anvil.keys[index] as Hex);
  const events = () => alerts.map(({ event }) => event);
  const at = (round: number, quarter: 0 | 1 | 2 | 3) =>
    exchange.anvil.mineTo(firstBlockOf(exchange.schedule, round, quarter));

  beforeAll(async () => {
    exchange = await startExchange({ disputeBond: BOND });
    constants = await exchange.reader.constants();
    const [first, second] = [await exchange.client(0), await exchange.client(1)];
    [ada, bob] = [first.address, second.address];
    await first.deposit("WETH", "10");
    await second.deposit("WETH", "5");
    await second.deposit("USDC", "9000");
    kept = new MemoryEvidence();
    for (const round of [1, 2]) {
      await exchange.toQuarter(round, 1);
      await first.audit(round);
      await kept.saveProofs(await first.evidence.proofs(round));
    }
    await exchange.stopOperator();
    snapshot = await exchange.anvil.snapshot();
  });
  afterAll(() => exchange.stop());

  beforeEach(async () => {
    await exchange.anvil.revert(snapshot);
    snapshot = await exchange.anvil.snapshot();
    alerts = [];
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-tower-"));
    await begin();
    await entrust(await trust({ untilRound: 9 }));
  });
  afterEach(async () => {
    await server.close();
    await vault.close();
    rmSync(folder, { recursive: true });
  });

  async function begin(): Promise<void> {
    vault = await Vault.open(folder);
    const { anvil, reader } = exchange;
    const sender = heldSigner(signerOf(TOWER)).sender({
      client: anvil.client,
      chainId: anvil.chainId,
      maxFeePerGas: 10n ** 12n,
      pollMs: 15,
    });
    const watched = { vault, reader, constants, address: address(TOWER) };
    const alert = (one: Alert) => alerts.push(one);
    tower = new Tower({ ...watched, sender, operators: [exchange.url], alert });
    server = await startTowerServer({
      ...watched,
      host: "127.0.0.1",
      port: 0,
      maxClients: 1,
      onDelivered: (client) => tower.due(client),
    });
  }

  async function trust(change: Partial<EntrustOptions> = {}): Promise<EntrustOptions> {
    return {
      signer: heldSigner(signerOf(ADA)),
      domain: constants.domain,
      evidence: kept,
      tower: { url: `http://127.0.0.1:${server.port}`, address: address(TOWER) },
      ...change,
    };
  }

  /** Balances of Ada and Bob by token, as the operator says them in a commit of round 3. */
  async function commit(weth: readonly bigint[], usdc: readonly bigint[]) {
    await at(3, 0);
    const trees = [weth, usdc].map((balances) =>
      SumTree.build([
        { client: ada, balance: balances[0] as bigint },
        { client: bob, balance: balances[1] as bigint },
      ]),
    );
    const tokens = [exchange.weth, exchange.usdc];
    const roots = trees.map((tree, index) => ({ token: tokens[index] as Address, ...tree.root() }));
    await exchange.anvil.transact({
      from: address(OPERATOR),
      to: exchange.mediator,
      data: encodeCommit(roots),
    });
    return trees.map((tree, index) => ({
      round: 3,
      token: tokens[index] as Address,
      proof: tree.prove(0),
    }));
  }
  const honest = () => commit([10n * WETH, 5n * WETH], [0n, 9000n * USDC]);

  /** Ada has an order of round 2 whose execution the operator signed. */
  async function traded(sold: bigint, bought: bigint): Promise<MemoryEvidence> {
    const { domain } = constants;
    const order: Order = {
      owner: ada,
      round: 2,
      id: 1n,
      sellToken: exchange.weth,
      sellAmount: WETH,
      buyToken: exchange.usdc,
      buyAmount: 3000n * USDC,
      intent: "sellAll",
    };
    const hash = orderHash(order);
    const store = new MemoryEvidence();
    const signature = await heldSigner(signerOf(ADA)).sign(domain, "Order", order);
    await store.saveOrder(hash, { order, signature });
    const fill = { orderHash: hash, owner: ada, round: 2, sold, bought, sequence: 1n };
    const signed: SignedFill = {
      fill,
      signature: await signerOf(OPERATOR).signMessage(domain, hashFill(fill)),
    };
    await store.saveFill(signed);
    return store;
  }

  /** At the halt everything is Ada's again, and nothing is the tower's. */
  async function expectRecovered(): Promise<void> {
    const before = await exchange.balanceOf(exchange.weth, ada);
    const ether = await exchange.anvil.client.getBalance({ address: address(TOWER) });
    await at(4, 1);
    await tower.watch();
    expect(events()).toContain("recovered");
    expect((await exchange.balanceOf(exchange.weth, ada)) - before).toBe(10n * WETH);
    for (const token of [exchange.weth, exchange.usdc]) {
      expect(await exchange.balanceOf(token, address(TOWER))).toBe(0n);
    }
    // Its own bond came back, less gas.
    const after = await exchange.anvil.client.getBalance({ address: address(TOWER) });
    const disputed = events().includes("disputed");
    if (disputed) expect(after).toBeGreaterThan(ether + BOND / 2n);
  }

  it("a watchtower sends nothing while the operator is honest", async () => {
    const proofs = await honest();
    const evidence = new MemoryEvidence();
    await evidence.saveProofs(proofs);
    await entrust(await trust({ evidence }));
    await at(3, 3);
    const nonce = await exchange.anvil.client.getTransactionCount({ address: address(TOWER) });
    await tower.watch();
    expect(alerts).toEqual([]);
    expect(await exchange.anvil.client.getTransactionCount({ address: address(TOWER) })).toBe(
      nonce,
    );
  });

  it("a watchtower recovers after an operator that commits nothing", async () => {
    await at(3, 1);
    await tower.watch();
    expect(events()).toContain("halted");
    const recovered = alerts.filter(({ event }) => event === "recovered");
    expect(recovered.map(({ detail }) => detail)).toContain(
      `balance ${10n * WETH} of ${exchange.weth}`,
    );
  });

  it.each<[string, () => Promise<MemoryEvidence>, RegExp]>([
    [
      "takes from the client's leaf",
      async () => {
        const evidence = new MemoryEvidence();
        await evidence.saveProofs(await commit([9n * WETH, 6n * WETH], [0n, 9000n * USDC]));
        return evidence;
      },
      /wrongBalance|noFills/,
    ],
    [
      "withholds the proofs",
      async () => {
        await honest();
        return new MemoryEvidence();
      },
      /noProof/,
    ],
    [
      "leaves an execution out of the tree",
      async () => {
        const evidence = await traded(WETH / 2n, 1500n * USDC);
        await evidence.saveProofs(await honest());
        return evidence;
      },
      /wrongBalance|noFills/,
    ],
    [
      "executes an order worse than it says",
      async () => {
        const evidence = await traded(WETH / 2n, 1n * USDC);
        const proofs = await commit(
          [10n * WETH - WETH / 2n, 5n * WETH + WETH / 2n],
          [1n * USDC, 8999n * USDC],
        );
        await evidence.saveProofs(proofs);
        return evidence;
      },
      /badFill/,
    ],
  ])("a watchtower disputes with an operator that %s, and recovers", async (_, cheat, fault) => {
    const evidence = await cheat();
    await entrust(await trust({ evidence }));
    await tower.watch();
    expect(alerts.find(({ event }) => event === "faults")?.detail).toMatch(fault);
    await at(3, 3);
    await tower.watch();
    expect(events()).toContain("disputed");
    const opened = await exchange.reader.dispute(ada, 3);
    expect(opened).toMatchObject({ open: true, delegate: address(TOWER) });
    await expectRecovered();
  });

  it("a watchtower without a delegation says so, and recovers all the same", async () => {
    await server.close();
    await vault.close();
    rmSync(folder, { recursive: true });
    await begin();
    await entrust(await trust());
    await honest();
    await at(3, 3);
    await tower.watch();
    expect(events()).toContain("mayNotDispute");
    expect(await exchange.reader.dispute(ada, 3)).toBeUndefined();
    await expectRecovered();
  });

  it("a watchtower that starts again knows all that it was sent", async () => {
    await server.close();
    await vault.close();
    await begin();
    expect(vault.clients.map(({ client }) => client)).toEqual([ada]);
    expect(vault.clients[0]?.delegation?.untilRound).toBe(9);
    const again = await entrust(await trust());
    expect(again).toMatchObject({ added: 0, refused: [] });
    expect(again.known).toBeGreaterThan(0);
  });

  it("a watchtower takes evidence from its client alone, and no other's delegation", async () => {
    const refused = async (change: Partial<EntrustOptions>, code: string, why: RegExp) =>
      expect(entrust(await trust(change))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(why),
      });
    const mallory = heldSigner(signerOf(BOB));
    await refused({ signer: { ...mallory, address: ada } }, "TowerUnreachable", /not signed by/);
    await refused({ signer: mallory }, "TowerUnreachable", /watches 1 clients/);
    const url = `http://127.0.0.1:${server.port}`;
    await refused({ tower: { url, address: address(BOB) } }, "WrongTower", /is the tower/);
    expect(await exchange.reader.dispute(ada, 2)).toBeUndefined();
  });
});
