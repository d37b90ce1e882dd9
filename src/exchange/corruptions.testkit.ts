/** Histories of a small exchange, and what a bad endpoint makes of the logs in them. */
import fc from "fast-check";
import type { Address } from "../base/hex.ts";
import type { ChainLog } from "../protocol/chainLog.ts";
import { momentOf } from "../protocol/rounds.ts";
import { confirmable } from "../protocol/withdrawalRule.ts";
import type { BlocksEntry, Entry } from "./model/entries.ts";
import * as views from "./queries/views.ts";
import {
  BASE,
  clientNo,
  GENESIS,
  hashOfBlock,
  limitOrder,
  QUOTE,
  THIRD,
  tradingWorld,
  type World,
} from "./world.testkit.ts";

const TOKENS = [BASE, QUOTE, THIRD] as const;

/** What happens next, by three small numbers. */
export const step = fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 3 }), fc.nat({ max: 40 }));
type Step = readonly [number, number, number];

/** The entries of a history, the genesis first. */
export function historyOf(steps: readonly Step[]): readonly Entry[] {
  const world = tradingWorld();
  let orders = 0;
  for (const [what, who, size] of steps) {
    if (halts(world)) break;
    const client = clientNo(who);
    const token = TOKENS[size % 2] as (typeof TOKENS)[number];
    if (what === 0 && views.tokens(world.state).length < 3) world.list(THIRD).mine();
    else if (what <= 3) world.deposit(client, token, BigInt(size + 1)).mine();
    else if (what <= 6) {
      const side = size % 2 === 0 ? "bid" : "ask";
      const round = world.nextRound() + (what === 6 ? 1 : 0);
      const terms = size % 3 === 0 ? {} : { goodTillBlock: world.block + (size % 20) };
      world.place(limitOrder(client, round, ++orders, side, 1 + (size % 9), 50), terms);
    } else if (what <= 9) request(world, client, token, size);
    else if (what === 10) dispute(world, client);
    else if (what === 11) pay(world);
    else if (what === 12) cancelOrSetKey(world, client, token);
    else passTime(world, what === 15 ? 40 : 1 + (size % 9));
  }
  return world.entries;
}

function request(world: World, client: Address, token: Address, size: number) {
  const opening =
    world.round < 1 ? 0n : views.openingBalance(world.state, client, token, world.round - 1);
  const isFree = !views.withdrawals(world.state, {}).some((one) => one.client === client);
  const staysInRound = world.nextRound() === world.round;
  if (!opening || !isFree || !staysInRound) return;
  world.withdraw(client, token, size % 3 === 0 ? opening : 1n + (opening * BigInt(size)) / 50n);
  world.mine();
}

function dispute(world: World, client: Address): void {
  const round = world.nextRound();
  const isOpen = views.disputes(world.state).some((one) => one.client === client);
  if (round < 1 || isOpen) return;
  const rest = { opener: client, mustProveOpenings: false, openingsPresented: true, presented: 0 };
  world.log({ kind: "disputeOpened", client, round, ...rest }).mine();
}

function pay(world: World): void {
  for (const { client, token, round, amount } of views.withdrawals(world.state, {
    state: "debited",
  })) {
    if (!confirmable(round, momentOf(GENESIS.schedule, world.block + 1))) continue;
    const recipient = client;
    world.log({ kind: "withdrawalConfirmed", client, token, round, amount, recipient });
  }
  world.mine();
}

/** Another operator may cancel what this one would have paid; else the client sets a key. */
function cancelOrSetKey(world: World, client: Address, token: Address): void {
  const found = views
    .withdrawals(world.state, {})
    .find((one) => one.client === client && one.token === token && one.round === world.nextRound());
  if (found === undefined) {
    const fromRound = world.nextRound() + 1;
    world.log({ kind: "tradingKeySet", client, fromRound, key: clientNo(9) }).mine();
    return;
  }
  const { round, amount } = found;
  world.log({ kind: "withdrawalCancelled", client, token, round, amount }).mine();
}

function passTime(world: World, count: number): void {
  for (let i = 0; i < count; i++) {
    if (halts(world)) return;
    world.mine();
    if (halts(world)) return;
    world.duties();
  }
}

/** Whether the next block is in a HALTED exchange, which takes few logs. */
function halts(world: World): boolean {
  return (views.clock(world.state).haltBlock ?? Number.POSITIVE_INFINITY) <= world.block + 1;
}

/** Neighbouring blocks as one entry, as they come where an operator catches up. */
export function merged(entries: readonly Entry[], most: number): Entry[] {
  const found: Entry[] = [];
  let parts = 0;
  for (const entry of entries) {
    const last = found.at(-1);
    if (entry.kind === "blocks" && last?.kind === "blocks" && ++parts < most) {
      found[found.length - 1] = { ...entry, logs: [...last.logs, ...entry.logs] };
      continue;
    }
    parts = 0;
    found.push(entry);
  }
  return found;
}

/** What is done to the logs, by numbers. */
export const corruption = fc.tuple(fc.nat({ max: 9 }), fc.nat(), fc.nat());
type Corruption = readonly [number, number, number];

/** The entry as a bad endpoint would give it; `others`: logs of other blocks. */
export function corrupted(
  entry: BlocksEntry,
  [how, one, other]: Corruption,
  others: readonly ChainLog[],
): BlocksEntry {
  const logs = [...entry.logs];
  const at = logs.length === 0 ? 0 : one % logs.length;
  const log = logs[at];
  const stranger = others[other % Math.max(1, others.length)];
  if (how === 0 && stranger !== undefined) {
    // A log of another time, in its place in the order.
    const block = entry.to.number;
    const place = { block, blockHash: entry.to.hash, logIndex: 1000 };
    return { ...entry, logs: [...logs, { ...stranger, ...place }] };
  }
  if (log === undefined) return entry;
  switch (how) {
    case 1:
      return { ...entry, logs: logs.toSpliced(at, 1) };
    case 2:
      return { ...entry, logs: logs.toSpliced(at, 0, log) };
    case 3:
      return { ...entry, logs: logs.toSpliced(at + 1, 0, { ...log, logIndex: log.logIndex + 1 }) };
    case 4:
      return { ...entry, logs: logs.toSpliced(at, 1).toSpliced(other % logs.length, 0, log) };
    case 5:
      return { ...entry, logs: moved(logs, at, entry.to.number - (other % 4)) };
    case 6:
      return { ...entry, logs: logs.with(at, altered(log, other)) };
    case 7:
      return { ...entry, logs: logs.with(at, { ...log, logIndex: Number.NaN }) };
    case 8:
      return { ...entry, logs: moved(logs, at, (logs[0] as ChainLog).block - (other % 3)) };
    default:
      return { ...entry, logs: [] };
  }
}

/** With the log in another block, all in order again. */
function moved(logs: readonly ChainLog[], at: number, block: number): ChainLog[] {
  const log = { ...(logs[at] as ChainLog), block, blockHash: hashOfBlock(block), logIndex: 999 };
  return logs.with(at, log).sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
}

function altered(log: ChainLog, by: number): ChainLog {
  const key = Object.keys(log)[by % Object.keys(log).length] as keyof ChainLog;
  const value: unknown = log[key];
  const replaced: Record<string, unknown> = {
    number: Number(value) + 1,
    bigint: by % 5 === 0 ? 2n ** 128n - 1n : BigInt(by % 3),
    string: key === "kind" ? value : clientNo(by % 6),
    boolean: value !== true,
  };
  return { ...log, [key]: replaced[typeof value] } as ChainLog;
}
