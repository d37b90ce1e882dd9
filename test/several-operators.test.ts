/**
 * Several operators, on a real chain and a real database: whatever happens to one of them, the
 * exchange goes on, nothing acknowledged is lost or doubled, and every commit is on time.
 * `QUARTERDECK_SEED` repeats a run's choices.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeRemoveOperator,
  encodeSetMaintenance,
  encodeSetSlotSize,
} from "../src/chain/contracts/roundRobinManager.ts";
import { DEFAULT_LEASE_MS } from "../src/journal/postgres/journal.ts";
import { chooseSeed } from "./support/checks/random.ts";
import type { Member, OperatorsExchange } from "./support/exchange/severalOperators.ts";
import { Drills } from "./support/faults/drills.ts";

/** Rounds in which a machine that stalls may spoil a drill that needs an operator to be fast. */
const MOST_STALLED_ROUNDS = 4;
const seed = chooseSeed();

/** Plays a drill until it says that it was in time. */
async function untilInTime(play: () => Promise<boolean>): Promise<void> {
  for (let rounds = 1; !(await play()); rounds++) expect(rounds).toBeLessThan(MOST_STALLED_ROUNDS);
}

describe(`several operators (QUARTERDECK_SEED=${seed})`, () => {
  let drills: Drills;
  let exchange: OperatorsExchange;

  beforeAll(async () => {
    drills = await Drills.start(seed);
    exchange = drills.exchange;
  });
  afterAll(async () => {
    await drills?.stop();
    console.log(drills?.report());
  });

  it("the operators go on when the one that takes orders is killed", async () => {
    await drills.takeOver("killed", async () => {
      const restart = (member: Member) => member.start();
      const { lost, epoch } = await drills.loseLeader((leader) => leader.kill(), restart);
      await drills.untilAnotherLeads(lost, epoch);
      await restart(lost);
    });
  });

  it("the operators take nothing more from one that slept longer than its lease", async () => {
    await drills.takeOver("stopped", async () => {
      // What `kill` gives is only settled when the process has ended.
      const pause = ({ process }: Member) => void process?.kill("SIGSTOP");
      const wake = ({ process }: Member) => void process?.kill("SIGCONT");
      const { lost, epoch, sequence } = await drills.loseLeader(pause, wake);
      await drills.untilAnotherLeads(lost, epoch);
      wake(lost);
      await drills.orders(20);
      const late = (await exchange.records(sequence)).filter((record) => record.epoch === epoch);
      expect(late).toEqual([]);
    });
  });

  it("the operators go on when the one that takes orders loses the database", async () => {
    await drills.takeOver("cut off from the database", async () => {
      const repair = (member: Member) => member.repair("database");
      const { lost, epoch } = await drills.loseLeader((leader) => leader.cut("database"), repair);
      await drills.untilAnotherLeads(lost, epoch);
      await drills.orders(20);
      repair(lost);
    });
  });

  // These keep the database: the lead is handed over.
  it.each(["chain", "clients"] as const)(
    "the operators go on when the one that takes orders loses the %s",
    async (line) => {
      await drills.takeOver(`cut off from the ${line}`, async () => {
        const lonely = await exchange.leader();
        const { epoch } = await exchange.lease();
        lonely.cut(line);
        await drills.untilAnotherLeads(lonely, epoch);
        await drills.orders(20);
        lonely.repair(line);
      });
    },
  );

  it("the operators wait for the database, and lose nothing of what was acknowledged", async () => {
    await drills.under(async () => {
      await exchange.postgres.stop();
      await sleep(DEFAULT_LEASE_MS);
      await exchange.postgres.restart();
      await drills.orders(20);
    });
    expect(drills.running).toHaveLength(3);
  });

  it("the operators wait while the database takes no writes, and lose nothing", async () => {
    await drills.under(async () => {
      await exchange.postgres.setReadOnly(true);
      await sleep(2 * DEFAULT_LEASE_MS);
      await exchange.postgres.setReadOnly(false);
      await drills.orders(20);
    });
    expect(drills.running).toHaveLength(3);
  });

  it("the operators commit on time when all but one are killed just before", async () => {
    await drills.takeOver("all but one killed", async ({ boundary, round }) => {
      await drills.untilBlock(boundary - 5);
      const { operator } = await exchange.slotReader.slots();
      const leader = await exchange.leader();
      const survivor = exchange.members.find((one) => one !== leader && one.address !== operator);
      const dead = exchange.members.filter((one) => one !== survivor);
      await Promise.all(dead.map((one) => one.kill()));
      await drills.untilCommitted(round);
      await Promise.all(dead.map((one) => one.start()));
    });
  });

  it("the operators commit on time in maintenance, and go on with another slot size", async () => {
    const { slotSize } = await exchange.slotReader.slots();
    for (const size of [slotSize / 2, slotSize]) {
      await drills.under(async ({ round }) => {
        await exchange.asOwner("maintenance", encodeSetMaintenance(true));
        await exchange.asOwner("slot size", encodeSetSlotSize(size));
        // Nobody has the slot: the rescue window is all there is.
        await drills.untilCommitted(round);
        expect((await drills.commitsOf(round)).map(({ isRescue }) => isRescue)).toEqual([
          true,
          true,
        ]);
        await exchange.asOwner("end of maintenance", encodeSetMaintenance(false));
        expect((await exchange.slotReader.slots()).slotSize).toBe(size);
      });
    }
  });

  it("the operators leave out one that is removed while it leads", async () => {
    const { anvil } = exchange;
    const removed = await drills.takeOver("removed", async ({ round }) => {
      await exchange.asOwner("maintenance", encodeSetMaintenance(true));
      // Nobody is selected now: once a hand-over that was under way is done, there is none.
      await sleep(DEFAULT_LEASE_MS / 2);
      const leader = await exchange.leader();
      const { epoch } = await exchange.lease();
      await exchange.asOwner("removal", encodeRemoveOperator(leader.address));
      expect((await exchange.lease()).epoch).toBe(epoch);
      await exchange.asOwner("end of maintenance", encodeSetMaintenance(false));
      const next = await drills.untilAnotherLeads(leader, epoch);
      const { sequence, epoch: second } = await exchange.lease();
      const sent = await anvil.client.getTransactionCount({ address: leader.address });

      // Whoever is left takes over, and not the one whose process still runs.
      await next.kill();
      const last = await drills.untilAnotherLeads(next, second);
      expect(last.name).not.toBe(leader.name);
      await next.start();
      await drills.untilCommitted(round);
      expect((await exchange.lease()).holder).not.toBe(leader.address);
      const late = (await exchange.records(sequence)).filter((record) => record.epoch <= epoch);
      expect(late).toEqual([]);
      expect(await anvil.client.getTransactionCount({ address: leader.address })).toBe(sent);
      return leader;
    });
    const { address, name, url } = removed;
    // What it signs now is no evidence: nobody may be given any of it.
    await drills.allAsk(url);
    // A change of the list keeps clear of deadlines.
    await drills.untilQuarterBegins();
    const place = ["--address", address, "--name", name, "--endpoint", url];
    const added = await exchange.operators("add", "--unvetted", ...place, "--yes");
    expect(added, added.stderr).toMatchObject({ code: 0 });
  });

  it("the operators commit on time while none can claim a slot, by who claimed last", async () => {
    const commitUnclaimed = () =>
      drills.under(async ({ round, boundary }) => {
        const release = await exchange.holdClaims();
        const operator = await drills.untilUnclaimed();
        const isBefore = (await exchange.anvil.blockNumber()) < boundary;
        await drills.untilCommitted(round);
        const commits = await drills.commitsOf(round);
        expect(await exchange.slotReader.slots()).toMatchObject({ operator, claimed: [] });
        release();
        expect(commits.length).toBe(2);
        // A machine that stalls may make the drill too late, or the operator: others rescue then.
        const own = commits.filter(({ isRescue }) => !isRescue);
        if (isBefore) expect(own.filter(({ sender }) => sender !== operator)).toEqual([]);
        return isBefore && own.length === 2;
      });
    await untilInTime(commitUnclaimed);
  });

  it("the operators commit on time while none can claim and the last claimer is dead", async () => {
    await untilInTime(() =>
      drills.under(async ({ round, boundary }) => {
        const release = await exchange.holdClaims();
        const operator = await drills.untilUnclaimed();
        const dead = exchange.members.find(({ address }) => address === operator);
        await dead?.kill();
        const isBefore = (await exchange.anvil.blockNumber()) < boundary;
        await drills.untilCommitted(round);
        for (const { sender, isRescue } of await drills.commitsOf(round)) {
          if (isBefore) expect(sender).not.toBe(operator);
          if (isBefore) expect(isRescue).toBe(true);
        }
        expect(await exchange.slotReader.slots()).toMatchObject({ operator, claimed: [] });
        release();
        await dead?.start();
        return isBefore;
      }),
    );
  });
});
