/** What the tests of this room share: directories of their own, a vandal, and child processes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import type { Journal, JournalReader, JournalRecord } from "../journal.ts";
import { journalFile } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";

/** A new directory that goes away with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "quarterdeck-journal-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens for writing, and closes with the test. */
export async function openJournal(directory: string): Promise<Journal> {
  const journal = await openSqliteJournal(directory);
  onTestFinished(() => journal.close());
  return journal;
}

/** `count` records named `record 1`, `record 2` …, in a journal that is closed again. */
export async function writeJournal(directory: string, count: number): Promise<void> {
  const journal = await openSqliteJournal(directory);
  await journal.append(payloads(1, count));
  await journal.close();
}

export function payloads(first: number, last: number): Uint8Array[] {
  return Array.from({ length: last - first + 1 }, (_, i) => bytesOf(`record ${first + i}`));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export async function readAll(
  journal: JournalReader,
  from = 1,
  limit?: number,
): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const batch of journal.read(from, limit)) records.push(...batch);
  return records;
}

/** Changes the database behind the journal's back, through a connection of its own. */
export function vandalise(directory: string, sql: string): void {
  const connection = new DatabaseSync(journalFile(directory));
  try {
    connection.exec(`
      DROP TRIGGER IF EXISTS record_is_never_changed;
      DROP TRIGGER IF EXISTS record_is_never_deleted;
      ${sql}
    `);
  } finally {
    connection.close();
  }
}

/**
 * Copies a storage directory, also one in use. By another process: if this one opened and closed
 * the files, it would lose the locks that it holds on them.
 */
export function copyStorage(from: string, to: string): void {
  execFileSync("cp", ["-r", from, to]);
}

export interface Child {
  readonly process: ChildProcess;
  /** What it has printed so far. */
  readonly lines: string[];
  /** Resolves with the next line that it prints. */
  nextLine(): Promise<string>;
  /** Resolves with the exit code (null after a signal) when all it printed has arrived. */
  readonly ended: Promise<number | null>;
}

/** Runs child.testkit.ts, through the shell where `limit` (such as `ulimit -f 100`) is given. */
export function startChild(args: readonly string[], limit?: string): Child {
  const command = [process.execPath, join(import.meta.dirname, "child.testkit.ts"), ...args];
  const child =
    limit === undefined
      ? spawn(command[0] as string, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] })
      : spawn("bash", ["-c", `${limit}; exec "$@"`, "bash", ...command], {
          stdio: ["pipe", "pipe", "inherit"],
        });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });

  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code));
  });
  const nextLine = () =>
    Promise.race([
      new Promise<string>((resolve) => reader.once("line", resolve)),
      ended.then((code) => {
        throw new Error(`the child ended with ${code} instead of printing a line`);
      }),
    ]);
  return { process: child, lines, nextLine, ended };
}
