import type { JournalReader } from "./journal.ts";

export interface ExportOptions {
  /** First sequence; 1 by default. */
  readonly from?: number;
  /** Most records; all by default. */
  readonly limit?: number;
  /** The text to put in as `payload`; base64 of the bytes by default. Must be fit for JSON. */
  readonly show?: (payload: Uint8Array) => unknown;
}

/**
 * The records as lines of NDJSON, each with its line end:
 * `{"sequence":1,"epoch":1,"version":1,"hash":"0x…","payload":"…"}`. Several lines come at once.
 * Throws `JournalDamaged` at the first record that does not check.
 */
export async function* exportLines(
  journal: JournalReader,
  options: ExportOptions = {},
): AsyncGenerator<string, void> {
  const { from = 1, limit = Number.POSITIVE_INFINITY, show = base64 } = options;
  for await (const batch of journal.read(from, limit)) {
    yield batch
      .map(({ sequence, epoch, version, hash, payload }) =>
        JSON.stringify({ sequence, epoch, version, hash, payload: show(payload) }),
      )
      .map((line) => `${line}\n`)
      .join("");
  }
}

function base64(payload: Uint8Array): string {
  return Buffer.from(payload).toString("base64");
}
