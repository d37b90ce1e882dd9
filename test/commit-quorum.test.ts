/**
 * Three operators of whom two must stand behind each commit, on a real chain and a real database:
 * they attest each other's, one may be dead, and with two dead the last one waits and says so.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFunctionData } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { mediatorAbi } from "../src/chain/abi/mediator.ts";
import {
  encodeSetCommitQuorum,
  encodeSetMaintenance,
} from "../src/chain/contracts/roundRobinManager.ts";
import { KEY_VARIABLE } from "../src/operator/config/config.ts";
import { examine } from "../src/operator/doctor/doctor.ts";
import { firstBlockOf, lastBlockOf, quarterSize } from "../src/protocol/rounds.ts";
import type { Round } from "../src/protocol/units.ts";
import { health } from "../src/wire/schemas/health.ts";
import { freePort } from "./support/chain/anvil.ts";
import { Blocks } from "./support/chain/blocks.ts";
import { until } from "./support/exchange/exchange.ts";
import { startOperatorProcess } from "./support/exchange/operatorProcess.ts";
import {
  type Member,
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/exchange/severalOperators.ts";

/** Slots can still be claimed. */
const PACE_MS = 35;

describe("a commit quorum of two", () => {
  let exchange: OperatorsExchange;
  let blocks: Blocks;

  beforeAll(async () => {
    exchange = await startOperatorsExchange({ blockSeconds: 0 });
    blocks = new Blocks(exchange, [], Number.POSITIVE_INFINITY, PACE_MS);
    await exchange.asOwner("maintenance", encodeSetMaintenance(true));
    await exchange.asOwner("quorum", encodeSetCommitQuorum(2));
    await exchange.asOwner("end of maintenance", encodeSetMaintenance(false));
  });
  afterAll(() => exchange.stop());

  const alive = () => exchange.members.filter(({ process }) => process !== undefined);
  const head = () => exchange.anvil.blockNumber();

  async function committed(round: Round): Promise<void> {
    await blocks.passUntil(`round ${round} is committed`, async () => {
      const { halted, committedRound } = await exchange.reader.clock();
      expect(halted).toBe(false);
      return (committedRound ?? -1) >= round;
    });
  }

  /** Who sent the commit of a round, and with how many attestations. */
  async function commitOf(round: Round) {
    const { anvil, reader } = exchange;
    let hash: Hex = "0x";
    // anvil's calls may show what a block does just before its logs show the block.
    await until(`the commit of round ${round} is logged`, async () => {
      const [log] = await anvil.client.getContractEvents({
        address: reader.mediator,
        abi: mediatorAbi,
        eventName: "Committed",
        args: { round: BigInt(round) },
        fromBlock: 0n,
      });
      hash = log?.transactionHash ?? hash;
      return log !== undefined;
    });
    const { input, from } = await anvil.client.getTransaction({ hash });
    const { functionName, args } = decodeFunctionData({ abi: mediatorAbi, data: input });
    if (functionName !== "commit") throw new Error(`${functionName} is no commit`);
    return { from: from.toLowerCase(), attestations: args[1].length };
  }

  /** Just before the first round after `round` that nobody has seen yet. */
  async function beforeRound(round: Round): Promise<void> {
    const opens = firstBlockOf(exchange.schedule, round);
    await blocks.passTo(opens - 6);
    expect(await head()).toBeLessThan(opens);
  }

  async function checkOf({ url }: { readonly url: string }, name: string) {
    const { checks } = health.parse(await (await fetch(`${url}/health`)).json());
    return checks.find((check) => check.name === name);
  }

  it("a quorum of two commits round after round, each with another's attestation", async () => {
    for (const round of [1, 2]) {
      await committed(round);
      expect(await commitOf(round)).toMatchObject({ attestations: 1 });
    }
    for (const member of alive()) {
      expect(await checkOf(member, "commitQuorum")).toMatchObject({ state: "ok" });
      // The detail names the roots that diverge.
      const detail = "nobody attests other roots than ours.";
      expect(await checkOf(member, "attestedRoots")).toMatchObject({ detail, state: "ok" });
    }
  });

  it("a quorum of two commits when one of the three is killed", async () => {
    const victim = await exchange.leader();
    await beforeRound(3);
    await victim.kill();
    await committed(3);
    const { from, attestations } = await commitOf(3);
    expect(attestations).toBe(1);
    expect(from).not.toBe(victim.address.toLowerCase());
  });

  it("a quorum of two waits loudly for one of two dead, and commits in time with it", async () => {
    await beforeRound(4);
    const [survivor, victim] = alive() as [Member, Member];
    await victim.kill();
    const due = lastBlockOf(exchange.schedule, 4, 0);
    const rescue = due - Math.floor(quarterSize(exchange.schedule) / 4);
    // No block more, so that nothing here depends on how long a start takes.
    await blocks.passTo(rescue);
    expect((await exchange.reader.clock()).committedRound).toBe(3);
    await until("it says so", async () => {
      const check = await checkOf(survivor, "commitQuorum");
      return check?.state === "failed" && check.detail.includes(victim.address);
    });

    await victim.start();
    await committed(4);
    expect(await head()).toBeLessThanOrEqual(due + 1);
    expect(await commitOf(4)).toMatchObject({ attestations: 1 });
    expect(await exchange.reader.clock()).toMatchObject({ halted: false, committedRound: 4 });
  });

  it("an operator without the shared database is told early that it cannot commit", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quarterdeck-alone-"));
    const { anvil, reader } = exchange;
    const [base, quote] = await reader.tokenSet(1);
    const key = anvil.keys[9] as Hex;
    const config = {
      rpc: [anvil.url],
      mediator: reader.mediator,
      confirmations: 1,
      pollMs: 50,
      markets: [{ base, quote, lot: "1000000000000000", tick: "10" }],
      port: await freePort(),
      storage: join(folder, "storage"),
      logs: join(folder, "logs"),
    };
    const file = join(folder, "quarterdeck.json");
    const operator = await startOperatorProcess(file, config, key);
    try {
      await until(
        "it has looked",
        async () => (await checkOf(operator, "commitQuorum")) !== undefined,
      );
      expect(await checkOf(operator, "commitQuorum")).toMatchObject({
        state: "failed",
        detail: expect.stringMatching(/shares no database.*`database`/),
      });
      const findings = await examine(file, { [KEY_VARIABLE]: key });
      const found = findings.find(({ check }) => check === "commit quorum");
      expect(found).toMatchObject({ state: "fail", hint: expect.stringMatching(/`database`/) });
    } finally {
      await operator.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
