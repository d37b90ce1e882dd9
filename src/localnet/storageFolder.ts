/**
 * The folder in which `npm start` keeps its local exchange. The folder is marked when it is made,
 * and only files that `npm start` itself makes are ever deleted from it: a folder is named by hand,
 * and may hold a real operator's journal.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { QuarterdeckError } from "../base/errors.ts";
import { MAX_OPERATORS, TRADERS } from "./options.ts";
import { MANIFEST } from "./visitor.ts";

const MARK = ".quarterdeck-local-exchange";
const MARK_TEXT = `npm start keeps a local exchange here. With --fresh it deletes it, and nothing else.\n`;
/** The files that an older release made, without a mark. */
const DEPLOYMENT = "deployment.json";
/** The files that an operator keeps in its storage folder. */
const JOURNAL_FILES = [
  "journal.sqlite",
  "journal.sqlite-wal",
  "journal.sqlite-shm",
  "journal.sqlite-journal",
  "lock.sqlite",
  "owner.json",
  "acknowledged",
];
/** A cluster of PostgreSQL: initdb makes it in an empty folder only, so all of it is its own. */
const CLUSTER = { folder: "data", sign: "PG_VERSION" };
const EVIDENCE = /^(rounds-[0-9]+\.jsonl(\.gz)?|[A-Z][a-z]+\.jsonl)$/;

/**
 * Makes `storage` if it is not there, and marks it. Throws a `QuarterdeckError`: `NotAFolder`, or
 * `ForeignFolder` where it holds what `npm start` did not make.
 */
export function openStorageFolder(storage: string): void {
  makeFolder(storage, "--storage");
  if (isOurs(storage)) return;
  const [one] = readdirSync(storage);
  if (one !== undefined && !existsSync(join(storage, DEPLOYMENT))) throw foreign(storage, one);
  writeFileSync(join(storage, MARK), MARK_TEXT);
}

/**
 * Deletes the local exchange in `storage` and `database`; gives the paths in them that somebody
 * else made, which stay. Throws `ForeignFolder` where `storage` is not marked and not empty.
 */
export function forget(storage: string, database: string): string[] {
  if (!existsSync(storage)) return forgetCluster(database);
  requireFolder(storage, "--storage");
  const [one] = readdirSync(storage);
  if (one !== undefined && !isOurs(storage)) throw foreign(storage, one);
  const numbers = Array.from({ length: MAX_OPERATORS }, (_, i) => `operator-${i + 1}`);
  const operators = ["operator", ...numbers];
  for (const file of [
    "chain.json",
    "counts.json",
    DEPLOYMENT,
    MANIFEST,
    ...operators.map((name) => `${name}.json`),
  ]) {
    forgetFile(join(storage, file));
  }
  const left = operators.flatMap((name) =>
    forgetFiles(join(storage, name), (file) => JOURNAL_FILES.includes(file)),
  );
  const traders = ["traders", ...TRADERS.map((name) => join("traders", name))].reverse();
  for (const folder of traders) {
    left.push(...forgetFiles(join(storage, folder), (file) => EVIDENCE.test(file)));
  }
  left.push(...forgetCluster(database));
  const known = new Set([MARK, "traders", "postgres", ...operators]);
  const others = readdirSync(storage).filter((name) => !known.has(name));
  return [...left, ...others.map((name) => join(storage, name))];
}

/**
 * Makes a folder if it is not there. Throws a `QuarterdeckError` with code `NotAFolder` that names
 * `option`, where it cannot be one.
 */
export function makeFolder(path: string, option: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isFile = code === "EEXIST" || code === "ENOTDIR";
    const why = isFile ? "a file is in its place" : `${code}`;
    throw notAFolder(`${option}: ${path} cannot be made a folder (${why})`, option, cause);
  }
  requireFolder(path, option);
}

function requireFolder(path: string, option: string): void {
  if (existsSync(path) && readable(path)) return;
  throw notAFolder(`${option}: ${path} is no folder that this user may read`, option);
}

function readable(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function notAFolder(problem: string, option: string, cause?: unknown): QuarterdeckError {
  return new QuarterdeckError({
    code: "NotAFolder",
    message: `${problem}.`,
    hint: `Name a new folder, or one of your own: npm start -- ${option} <folder>`,
    cause,
  });
}

function isOurs(storage: string): boolean {
  return existsSync(join(storage, MARK));
}

function foreign(storage: string, one: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "ForeignFolder",
    message: `${storage} holds what npm start did not make (${one}): nothing in it is touched.`,
    hint: "Name a new or an empty folder: npm start -- --storage <folder>",
  });
}

function forgetFile(path: string): void {
  // A folder of that name, or a link to somewhere else, stays.
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) rmSync(path);
}

/** Deletes the files of `folder` that are ours, and it if nothing is left; gives what is. */
function forgetFiles(folder: string, isOwn: (file: string) => boolean): string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  for (const file of readdirSync(folder).filter(isOwn)) forgetFile(join(folder, file));
  return removeIfEmpty(folder);
}

function forgetCluster(database: string): string[] {
  if (!lstatSync(database, { throwIfNoEntry: false })?.isDirectory()) return [];
  const data = join(database, CLUSTER.folder);
  const isCluster = existsSync(join(data, CLUSTER.sign)) && lstatSync(data).isDirectory();
  if (isCluster) rmSync(data, { recursive: true });
  return removeIfEmpty(database);
}

function removeIfEmpty(folder: string): string[] {
  const left = readdirSync(folder);
  if (left.length === 0) rmdirSync(folder);
  return left.map((name) => join(folder, name));
}
