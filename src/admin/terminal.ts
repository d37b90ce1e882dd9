/** The operators' commands as their user sees them; results go to standard output. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { QuarterdeckError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The log lines of a signer, in the terminal. */
export const LOG: Log = {
  info: () => {},
  warn: (event, fields) => tell(`! ${event} ${JSON.stringify(fields)}`),
  error: (event, fields) => tell(`! ${event} ${JSON.stringify(fields)}`),
  flush: async () => {},
};

/** Asks at the terminal. Throws `NotConfirmed` for anything but yes, and where there is none. */
export async function confirm(question = "Type yes to go on: "): Promise<void> {
  const hint = "Type yes, or give --yes.";
  const declined = new QuarterdeckError({ code: "NotConfirmed", message: "Not confirmed.", hint });
  if (!process.stdin.isTTY) throw declined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if ((await terminal.question(question)).trim() !== "yes") throw declined;
  } finally {
    terminal.close();
  }
}

/** One line from the terminal, not echoed. */
export async function readHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_part, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
