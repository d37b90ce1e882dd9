/**
 * A watchtower for a client that is away, against operators that cheat as docs/security.md says
 * they could: each lie is committed with the operator's own key, and nobody but the tower acts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toAddress } from "../src/base/address.ts";
import { type Address, bytesToHex, type Hex } from "../src/base/hex.ts";
import {
  encodeDeposit,
  encodeInitiateWithdrawal,
  encodeSetTradingKey,
} from "../src/chain/contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../src/chain/contracts/tokens.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { type EntrustOptions, entrust } from "../src/client/rounds/entrust.ts";
import { heldSigner, tradingKeySigner } from "../src/client/signing/signers.ts";
import { digest, hashDisputeDelegation } from "../src/protocol/messages.ts";
import type { BalanceProof } from "../src/protocol/units.ts";
import { WITHDRAWAL_BOND } from "./support/exchange/exchange.ts";
import {
  ADA,
  BOB,
  BOND,
  CLEO,
  type Leaf,
  TOWER,
  TowerStage,
  USDC,
  WETH,
} from "./support/exchange/towerStage.ts";

describe("a watchtower", () => {
  let stage: TowerStage;

  beforeAll(async () => {
    stage = await TowerStage.start();
  });
  afterAll(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    await entrust(stage.trust({ untilRound: 9 }));
  });
  afterEach(async () => {
    await stage.end();
    stage.forget();
  });

  /** Ada's and Bob's leaves. */
  const of = (ada: bigint, bob: bigint): Leaf[] => [
    [stage.ada, ada],
    [stage.bob, bob],
  ];

  /** At the halt everything is Ada's again, and nothing is the tower's. */
  async function expectRecovered(): Promise<void> {
    const before = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    const ether = await stage.exchange.anvil.client.getBalance({ address: stage.address(TOWER) });
    await stage.at(4, 1);
    await stage.watch();
    expect(stage.events()).toContain("recovered");
    expect((await stage.exchange.balanceOf(stage.exchange.weth, stage.ada)) - before).toBe(
      10n * WETH,
    );
    for (const token of [stage.exchange.weth, stage.exchange.usdc]) {
      expect(await stage.exchange.balanceOf(token, stage.address(TOWER))).toBe(0n);
    }
    // Its own bond came back, less gas.
    const after = await stage.exchange.anvil.client.getBalance({ address: stage.address(TOWER) });
    const disputed = stage.events().includes("disputed");
    if (disputed) expect(after).toBeGreaterThan(ether + BOND / 2n);
  }

  it("a watchtower sends nothing while the operator is honest", async () => {
    await stage.send(await stage.shown(await stage.honest()));
    await stage.at(3, 3);
    const nonce = await stage.exchange.anvil.client.getTransactionCount({
      address: stage.address(TOWER),
    });
    await stage.watch();
    expect(stage.alerts).toEqual([]);
    expect(
      await stage.exchange.anvil.client.getTransactionCount({ address: stage.address(TOWER) }),
    ).toBe(nonce);
  });

  it("a watchtower recovers after an operator that commits nothing", async () => {
    await stage.at(3, 1);
    await stage.watch();
    expect(stage.events()).toContain("halted");
    const recovered = stage.alerts.filter(({ event }) => event === "recovered");
    expect(recovered.map(({ detail }) => detail)).toContain(
      `balance ${10n * WETH} of ${stage.exchange.weth}`,
    );
  });

  it.each<[string, () => Promise<MemoryEvidence>, RegExp]>([
    [
      "takes from the client's leaf",
      async () => {
        return stage.shown(await stage.commit(of(9n * WETH, 6n * WETH), of(0n, 9000n * USDC)));
      },
      /wrongBalance|noFills/,
    ],
    [
      "withholds the proofs",
      async () => {
        await stage.honest();
        return new MemoryEvidence();
      },
      /noProof/,
    ],
    [
      "leaves an execution out of the tree",
      async () => {
        const evidence = await stage.traded({ sold: WETH / 2n, bought: 1500n * USDC });
        return stage.shown(await stage.honest(), evidence);
      },
      /wrongBalance|noFills/,
    ],
    [
      "executes an order worse than it says",
      async () => {
        const evidence = await stage.traded({ sold: WETH / 2n, bought: 1n * USDC });
        const trees = await stage.commit(
          of(10n * WETH - WETH / 2n, 5n * WETH + WETH / 2n),
          of(1n * USDC, 8999n * USDC),
        );
        return stage.shown(trees, evidence);
      },
      /badFill/,
    ],
  ])("a watchtower disputes with an operator that %s, and recovers", async (_, cheat, fault) => {
    const evidence = await cheat();
    await entrust(stage.trust({ evidence }));
    await stage.watch();
    expect(stage.alerts.find(({ event }) => event === "faults")?.detail).toMatch(fault);
    await stage.at(3, 3);
    await stage.watch();
    expect(stage.events()).toContain("disputed");
    const opened = await stage.exchange.reader.dispute(stage.ada, 3);
    expect(opened).toMatchObject({ open: true, delegate: stage.address(TOWER) });
    await expectRecovered();
  });

  it("a watchtower without a delegation says so, and recovers all the same", async () => {
    await stage.end();
    stage.forget();
    await stage.reset();
    await entrust(stage.trust());
    await stage.honest();
    await stage.at(3, 3);
    await stage.watch();
    expect(stage.events()).toContain("mayNotDispute");
    expect(await stage.exchange.reader.dispute(stage.ada, 3)).toBeUndefined();
    await expectRecovered();
  });

  it("a watchtower that starts again knows all that it was sent", async () => {
    await stage.end();
    await stage.begin();
    expect(stage.vault.clients.map(({ client }) => client)).toEqual([stage.ada]);
    expect(stage.vault.clients[0]?.delegation?.untilRound).toBe(9);
    const again = await entrust(stage.trust());
    expect(again).toMatchObject({ added: 0, refused: [] });
    expect(again.known).toBeGreaterThan(0);
  });

  it("a watchtower takes evidence from its client alone, and no other's delegation", async () => {
    const refused = async (change: Partial<EntrustOptions>, code: string, why: RegExp) =>
      expect(entrust(stage.trust(change))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(why),
      });
    const mallory = heldSigner(stage.signerOf(BOB));
    await refused(
      { signer: { ...mallory, address: stage.ada } },
      "TowerUnreachable",
      /not signed by/,
    );
    await refused({ signer: mallory }, "TowerUnreachable", /watches 1 clients/);
    const { url } = stage;
    await refused({ tower: { url, address: stage.address(BOB) } }, "WrongTower", /is the tower/);
    expect(await stage.exchange.reader.dispute(stage.ada, 2)).toBeUndefined();
  });

  /** Bytecode of a wallet whose storage has its answer for each digest, as a Safe's approvals. */
  const APPROVING = "0x6004355460005260206000f3";
  const YES = `0x1626ba7e${"0".repeat(56)}` as const;

  /** A contract wallet that deposited 2 WETH in round 2, and whose trading key is Cleo's. */
  async function wallet() {
    const { anvil, mediator, weth } = stage.exchange;
    const address = toAddress(`0x${"c0".repeat(20)}`);
    await anvil.rpc("anvil_setCode", [address, APPROVING]);
    await anvil.rpc("anvil_setBalance", [address, `0x${WETH.toString(16)}`]);
    await anvil.rpc("anvil_impersonateAccount", [address]);
    const call = (to: Address, data: Hex) => anvil.transact({ from: address, to, data });
    await call(weth, encodeMint(address, 2n * WETH));
    await call(weth, encodeApprove(mediator, 2n * WETH));
    await call(mediator, encodeDeposit(weth, 2n * WETH));
    await call(mediator, encodeSetTradingKey(stage.address(CLEO)));
    const message = { client: address, delegate: stage.address(TOWER), untilRound: 9 };
    const slot = bytesToHex(digest(stage.constants.domain, hashDisputeDelegation(message)));
    const signer = tradingKeySigner(address, heldSigner(stage.signerOf(CLEO)));
    return {
      address,
      say: (word: Hex) => anvil.rpc("anvil_setStorageAt", [address, slot, word]),
      send: () =>
        entrust(
          stage.trust({
            signer,
            evidence: new MemoryEvidence(),
            delegation: { untilRound: 9, signature: "0x" },
          }),
        ),
    };
  }
  const NO = `0x${"0".repeat(64)}` as const;

  it("a watchtower disputes for a contract wallet, by what that counts as signed", async () => {
    await stage.end();
    stage.forget();
    await stage.reset();
    const { weth, balanceOf, reader } = stage.exchange;
    const { address, say, send } = await wallet();
    // The operator never admits it.
    await stage.commit(of(10n * WETH, 7n * WETH), of(0n, 9000n * USDC));
    await expect(send()).rejects.toMatchObject({
      message: expect.stringContaining("nor as its contract says now (ERC-1271)"),
    });
    await say(YES);
    await send();
    await stage.end();
    await stage.begin();
    await stage.at(3, 3);
    await stage.watch();
    expect(stage.events()).toContain("disputed");
    const opened = await reader.dispute(address, 3);
    expect(opened).toMatchObject({ open: true, delegate: stage.address(TOWER) });
    await stage.at(4, 1);
    await stage.watch();
    expect(await balanceOf(weth, address)).toBe(2n * WETH);
  });

  it("a watchtower says so when a contract wallet changes its mind", async () => {
    await stage.end();
    stage.forget();
    await stage.reset();
    const { address, say, send } = await wallet();
    await stage.commit(of(10n * WETH, 7n * WETH), of(0n, 9000n * USDC));
    await say(YES);
    await send();
    await say(NO);
    await stage.at(3, 3);
    await stage.watch();
    expect(stage.events()).toContain("mayNotDispute");
    expect(await stage.exchange.reader.dispute(address, 3)).toBeUndefined();
  });

  it("a watchtower pays what is payable, also where it may not dispute", async () => {
    await stage.end();
    stage.forget();
    await stage.reset();
    await entrust(stage.trust());
    const { weth, balanceOf } = stage.exchange;
    const proof = (await stage.kept.proofs(1)).find(({ token }) => token === weth)?.proof;
    const ask = encodeInitiateWithdrawal(weth, WETH, stage.ada, proof as BalanceProof);
    await stage.sendAs(ADA, ask, WITHDRAWAL_BOND);
    const left = of(9n * WETH, 5n * WETH);
    await stage.commit(left, of(0n, 9000n * USDC));
    await stage.commit(left, of(0n, 9000n * USDC), 4);
    await stage.at(4, 3);
    const before = await balanceOf(weth, stage.ada);
    await stage.watch();
    expect(stage.events()).toContain("mayNotDispute");
    expect((await balanceOf(weth, stage.ada)) - before).toBe(WETH);
  });
});
