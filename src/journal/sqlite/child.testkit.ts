/** The other process in the tests of this room: `node child.testkit.ts DEED DIRECTORY …`. */
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Journal } from "../journal.ts";
import { openSqliteJournal } from "./journal.ts";
import { openSqliteReader } from "./reader.ts";

/** An unprivileged user on every Linux. */
const NOBODY = 65534;
const CALLERS = 8;
const STATE_HASH = `0x${"5a".repeat(32)}` as const;

/** Written at once, so that a kill cannot hold back what has been acknowledged. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function codeOf(error: unknown): string {
  if (error instanceof QuarterdeckError) return error.code;
  throw error;
}

/** The content of a record of the crash test, recognisable by what it was called. */
export function crashPayload(name: string): Uint8Array {
  const length = name.length + 1 + ((name.length * 7919 + name.charCodeAt(name.length - 1)) % 1500);
  return new TextEncoder().encode(`${name} `.padEnd(length, name));
}

/** Appends from several callers for ever, and says each acknowledged record: sequence and name. */
async function append(directory: string, run: string): Promise<void> {
  const journal = await openSqliteJournal(directory);
  say(`epoch ${journal.epoch}`);
  await Promise.all(
    Array.from({ length: CALLERS }, (_, caller) => appendAs(journal, `${run}.${caller}`)),
  );
}

async function appendAs(journal: Journal, caller: string): Promise<void> {
  for (let n = 1; ; n++) {
    const names = Array.from({ length: 1 + (n % 4) }, (_, k) => `${caller}.${n}.${k}`);
    const { first } = await journal.append(names.map(crashPayload));
    say(names.map((name, k) => `${first + k} ${name}`).join("\n"));
    if (caller.endsWith(".0") && n % 10 === 0) {
      await journal.saveSnapshot(first, new Uint8Array(600_000).fill(n), STATE_HASH);
    }
  }
}

/** Holds the storage until it is killed, or says why it cannot. */
async function hold(directory: string): Promise<void> {
  try {
    const journal = await openSqliteJournal(directory);
    say(`holding epoch ${journal.epoch}`);
  } catch (error) {
    say(`refused ${codeOf(error)}`);
    return;
  }
  for (;;) await sleep(1000);
}

/**
 * Says with which code opening for writing fails, then what reading finds. As nobody, where it may
 * change.
 */
async function unprivileged(directory: string): Promise<void> {
  if (process.getuid?.() === 0) process.setuid?.(NOBODY);
  say(await openSqliteJournal(directory).then(() => "opened", codeOf));
  say(await verifiedHead(directory).then((sequence) => `verified ${sequence}`, codeOf));
}

async function verifiedHead(directory: string): Promise<number> {
  const reader = await openSqliteReader(directory);
  const { head } = await reader.verify();
  return head.sequence;
}

/** Appends until it fails; says each acknowledged sequence, then the code of the failure. */
async function fill(directory: string): Promise<void> {
  const journal = await openSqliteJournal(directory);
  for (;;) {
    try {
      const { last } = await journal.append([new Uint8Array(10_000)]);
      say(`acknowledged ${last}`);
    } catch (error) {
      say(`failed ${codeOf(error)}`);
      return;
    }
  }
}

const actions: Record<string, (directory: string, argument: string) => Promise<void>> = {
  append,
  hold,
  unprivileged,
  fill,
};

if (import.meta.main) {
  const [action = "", directory = "", argument = ""] = process.argv.slice(2);
  const run = actions[action];
  if (run === undefined) throw new Error(`unknown action ${action}`);
  await run(directory, argument);
}
