/** Operators on one real PostgreSQL, each with a replica and a write router; the leader appends. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../../test/support/database/postgres.ts";
import type { Log } from "../../base/log.ts";
import { begin } from "../../exchange/apply.ts";
import type { BlocksEntry } from "../../exchange/model/entries.ts";
import type { State } from "../../exchange/model/state.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { GENESIS, hashOfBlock } from "../../exchange/world.testkit.ts";
import type { LeasedJournal } from "../../journal/journal.ts";
import { openPostgresJournal } from "../../journal/postgres/journal.ts";
import { History } from "../replay/history.ts";
import { initJournal } from "./initJournal.ts";
import { LeaderElection } from "./leaderElection.ts";
import { Replica } from "./replica.ts";
import { Sequencer } from "./sequencer.ts";
import { WriteRouter } from "./writeRouter.ts";

const LEASE_MS = 500;
const log: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: async () => {} };

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

interface Member {
  readonly state: State;
  readonly router: WriteRouter;
  readonly replica: Replica;
  /** Blocks whose entries this member was answered for. */
  readonly acknowledged: number[];
  isLeading(): boolean;
  /** The one that should lead, as far as this member knows. */
  prefer(operator: string | undefined): void;
  /** Whether it hears the chain no more. */
  setBlind(cannotLead: boolean): void;
  /** It is not on the manager's list any more. */
  remove(): void;
  /** Whether those that follow hear a chain that goes on without the journal. */
  setStalled(isStalled: boolean): void;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

async function member(schema: string, operator: string, url = server.url): Promise<Member> {
  const operatorUrl = `http://${operator}`;
  const options = { url, schema, operator, operatorUrl, leaseMs: LEASE_MS, answerMs: 1000 };
  const journal = await openPostgresJournal(options);
  await initJournal(journal, GENESIS);
  const state = begin(GENESIS);
  const history = new History();
  const [genesis] = await readFirst(journal);
  if (genesis === undefined) throw new Error("no genesis");
  const head = { sequence: 1, hash: genesis.hash };
  const replica = new Replica({ state, history, head, onApplied: () => {} });
  const router = new WriteRouter();
  const acknowledged: number[] = [];
  let leading = false;
  let preferred: string | undefined;
  let blind = false;
  let approved = true;
  let stalled = false;
  const lead = async (leased: LeasedJournal, signal: AbortSignal) => {
    const failure = Promise.withResolvers<never>();
    const sequencer = new Sequencer({
      journal: leased,
      state,
      history,
      onApplied: () => {},
      onFailure: failure.reject,
    });
    router.open(sequencer, operatorUrl);
    leading = true;
    try {
      while (!signal.aborted) {
        const entry = nextBlock(state);
        await Promise.race([sequencer.submit(entry), failure.promise]);
        acknowledged.push(entry.to.number);
        await sleep(5);
      }
    } finally {
      leading = false;
      router.close(undefined);
      await sequencer.drain();
    }
  };
  const stopping = new AbortController();
  const role = new LeaderElection({
    journal,
    replica,
    log,
    leaseMs: LEASE_MS,
    retryTimeoutMs: 20_000,
    lead,
    onHolder: (holder) => router.close(holder?.url),
    operator,
    cannotLead: () => blind,
    isApproved: () => approved,
    progress: () => ({ head: stalled ? performance.now() : 0, taken: 0 }),
    onSeen: () => {},
    successor: () => (preferred === operator ? undefined : preferred),
  });
  const ended = role.run(stopping.signal);
  ended.catch(() => {});
  const stop = async () => {
    stopping.abort();
    await ended.catch(() => {});
    await journal.close();
  };
  onTestFinished(stop);
  return {
    state,
    router,
    replica,
    acknowledged,
    stop,
    ended,
    isLeading: () => leading,
    setBlind: (cannotLead) => {
      blind = cannotLead;
    },
    remove: () => {
      approved = false;
    },
    setStalled: (isStalled) => {
      stalled = isStalled;
    },
    prefer: (wanted) => {
      preferred = wanted;
    },
  };
}

async function readFirst(journal: Awaited<ReturnType<typeof openPostgresJournal>>) {
  for await (const records of journal.read(1, 1)) return records;
  return [];
}

function nextBlock(state: State): BlocksEntry {
  const number = (state.head?.number ?? GENESIS.schedule.genesisBlock - 1) + 1;
  return { kind: "blocks", to: { number, hash: hashOfBlock(number) }, logs: [] };
}

function leaderOf(members: readonly Member[]): Member | undefined {
  const leading = members.filter((one) => one.isLeading());
  expect(leading.length).toBeLessThanOrEqual(1);
  return leading[0];
}

const soon = { timeout: 60_000, interval: 20 };

async function leaderAmong(members: readonly Member[]): Promise<Member> {
  await expect.poll(() => leaderOf(members) !== undefined, soon).toBe(true);
  return leaderOf(members) as Member;
}

test("an operator leads, and the others follow warm and know whom to name", async () => {
  const schema = server.schema();
  const members = [await member(schema, "ada"), await member(schema, "bob")];
  const leader = await leaderAmong(members);
  const other = members.find((one) => one !== leader) as Member;
  await expect.poll(() => other.state.head?.number ?? 0, soon).toBeGreaterThan(110);
  await expect.poll(() => other.router.leader, soon).toBe(leader.router.leader);
  const entry = nextBlock(other.state);
  expect(await other.router.submit(entry)).toMatchObject({
    refusal: { code: "NotLeader", leader: leader.router.leader },
  });
});

test("each acknowledged entry and each block is there once, whichever leader stops", async () => {
  const schema = server.schema();
  const names = ["ada", "bob", "cy"];
  const members = await Promise.all(names.map((name) => member(schema, name)));
  for (let turn = 0; turn < 2; turn++) {
    const leader = await leaderAmong(members);
    await expect.poll(() => leader.acknowledged.length, soon).toBeGreaterThan(20);
    await leader.stop();
    members.splice(members.indexOf(leader), 1);
    const last = leader.acknowledged.at(-1) ?? 0;
    await expect.poll(() => leaderOf(members) !== undefined, soon).toBe(true);
    await expect.poll(() => members[0]?.state.head?.number ?? 0, soon).toBeGreaterThan(last);
  }
  const survivor = members[0] as Member;
  await survivor.stop();
  // A fresh reader replays to the same state.
  const later = await member(schema, "dee");
  await later.stop();
  expect(later.replica.head.sequence).toBeGreaterThanOrEqual(survivor.replica.head.sequence);
  if (later.replica.head.sequence === survivor.replica.head.sequence) {
    expect(stateHash(later.state)).toBe(stateHash(survivor.state));
  }
});

test("the lead goes to the operator that should have it, when it is warm", async () => {
  const schema = server.schema();
  const [ada, bob] = [await member(schema, "ada"), await member(schema, "bob")];
  await leaderAmong([ada, bob]);
  for (const [name, wanted] of [["bob", bob] as const, ["ada", ada] as const]) {
    ada.prefer(name);
    bob.prefer(name);
    await expect.poll(() => wanted.isLeading(), soon).toBe(true);
  }
  // Nobody is called so: whoever leads goes on.
  ada.prefer("cy");
  const before = ada.acknowledged.length;
  await expect.poll(() => ada.acknowledged.length, soon).toBeGreaterThan(before + 20);
});

test("the lead is not handed back to one that let it run out", async () => {
  const schema = server.schema();
  const options = { url: server.url, schema, leaseMs: LEASE_MS };
  const silent = await openPostgresJournal({
    ...options,
    operator: "dee",
    operatorUrl: "http://dee",
  });
  onTestFinished(() => silent.close());
  await initJournal(silent, GENESIS);
  const { epoch } = (await silent.acquire()) as LeasedJournal;
  await silent.heartbeat(1);
  const ada = await member(schema, "ada");
  ada.prefer("dee");
  await expect.poll(() => ada.isLeading(), soon).toBe(true);
  await expect.poll(() => ada.acknowledged.length, soon).toBeGreaterThan(100);
  expect((await silent.poll()).holder).toMatchObject({ operator: "ada", epoch: epoch + 1 });
});

test("an operator that does not hear the chain gives the lead away, and takes none", async () => {
  const schema = server.schema();
  const members = [await member(schema, "ada"), await member(schema, "bob")];
  const first = await leaderAmong(members);
  const other = members.find((one) => one !== first) as Member;
  first.setBlind(true);
  await expect.poll(() => other.isLeading(), soon).toBe(true);
  await other.stop();
  await sleep(3 * LEASE_MS);
  expect(first.isLeading()).toBe(false);
  first.setBlind(false);
  await expect.poll(() => first.isLeading(), soon).toBe(true);
});

test("an operator that was removed gives the lead away, and never takes it again", async () => {
  const schema = server.schema();
  const members = [await member(schema, "ada"), await member(schema, "bob")];
  const removed = await leaderAmong(members);
  const [other] = members.filter((one) => one !== removed) as [Member];
  removed.remove();
  await expect.poll(() => other.isLeading(), soon).toBe(true);
  await other.stop();
  await sleep(4 * LEASE_MS);
  expect(removed.isLeading()).toBe(false);
  expect(removed.router.leader).toBeUndefined();
});

test("the lead is not handed to one that does not hear the chain, though it is its turn", async () => {
  const schema = server.schema();
  const [ada, bob] = [await member(schema, "ada"), await member(schema, "bob")];
  bob.setBlind(true);
  await expect.poll(() => ada.isLeading(), soon).toBe(true);
  const journal = await openPostgresJournal({
    url: server.url,
    schema,
    operator: "cy",
    operatorUrl: "http://cy",
    leaseMs: LEASE_MS,
  });
  onTestFinished(() => journal.close());
  // Until what bob said before is forgotten.
  await sleep(2 * LEASE_MS);
  const before = (await journal.poll()).holder;
  const { length } = ada.acknowledged;
  ada.prefer("bob");
  await expect.poll(() => ada.acknowledged.length, soon).toBeGreaterThan(length + 200);
  expect((await journal.poll()).holder).toEqual(before);
});

test("the lead is taken from one that takes no blocks, and what it acknowledged is kept", async () => {
  const schema = server.schema();
  const members = [await member(schema, "ada"), await member(schema, "bob")];
  const first = await leaderAmong(members);
  const other = members.find((one) => one !== first) as Member;
  other.setStalled(true);
  await expect.poll(() => other.isLeading(), soon).toBe(true);
  await expect.poll(() => first.isLeading(), soon).toBe(false);
  const last = first.acknowledged.at(-1) ?? 0;
  await expect.poll(() => first.state.head?.number ?? 0, soon).toBeGreaterThan(last + 20);
  expect(other.acknowledged).not.toContain(last);
});

test("a database that goes away stops nobody for good", async () => {
  const own = await startPostgres();
  onTestFinished(() => own.remove());
  const schema = own.schema();
  const members = [await member(schema, "ada", own.url), await member(schema, "bob", own.url)];
  const leader = await leaderAmong(members);
  await expect.poll(() => leader.acknowledged.length, soon).toBeGreaterThan(5);
  const last = leader.acknowledged.at(-1) ?? 0;
  await own.kill();
  await expect.poll(() => leaderOf(members) === undefined, soon).toBe(true);
  const answer = await members[0]?.router.submit(nextBlock(leader.state));
  expect(answer).toMatchObject({ refusal: { code: "NotLeader" } });
  await own.restart();
  // Whoever leads then may lose the lead again on a busy machine.
  const newest = () => Math.max(...members.map(({ acknowledged }) => acknowledged.at(-1) ?? 0));
  await expect.poll(newest, soon).toBeGreaterThan(last + 5);
});

test("a journal that was set back ends the operator that had seen more", async () => {
  const schema = server.schema();
  const ada = await member(schema, "ada");
  await expect.poll(() => ada.acknowledged.length, soon).toBeGreaterThan(3);
  const behind = await openPostgresJournal({
    url: server.url,
    schema: server.schema(),
    operator: "x",
    operatorUrl: "http://x",
  });
  onTestFinished(() => behind.close());
  await expect(ada.replica.catchUp(behind)).rejects.toMatchObject({ code: "JournalWentBack" });
});
