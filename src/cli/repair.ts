/**
 * `quarterdeck journal repair`: shows what it would drop, and drops it only when the start is
 * given.
 */
import { Readable } from "node:stream";
import { exportLines } from "../journal/export.ts";
import type { Head } from "../journal/journal.ts";
import { dropPostgresRecords } from "../journal/postgres/dropRecords.ts";
import { dropSqliteRecords } from "../journal/sqlite/dropRecords.ts";
import { planRepair, type RepairPlan } from "../operator/sequencing/planRepair.ts";
import {
  badOption,
  type Place,
  placeOf,
  reading,
  type Source,
  say,
  wholeNumber,
  writeLines,
} from "./journalSource.ts";

interface RepairFlags extends Source {
  readonly from?: string;
  readonly dropTo?: string;
}

export async function repair(flags: RepairFlags): Promise<void> {
  const wanted = flags.from === undefined ? undefined : wholeNumber("--from", flags.from);
  const plan = await reading(flags, async (journal) => {
    const found = await planRepair(journal, wanted);
    say(`${journal.location}: up to record ${found.head.sequence}`);
    return found;
  });
  tell(plan);
  const { dropTo: file } = flags;
  if (file === undefined) {
    say("Nothing was changed. To drop them, stop every operator, and name a new file that keeps a");
    say(`copy of them: quarterdeck journal repair --drop-to dropped-${plan.from}.ndjson`);
    return;
  }
  const keep = () =>
    reading(flags, (journal) => writeLines(Readable.from(exportLines(journal, plan)), file));
  const { from, head } = plan;
  const left = await drop(placeOf(flags), { from, head, keep });
  say(`dropped; a copy is in ${file}. The journal ends at record ${left.sequence}, ${left.hash}`);
  say("Start the operators: they read these blocks from the chain again. One that ends with");
  say(`JournalWentBack or JournalChanged at record ${from} or later had noted the dropped record:`);
  say("remove last-record.json from its storage folder.");
}

function drop(place: Place, what: Parameters<typeof dropSqliteRecords>[1]): Promise<Head> {
  switch (place.kind) {
    case "folder":
      return dropSqliteRecords(place.folder, what);
    case "database":
      return dropPostgresRecords(place.url, place.schema, what);
    case "file":
      throw badOption("A backup is not repaired: restore it, and repair the journal then");
  }
}

function tell({ from, head, because, blocks, unanswered }: RepairPlan): void {
  say(because);
  say(`to drop: records ${from} to ${head.sequence}: blocks of the chain in ${blocks} of them,`);
  say(`         orders and cancellations in ${unanswered}`);
  say("Nothing that was acknowledged is lost: blocks are read from the chain again; none of them");
  say(
    "executed an order; and what was written in one flush with blocks that cannot be applied was",
  );
  say("never answered, since answers are given after a record is applied.");
}
