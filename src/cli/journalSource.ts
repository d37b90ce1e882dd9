/** What the commands of `quarterdeck journal` share: which journal is meant, and how they speak. */
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { QuarterdeckError } from "../base/errors.ts";
import { StorageFailure } from "../journal/errors.ts";
import type { JournalReader } from "../journal/journal.ts";
import { openPostgresReader } from "../journal/postgres/journal.ts";
import { openSqliteBackup, openSqliteReader } from "../journal/sqlite/reader.ts";
import { DATABASE_VARIABLE } from "../operator/config.ts";

export interface Source {
  readonly storage: string;
  readonly file?: string;
  readonly schema?: string;
}

function open({ storage, file, schema }: Source): Promise<JournalReader> {
  if (file !== undefined) return openSqliteBackup(file);
  return schema === undefined ? openSqliteReader(storage) : openShared(schema);
}

/** The URL holds a password: it comes from the environment, as for the operator. */
function openShared(schema: string): Promise<JournalReader> {
  return openPostgresReader(databaseUrl(schema), schema);
}

/** The URL of the shared journal's database. */
export function databaseUrl(schema: string): string {
  const url = process.env[DATABASE_VARIABLE];
  if (url !== undefined) return url;
  throw badOption(`--schema ${schema}: ${DATABASE_VARIABLE} does not name the database`);
}

export async function reading<T>(source: Source, work: (journal: JournalReader) => Promise<T>) {
  const journal = await open(source);
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

export async function writeLines(lines: Readable, file: string): Promise<void> {
  try {
    // Flushed to the disk before it is closed.
    await pipeline(lines, createWriteStream(file, { flags: "wx", flush: true }));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
    throw new StorageFailure("StorageNotEmpty", file, "The export's file is there already", error);
  }
}

export function wholeNumber(option: string, text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw badOption(`${option} ${text}: no whole number from 1 on`);
}

export function badOption(problem: string): QuarterdeckError {
  const mend = "See quarterdeck journal --help.";
  return new QuarterdeckError({ code: "BadOption", message: `${problem}.`, mend });
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
