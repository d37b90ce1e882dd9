/** `quarterdeck journal repair-head`: sets the head of a shared journal from its records. */
import { Command } from "commander";
import { QuarterdeckError } from "../base/errors.ts";
import { repairHead } from "../journal/postgres/repairHead.ts";
import { DATABASE_VARIABLE, readDatabaseUrl } from "../operator/config/config.ts";
import { Progress } from "./progress.ts";

export function repairHeadCommand(): Command {
  return new Command("repair-head")
    .description(
      "Where the head of a shared journal does not name its last record: check every record, and " +
        "say what the head must be. Writes nothing without --apply, nothing where a record is " +
        "damaged or missing, and nothing while an operator leads.",
    )
    .requiredOption("--schema <name>", `the shared journal in the database of ${DATABASE_VARIABLE}`)
    .option("--apply", "write it")
    .action(run);
}

async function run({ schema, apply = false }: { schema: string; apply?: boolean }) {
  const url = readDatabaseUrl(process.env);
  if (url === undefined) {
    throw new QuarterdeckError({
      code: "BadOption",
      message: `--schema ${schema}: ${DATABASE_VARIABLE} does not name the database.`,
      hint: `Set ${DATABASE_VARIABLE} to its postgres:// URL.`,
    });
  }
  const progress = new Progress(process.stderr, "records");
  const onProgress = (done: number, total: number) => progress.show("checked", done, total);
  const repair = await repairHead({ url, schema, apply, onProgress });
  progress.end();
  const { location, found, wanted, epoch, isRepaired } = repair;
  say(`${location}: ${wanted.sequence} records, every one whole`);
  if (found?.sequence === wanted.sequence && found.hash === wanted.hash) {
    say("the head names the last one: there is nothing to repair");
    return;
  }
  const before = found === undefined ? "missing" : `record ${found.sequence}, ${found.hash}`;
  say(`head before: ${before}`);
  say(`head ${isRepaired ? "now" : "wanted"}: record ${wanted.sequence}, ${wanted.hash}`);
  say(
    isRepaired
      ? `Written, in epoch ${epoch}. Prove the journal (journal verify), then start the operators.`
      : "Nothing was written. Stop all operators, keep a copy of the database, and add --apply.",
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
