/**
 * Alerts on their way, in a file: each is written before it is sent and crossed out once it was, so
 * that a tower which is killed in between sends it at its next start. No alert is lost so; one that
 * was sent just before may come twice.
 */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../base/address.ts";
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { Alert } from "./tower.ts";

const alert = z.strictObject({
  event: z.enum([
    "faults",
    "disputed",
    "mayNotDispute",
    "confirmed",
    "halted",
    "recovered",
    "failed",
  ]) satisfies z.ZodType<Alert["event"]>,
  client: z
    .string()
    .refine((text) => parseAddress(text).ok)
    .transform((text) => text as Address),
  round: z.number().int().min(0).optional(),
  detail: z.string(),
});
const line = z.union([z.strictObject({ sending: alert }), z.strictObject({ sent: alert })]);

export class Outbox {
  readonly #file: string;
  readonly #onFailure: (problem: string) => void;
  /** By their text. */
  readonly #pending: Map<string, Alert>;

  private constructor(
    file: string,
    pending: Map<string, Alert>,
    onFailure: (problem: string) => void,
  ) {
    this.#file = file;
    this.#pending = pending;
    this.#onFailure = onFailure;
  }

  /**
   * Reads what was on its way. `onFailure` is called for each alert that cannot be written down: it
   * is sent all the same. Throws a `QuarterdeckError` with code `AlertsUnreadable`.
   */
  static open(file: string, onFailure: (problem: string) => void): Outbox {
    try {
      const pending = pendingIn(textOf(file));
      // Without what was sent, and without the half line of a tower that was killed while it wrote.
      writeFileSync(`${file}.next`, [...pending.keys()].map(sendingLine).join(""), { flush: true });
      renameSync(`${file}.next`, file);
      return new Outbox(file, pending, onFailure);
    } catch (error) {
      throw new QuarterdeckError({
        code: "AlertsUnreadable",
        message: `The alerts in ${file} cannot be read and written anew (${reasonOf(error)}).`,
        hint: "Let this user read and write the folder `storage`, and see that its disk has room.",
        cause: error,
      });
    }
  }

  get pending(): readonly Alert[] {
    return [...this.#pending.values()];
  }

  /** The alert is on the disk when this returns. False: it is on its way already. */
  add(one: Alert): boolean {
    const text = nameOf(one);
    if (this.#pending.has(text)) return false;
    this.#pending.set(text, one);
    this.#write(() => appendFileSync(this.#file, sendingLine(text), { flush: true }));
    return true;
  }

  /** Every service took the alert, or was given up. */
  settle(one: Alert): void {
    const text = nameOf(one);
    if (!this.#pending.delete(text)) return;
    this.#write(() => {
      if (this.#pending.size === 0) writeFileSync(this.#file, "");
      else appendFileSync(this.#file, `\n{"sent":${text}}\n`);
    });
  }

  #write(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onFailure(reasonOf(error));
    }
  }
}

/** The same alert has the same text, whoever put it together. */
function nameOf({ event, client, round, detail }: Alert): string {
  return JSON.stringify({ event, client, round, detail });
}

/** A line of its own, also behind one of which a full disk took the half. */
function sendingLine(text: string): string {
  return `\n{"sending":${text}}\n`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function pendingIn(text: string): Map<string, Alert> {
  const pending = new Map<string, Alert>();
  for (const one of text.split("\n")) {
    const read = line.safeParse(parseJson(one));
    if (!read.success) continue;
    const { round, ...rest } = "sent" in read.data ? read.data.sent : read.data.sending;
    const found = { ...rest, round };
    if ("sent" in read.data) pending.delete(nameOf(found));
    else pending.set(nameOf(found), found);
  }
  return pending;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
