/**
 * Logs: one line a deed, structured, rotated under `logs/`; readable in a terminal. Every line says
 * what happened to whom; lines about the exchange carry block, round and quarter.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import pino, { type Logger } from "pino";
import buildRoll from "pino-roll";

export type Fields = Readonly<Record<string, unknown>>;

/** What the node says. `event` is a word that stays the same, for searching; fields explain it. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** Writes what is buffered; call it before the process ends. */
  flush(): Promise<void>;
}

export interface LogOptions {
  /** Folder of the rotated files. */
  readonly folder: string;
  /** Readable lines to this stream as well. */
  readonly terminal?: NodeJS.WritableStream | undefined;
}

const MAX_FILE_SIZE = "20m";
/** Older files than these are deleted. */
const KEPT_FILES = 10;

/**
 * Creates the folder if need be. Rotates daily and at 20 MB; keeps ten files beside the current.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  mkdirSync(options.folder, { recursive: true });
  const file = await buildRoll({
    file: join(options.folder, "operator"),
    extension: ".log",
    frequency: "daily",
    size: MAX_FILE_SIZE,
    limit: { count: KEPT_FILES },
    mkdir: true,
  });
  const streams: pino.StreamEntry[] = [{ stream: file }];
  if (options.terminal !== undefined) {
    const terminal = options.terminal;
    streams.push({ stream: { write: (line: string) => void terminal.write(readable(line)) } });
  }
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } },
    pino.multistream(streams),
  );
  return {
    ...overLogger(logger),
    flush: () => new Promise((resolve) => file.flush(() => resolve())),
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
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 19);
  return `${[clock, String(level).toUpperCase().padEnd(5), msg, ...words].join(" ")}\n`;
}
