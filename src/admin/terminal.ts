/** What the operators' commands say to whoever runs them; results go to standard output. */
import type { Log } from "../base/log.ts";

export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What a signer has to say. */
export const LOG: Log = {
  info: () => {},
  warn: (event, fields) => tell(`! ${event} ${JSON.stringify(fields)}`),
  error: (event, fields) => tell(`! ${event} ${JSON.stringify(fields)}`),
  flush: async () => {},
};
