/** The operators' commands as their user sees them; results go to standard output. */
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
