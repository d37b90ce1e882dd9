/**
 * A watchtower against each way to cheat that docs/security.md lists, by the numbers of its table:
 * the operator plays it with its own key, and nobody but the tower acts for Ada.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  encodeCancelWithdrawal,
  encodeInitiateWithdrawal,
  encodeOpenDispute,
  encodeRecoverBalance,
} from "../src/chain/contracts/mediatorCalls.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { heldSigner } from "../src/client/signing/signers.ts";
import { hashFill, hashPublishedBalances, rootsHash } from "../src/protocol/messages.ts";
import type { SumTree } from "../src/protocol/sumTree.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import { WITHDRAWAL_BOND } from "./support/exchange/exchange.ts";
import {
  ADA,
  BOB,
  BOND,
  CHEATED,
  CLEO,
  type Leaf,
  OPERATOR,
  TOWER,
  TowerStage,
  USDC,
  WETH,
} from "./support/exchange/towerStage.ts";

const HALF = WETH / 2n;

describe("a watchtower against an operator that cheats", () => {
  let stage: TowerStage;
  let published: Server | undefined;

  beforeAll(async () => {
    stage = await TowerStage.start();
  });
  afterAll(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    await stage.send(stage.kept, { untilRound: 9 });
  });
  afterEach(async () => {
    published?.close();
    published = undefined;
    await stage.end();
    stage.forget();
  });

  /** Ada's and Bob's leaves. */
  const weth = (ada: bigint, bob: bigint): Leaf[] => [
    [stage.ada, ada],
    [stage.bob, bob],
  ];
  const usdc = (ada: bigint): Leaf[] => weth(ada, 9000n * USDC - ada);
  const lines = (event: string) =>
    stage.alerts.filter((one) => one.event === event).map(({ detail }) => detail);

  /** Looks when the commit is there, and in the last quarter, and finds the dispute open. */
  async function expectDisputed(fault: RegExp): Promise<void> {
    await stage.watch();
    await stage.at(CHEATED, 3);
    await stage.watch();
    expect(lines("faults").join()).toMatch(fault);
    expect(lines("disputed")).toHaveLength(1);
    const opened = await stage.exchange.reader.dispute(stage.ada, CHEATED);
    expect(opened).toMatchObject({ open: true, delegate: stage.address(TOWER) });
  }

  /** Everything is Ada's again at the halt of round 4, and nothing is the tower's but its bond. */
  async function expectRecovered(ada = 10n * WETH): Promise<void> {
    const { balanceOf, anvil } = stage.exchange;
    const before = await balanceOf(stage.exchange.weth, stage.ada);
    await stage.at(CHEATED + 1, 1);
    const isBonded = lines("disputed").length > 0;
    const own = await anvil.client.getBalance({ address: stage.address(TOWER) });
    await stage.watch();
    expect(stage.events()).toContain("halted");
    expect((await balanceOf(stage.exchange.weth, stage.ada)) - before).toBe(ada);
    await expectNothingForTheTower();
    const after = await anvil.client.getBalance({ address: stage.address(TOWER) });
    if (isBonded) expect(after - own).toBeGreaterThan(BOND / 2n);
  }

  async function expectNothingForTheTower(): Promise<void> {
    for (const token of [stage.exchange.weth, stage.exchange.usdc]) {
      expect(await stage.exchange.balanceOf(token, stage.address(TOWER))).toBe(0n);
    }
  }

  it.each([
    ["nothing", []],
    ["one token of two", [CHEATED]],
  ])("row 1: it commits %s", async (_, rounds) => {
    for (const round of rounds) await stage.commit(weth(10n * WETH, 5n * WETH), [], round);
    const before = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    await stage.at(CHEATED, 1);
    await stage.watch();
    expect(stage.events()).toContain("halted");
    expect(lines("recovered")).toContain(`balance ${10n * WETH} of ${stage.exchange.weth}`);
    const after = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    expect(after - before).toBe(10n * WETH);
  });

  it("row 2: it commits another total than the Mediator's", async () => {
    await expect(stage.commit(weth(10n * WETH, 6n * WETH), usdc(0n))).rejects.toThrow();
    await stage.at(CHEATED, 1);
    await stage.watch();
    expect(lines("recovered")).toContain(`balance ${10n * WETH} of ${stage.exchange.weth}`);
  });

  it("row 3: it takes from the client's leaf", async () => {
    const trees = await stage.commit(weth(9n * WETH, 6n * WETH), usdc(0n));
    await stage.send(await stage.shown(trees));
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    await expectRecovered();
  });

  it("row 4: it shows a proof of a tree that it did not commit", async () => {
    const honest = await stage.commit(weth(10n * WETH, 5n * WETH), usdc(0n), CHEATED);
    const shown = await stage.shown(honest);
    await stage.end();
    stage.forget();
    await stage.reset();
    await stage.send(stage.kept, { untilRound: 9 });
    // The client's leaf is in no tree that is committed: its balance was given to another.
    const trees = await stage.commit([[stage.bob, 15n * WETH]], usdc(0n));
    await stage.send(shown);
    await expectDisputed(/noProof/);
    await expect(stage.close([trees[0] as SumTree, trees[1] as SumTree])).rejects.toThrow();
    await expectRecovered();
  });

  it("row 5: it plants a second, smaller leaf, and has that one recovered first", async () => {
    const second = await stage.commit(
      [
        [stage.ada, 10n * WETH],
        [stage.bob, 4n * WETH],
        [stage.ada, WETH],
      ],
      usdc(0n),
    );
    await stage.send(await stage.shown(second));
    await stage.honest(4);
    await stage.at(5, 1);
    const before = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    const small = (second[0] as SumTree).prove(2);
    await stage.sendAs(BOB, encodeRecoverBalance(stage.ada, stage.exchange.weth, small));
    await stage.watch();
    const after = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    expect(after - before).toBe(10n * WETH);
    expect(lines("recovered")).toContain(`balance ${9n * WETH} of ${stage.exchange.weth}`);
  });

  it.each([
    ["stays silent", false],
    ["answers the dispute", true],
  ])("row 6: it withholds the proofs of a round, and %s", async (_, answers) => {
    const trees = await stage.honest();
    await expectDisputed(/noProof/);
    if (!answers) return expectRecovered();
    await stage.close(trees);
    // What it published on chain is the client's proof.
    await stage.honest(4);
    await stage.at(4, 1);
    await stage.watch();
    const proofs = await stage.vault.clients[0]?.store.proofs(CHEATED);
    expect(proofs?.map(({ proof }) => proof.balance)).toEqual([10n * WETH, 0n]);
    const before = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    await stage.at(5, 1);
    await stage.watch();
    const after = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    expect(after - before).toBe(10n * WETH);
  });

  it("row 7: it withholds the proofs of the round before, which the audit begins from", async () => {
    await stage.end();
    stage.forget();
    await stage.reset();
    const first = new MemoryEvidence();
    await first.saveProofs(await stage.kept.proofs(1));
    await stage.send(first, { untilRound: 9 });
    const trees = await stage.commit(weth(9n * WETH, 6n * WETH), usdc(0n));
    await stage.send(await stage.shown(trees));
    await expectDisputed(/noOpening/);
    await expect(stage.close(trees, [], true)).rejects.toThrow();
    // Nobody has the proof of round 2 but its published balances, or a client that kept it.
    await stage.send(stage.kept);
    await expectRecovered();
  });

  it("row 8: it leaves an execution that it signed out of the tree", async () => {
    const trees = await stage.honest();
    await stage.send(
      await stage.shown(trees, await stage.traded({ sold: HALF, bought: 1500n * USDC })),
    );
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    await expectRecovered();
  });

  it("row 9: it counts less of an execution than it signed", async () => {
    const trees = await stage.commit(
      weth(10n * WETH - HALF / 2n, 5n * WETH + HALF / 2n),
      usdc(750n * USDC),
    );
    await stage.send(
      await stage.shown(trees, await stage.traded({ sold: HALF, bought: 1500n * USDC })),
    );
    await expectDisputed(/noFills/);
    const stale = { ...(await stage.order()), sold: HALF / 2n, bought: 750n * USDC };
    await expect(stage.close(trees, [stale])).rejects.toThrow();
    await expectRecovered();
  });

  it("row 10: it executes an order worse than it says", async () => {
    const trees = await stage.commit(weth(10n * WETH - HALF, 5n * WETH + HALF), usdc(USDC));
    await stage.send(await stage.shown(trees, await stage.traded({ sold: HALF, bought: USDC })));
    await stage.watch();
    // Sure enough to be disputed at once.
    expect(lines("faults").join()).toMatch(/badFill/);
    expect(lines("disputed")).toEqual(["proofs, 1 fills"]);
    const executed = { ...(await stage.order()), sold: HALF, bought: USDC };
    await expect(stage.close(trees, [executed])).rejects.toThrow();
    await expectRecovered();
  });

  it("row 11: it executes what the client never signed", async () => {
    const trees = await stage.commit(weth(9n * WETH, 6n * WETH), usdc(1n));
    await stage.send(await stage.shown(trees));
    await expectDisputed(/noFills/);
    const { order } = await stage.order();
    const { domain } = stage.constants;
    const signature = await heldSigner(stage.signerOf(OPERATOR)).sign(domain, "Order", order);
    const made = { order, signature, sold: WETH, bought: 3000n * USDC };
    await expect(stage.close(trees, [made])).rejects.toThrow();
    await expectRecovered();
  });

  it("row 12: it executes an order, and tells nobody: the dispute makes it show the order", async () => {
    const trees = await stage.commit(weth(10n * WETH - HALF, 5n * WETH + HALF), usdc(1500n * USDC));
    await stage.send(await stage.shown(trees, await stage.traded()));
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    const told = { ...(await stage.order()), sold: HALF, bought: 1500n * USDC };
    await stage.close(trees, [told]);
    expect(await stage.exchange.reader.isDisputeOpen(stage.ada, CHEATED)).toBe(false);
    await stage.at(CHEATED + 1, 0);
    expect((await stage.exchange.reader.clock()).halted).toBe(false);
  });

  it("row 13: it leaves a statement that it countersigned out of the tree", async () => {
    const trees = await stage.honest();
    const evidence = await stage.stated(HALF, 1500n * USDC);
    await stage.send(await stage.shown(trees, evidence));
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    await expectRecovered();
  });

  it("row 14: it executes an order that a statement closed", async () => {
    const evidence = await stage.stated(0n, 0n);
    const trees = await stage.commit(weth(10n * WETH - HALF, 5n * WETH + HALF), usdc(1500n * USDC));
    await stage.send(await stage.shown(trees, evidence));
    await expectDisputed(/noFills/);
    const late = { ...(await stage.order()), sold: HALF, bought: 1500n * USDC };
    await expect(stage.close(trees, [late])).rejects.toThrow();
    await expectRecovered();
  });

  it("row 15: it does not credit a deposit", async () => {
    await stage.deposit(ADA, stage.exchange.weth, WETH);
    // It is in the total that the Mediator asks for: the operator gives it to another.
    const trees = await stage.commit(weth(10n * WETH, 6n * WETH), usdc(0n));
    await stage.send(await stage.shown(trees));
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    await expectRecovered(11n * WETH);
  });

  it("row 16: it never admits a depositor, who has no proof of anything", async () => {
    const { weth: token, reader } = stage.exchange;
    await stage.end();
    stage.forget();
    await stage.reset();
    const cleo = stage.address(CLEO);
    await stage.deposit(CLEO, token, WETH);
    const signer = heldSigner(stage.signerOf(CLEO));
    await stage.send(new MemoryEvidence(), { signer, untilRound: 9 });
    await stage.commit(weth(10n * WETH, 6n * WETH), usdc(0n));
    await stage.at(CHEATED, 3);
    await stage.watch();
    expect(lines("faults").join()).toMatch(/noProof/);
    expect(lines("disputed")).toEqual(["deposit, 0 fills"]);
    expect((await reader.dispute(cleo, CHEATED))?.open).toBe(true);
    await stage.at(CHEATED + 1, 1);
    await stage.watch();
    expect(await stage.exchange.balanceOf(token, cleo)).toBe(WETH);
    await expectNothingForTheTower();
  });

  /** Asks for 4 WETH in round 2. */
  async function ask(): Promise<void> {
    const { weth: token } = stage.exchange;
    const proof = (await stage.kept.proofs(1)).find((one) => one.token === token)?.proof;
    if (proof === undefined) throw new Error("no proof of round 1");
    const data = encodeInitiateWithdrawal(token, 4n * WETH, stage.ada, proof);
    await stage.sendAs(ADA, data, WITHDRAWAL_BOND);
  }

  it("row 17: it takes a withdrawal off twice", async () => {
    await ask();
    const trees = await stage.commit(weth(2n * WETH, 9n * WETH), usdc(0n));
    await stage.send(await stage.shown(trees));
    await expectDisputed(/noFills/);
    await expect(stage.close(trees)).rejects.toThrow();
    // The halt makes the request void: all of it is in the balance of round 2 again.
    await expectRecovered();
  });

  it("row 18: it cancels a withdrawal that is covered, and pays none", async () => {
    await ask();
    const { weth: token, balanceOf } = stage.exchange;
    const cancel = encodeCancelWithdrawal(stage.ada, token, []);
    await expect(stage.sendAs(OPERATOR, cancel)).rejects.toThrow();
    for (const round of [CHEATED, CHEATED + 1]) {
      const trees = await stage.commit(weth(6n * WETH, 5n * WETH), usdc(0n), round);
      await stage.send(await stage.shown(trees, new MemoryEvidence(), round));
      await stage.watch();
    }
    const before = await balanceOf(token, stage.ada);
    await stage.at(CHEATED + 1, 1);
    await stage.watch();
    expect((await balanceOf(token, stage.ada)) - before).toBe(4n * WETH);
    expect(lines("confirmed")).toEqual([`${4n * WETH} of ${token}`]);
    expect(stage.events()).not.toContain("faults");
    await expectNothingForTheTower();
  });

  it("row 19: it answers no dispute", async () => {
    const trees = await stage.honest();
    await stage.send(
      await stage.shown(trees, await stage.traded({ sold: HALF, bought: 1500n * USDC })),
    );
    await expectDisputed(/noFills/);
    await expectRecovered();
  });

  it("row 20: it halts the exchange by a fill that it made up for an accomplice", async () => {
    const trees = await stage.honest();
    await stage.send(await stage.shown(trees));
    const { domain } = stage.constants;
    const orderHash = `0x${"11".repeat(32)}` as const;
    const fill = { orderHash, owner: stage.bob, round: 2, sold: 1n, bought: WETH, sequence: 1n };
    const signature = await stage.signerOf(OPERATOR).signMessage(domain, hashFill(fill));
    const standing = { kind: "deposit", token: stage.exchange.weth, round: 0 } as const;
    const data = encodeOpenDispute(stage.bob, standing, [{ fill, signature }]);
    await stage.sendAs(BOB, data, BOND);
    await stage.watch();
    expect(stage.alerts).toEqual([]);
    await expectRecovered();
  });

  /** Serves `answer` as the public balances of every round. */
  async function publish(answer: unknown): Promise<void> {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(toJson(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    published = server;
    await stage.end();
    await stage.begin([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
  }

  /** The balances of these trees, as the operator signs them. */
  async function balancesOf(trees: readonly SumTree[], ada: bigint) {
    const { weth: one, usdc: other } = stage.exchange;
    const roots = [one, other].map((token, i) => ({ token, ...(trees[i] as SumTree).root() }));
    const message = { round: CHEATED, rootsHash: rootsHash(roots) };
    const signer = stage.signerOf(OPERATOR);
    return {
      round: CHEATED,
      operator: signer.address,
      signature: await signer.signMessage(stage.constants.domain, hashPublishedBalances(message)),
      clients: [stage.ada, stage.bob],
      tokens: [
        { token: one, balances: [ada, 15n * WETH - ada] },
        { token: other, balances: [0n, 9000n * USDC] },
      ],
    };
  }

  it("row 21: it publishes balances that are not those of the tree", async () => {
    const trees = await stage.commit(weth(9n * WETH, 6n * WETH), usdc(0n));
    await publish(await balancesOf(trees, 10n * WETH));
    await expectDisputed(/noProof/);
    await expect(stage.close(trees)).rejects.toThrow();
    await expectRecovered();
  });

  it("row 21, told true: published balances of the tree show the theft, and are proofs", async () => {
    const trees = await stage.commit(weth(9n * WETH, 6n * WETH), usdc(0n));
    await publish(await balancesOf(trees, 9n * WETH));
    await expectDisputed(/noFills/);
    await expectRecovered();
  });
});
