import { setTimeout as sleep } from "node:timers/promises";
import type { Genesis } from "../../exchange/model/entries.ts";
import type { SharedJournal } from "../../journal/journal.ts";
import { encodeRecord } from "../replay/recordForm.ts";
import { isLeadLost } from "./leadLost.ts";

/** Milliseconds between two polls for who writes the first record. */
const LOOK_MS = 100;

/**
 * Resolves when the journal has its genesis: of all operators that start with an empty one, the one
 * that acquires it writes the genesis. Throws as `SharedJournal.acquire` does.
 */
export async function initJournal(journal: SharedJournal, genesis: Genesis): Promise<void> {
  while ((await journal.refresh()).sequence === 0) {
    const leased = await journal.acquire();
    if (leased === undefined) {
      await sleep(LOOK_MS);
      continue;
    }
    try {
      // Somebody may have been quicker, and have given the lease back already.
      if (leased.head.sequence === 0) {
        const first = { kind: "genesis", ...genesis, timeMs: Date.now() } as const;
        await leased.append([encodeRecord(first, leased.format)]);
      }
      await leased.close();
    } catch (error) {
      if (!isLeadLost(error)) throw error;
    }
  }
}
