/**
 * Logs: one line an event, structured, rotated under `logs/`; readable in a terminal. Every line
 * names the event and its subject; lines about the exchange carry block, round and quarter.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import pino, { type Logger } from "pino";
import buildRoll, { type RollingFile } from "pino-roll";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Fields, Log } from "../../base/log.ts";
import { within } from "../../base/within.ts";
import type { Moment } from "../../protocol/units.ts";

export interface LogOptions {
  /** Folder of the rotated files. */
  readonly folder: string;
  /** Readable lines to this stream as well. */
  readonly terminal?: NodeJS.WritableStream | undefined;
  /** A file that has reached it is left for the next: a number with k, m or g. */
  readonly maxFileSize?: string;
  /** Files kept beside the current one; older ones are deleted, whichever process wrote them. */
  readonly keptFiles?: number;
}

const MAX_FILE_SIZE = "20m";
const KEPT_FILES = 10;
/** Bytes that wait for a disk that takes none; what comes after is lost, and the node goes on. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const FLUSH_MS = 2000;
/** Bytes that wait for a terminal that is not read; lines beyond it are in the files only. */
const MAX_TERMINAL_BYTES = 256 * 1024;

/**
 * Creates the folder if need be; throws `BadConfiguration` where it cannot be one. Rotates daily and by size. A log that cannot be written ends
 * nothing: it says so on standard error, once until it works again.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  makeFolder(options.folder);
  const file = await buildRoll({
    file: join(options.folder, "operator"),
    extension: ".log",
    frequency: "daily",
    size: options.maxFileSize ?? MAX_FILE_SIZE,
    limit: { count: options.keptFiles ?? KEPT_FILES, removeOtherLogFiles: true },
    mkdir: true,
    maxLength: MAX_WAITING_BYTES,
    // With its default of 0 a flush is done before anything is written.
    minLength: 1,
  });
  complainOnce(file);
  const streams: pino.StreamEntry[] = [{ stream: file }];
  const terminal = options.terminal && new Terminal(options.terminal);
  if (terminal !== undefined) streams.push({ stream: terminal });
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } },
    pino.multistream(streams),
  );
  const log = overLogger(logger);
  terminal?.onGone((problem) => log.warn("terminalGone", { problem }));
  const flushed = () => new Promise<void>((resolve) => file.flush(() => resolve()));
  return {
    ...log,
    flush: async () => {
      await Promise.all([within(FLUSH_MS, flushed()), terminal?.drained()]);
    },
  };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isFile = code === "EEXIST" || code === "ENOTDIR";
    throw new QuarterdeckError({
      code: "BadConfiguration",
      message: `logs: ${folder} cannot be a folder (${isFile ? "a file is in its place" : code}).`,
      hint: "Name in `logs` a folder that this user may write.",
      cause,
    });
  }
}

/**
 * Readable lines for a person who watches. A reader that went away, or does not read, costs the
 * lines and nothing else.
 */
class Terminal {
  readonly #output: NodeJS.WritableStream & { readonly writableLength?: number };
  #isGone = false;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  write(line: string): void {
    if (this.#isGone || (this.#output.writableLength ?? 0) > MAX_TERMINAL_BYTES) return;
    this.#output.write(readable(line));
  }

  /** Tells once why nobody reads any more. */
  onGone(tell: (problem: Error) => void): void {
    this.#output.on("error", (problem: Error) => {
      if (this.#isGone) return;
      this.#isGone = true;
      tell(problem);
    });
  }

  /** Until what was written is out, for a moment at most. */
  drained(): Promise<void> {
    if (this.#isGone) return Promise.resolve();
    const written = new Promise<void>((resolve) => this.#output.write("", () => resolve()));
    return within(FLUSH_MS, written);
  }
}

function complainOnce(file: RollingFile): void {
  let complained = false;
  file.on("error", (error: Error) => {
    if (complained) return;
    complained = true;
    process.stderr.write(`quarterdeck: the log cannot be written (${error.message})\n`);
  });
  file.on("write", () => {
    complained = false;
  });
}

/** The same log, with the moment's block, round and quarter on each line that brings none. */
export function withMoment(log: Log, now: () => Moment): Log {
  const dated = (fields: Fields | undefined): Fields => {
    const { block, round, quarter } = now();
    return { block, round, quarter, ...fields };
  };
  return {
    info: (event, fields) => log.info(event, dated(fields)),
    warn: (event, fields) => log.warn(event, dated(fields)),
    error: (event, fields) => log.error(event, dated(fields)),
    flush: () => log.flush(),
  };
}

function overLogger(logger: Logger): Omit<Log, "flush"> {
  return {
    info: (event, fields) => logger.info(printable(fields), event),
    warn: (event, fields) => logger.warn(printable(fields), event),
    error: (event, fields) => logger.error(printable(fields), event),
  };
}

function levelName(label: string): { level: string } {
  return { level: label };
}

/**
 * Money as strings (pino prints a bigint as a bare number, which readers round), errors as text.
 */
function printable(fields: Fields | undefined): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields ?? {})) plain[name] = printableValue(value);
  return plain;
}

function printableValue(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map(printableValue);
  if (typeof value === "object" && value !== null) return printable(value as Fields);
  return value;
}

function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const words = Object.entries(fields).map(
    ([name, value]) =>
      `${name}=${typeof value === "string" ? plain(value) : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 19);
  return `${[clock, String(level).toUpperCase().padEnd(5), plain(String(msg)), ...words].join(" ")}\n`;
}

/** Text from outside may hold line feeds and escape codes: one event stays one line. */
function plain(text: string): string {
  return /\p{Cc}/u.test(text) ? JSON.stringify(text) : text;
}
