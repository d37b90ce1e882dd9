/** The events of the local exchange since it was begun, counted over restarts of its processes. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** Kinds of the operators' counter, and what the traders count. */
export const COUNTED = [
  "depositCredited",
  "trade",
  "withdrawalRequested",
  "withdrawalConfirmed",
  "roundCommitted",
  "auditsPassed",
  "auditsFailed",
] as const;
export type Counted = (typeof COUNTED)[number];

const schema = z.partialRecord(z.enum(COUNTED), z.int().min(0));

export class Counts {
  readonly #file: string;
  readonly #totals: Map<Counted, number>;
  /** The last value of each source, by source. */
  readonly #seen = new Map<string, Map<Counted, number>>();
  #saved = "";

  /** Goes on from what `file` holds; from 0 where it holds nothing that can be read. */
  constructor(file: string) {
    this.#file = file;
    this.#totals = new Map(Object.entries(readTotals(file)) as [Counted, number][]);
  }

  total(what: Counted): number {
    return this.#totals.get(what) ?? 0;
  }

  /**
   * Takes what each source counts since its own start. All sources see the same events: the total
   * grows by as much as the one that saw most, and a source that begins at 0 again takes nothing
   * back.
   */
  take(what: Counted, sources: ReadonlyMap<string, number>): void {
    let most = 0;
    for (const [source, count] of sources) {
      const seen = this.#seen.get(source) ?? new Map<Counted, number>();
      this.#seen.set(source, seen);
      const before = seen.get(what);
      seen.set(what, count);
      most = Math.max(most, before === undefined || count < before ? 0 : count - before);
    }
    if (most > 0) this.add(what, most);
  }

  add(what: Counted, more = 1): void {
    this.#totals.set(what, this.total(what) + more);
  }

  /** Writes the file if anything has changed. */
  save(): void {
    const text = `${JSON.stringify(Object.fromEntries(this.#totals))}\n`;
    if (text === this.#saved) return;
    this.#saved = text;
    writeFileSync(this.#file, text);
  }
}

/** For show only: a file that is torn costs the totals, and nothing else. */
function readTotals(file: string): Partial<Record<Counted, number>> {
  if (!existsSync(file)) return {};
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return {};
  }
}
