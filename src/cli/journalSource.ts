/**
 * The shared part of the `quarterdeck journal` commands: which journal is meant, and how they
 * report.
 */
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { QuarterdeckError } from "../base/errors.ts";
import { StorageFailure } from "../journal/errors.ts";
import type { JournalReader } from "../journal/journal.ts";
import { openPostgresReader } from "../journal/postgres/journal.ts";
import { openSqliteBackup, openSqliteReader } from "../journal/sqlite/reader.ts";
import { DATABASE_VARIABLE, readDatabaseUrl, readJournalPlace } from "../operator/config/config.ts";

/** Options that say where the journal is; one of them is meant. */
export interface Source {
  readonly storage?: string;
  readonly file?: string;
  readonly schema?: string;
  readonly config?: string;
}

/** Where the journal is. */
export type Place =
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "folder"; readonly folder: string }
  | { readonly kind: "database"; readonly url: string; readonly schema: string };

export const DEFAULT_STORAGE = "storage";

/** Throws `BadOption` where the options name no journal, or two. */
export function placeOf({ storage, file, schema, config }: Source): Place {
  if (config !== undefined) return configuredPlace(config, { storage, file, schema });
  if (file !== undefined) return { kind: "file", file };
  const url = readDatabaseUrl(process.env);
  if (schema !== undefined) {
    // The URL holds a password: it comes from the environment, as for the operator.
    if (url !== undefined) return { kind: "database", url, schema };
    throw badOption(`--schema ${schema}: ${DATABASE_VARIABLE} does not name the database`);
  }
  if (storage === undefined && url !== undefined) {
    throw badOption(
      `--schema is missing: ${DATABASE_VARIABLE} is set, and no option says which journal is ` +
        "meant: --schema for the shared one, or --storage for one in a folder",
    );
  }
  return { kind: "folder", folder: storage ?? DEFAULT_STORAGE };
}

function configuredPlace(config: string, others: Record<string, string | undefined>): Place {
  const other = Object.keys(others).find((name) => others[name] !== undefined);
  if (other !== undefined) throw badOption(`--config and --${other} name two journals: keep one`);
  const { storage, database } = readJournalPlace(config, process.env);
  if (database === undefined) return { kind: "folder", folder: storage };
  return { kind: "database", url: database.url, schema: database.schema };
}

function open(place: Place): Promise<JournalReader> {
  switch (place.kind) {
    case "file":
      return openSqliteBackup(place.file);
    case "folder":
      return openSqliteReader(place.folder);
    case "database":
      return openPostgresReader(place.url, place.schema);
  }
}

export async function reading<T>(source: Source, work: (journal: JournalReader) => Promise<T>) {
  const journal = await open(placeOf(source));
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
  const hint = "See quarterdeck journal --help.";
  return new QuarterdeckError({ code: "BadOption", message: `${problem}.`, hint });
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
