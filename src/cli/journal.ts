/**
 * `quarterdeck journal`: what a person does with the journal: prove it, read it, copy it, put a
 * copy back, take out what no start can read. All but `restore` and `repair` work while the
 * operator runs.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import { z } from "zod";
import { exportLines } from "../journal/export.ts";
import { restoreBackup } from "../journal/sqlite/backup.ts";
import { DATABASE_VARIABLE, readJournalPlace } from "../operator/config/config.ts";
import { shownRecord } from "../operator/replay/recordForm.ts";
import { type JournalProof, proveJournal } from "../operator/replay/verifyJournal.ts";
import {
  badOption,
  DEFAULT_STORAGE,
  reading,
  type Source,
  say,
  wholeNumber,
  writeLines,
} from "./journalSource.ts";
import { Progress } from "./progress.ts";
import { repair } from "./repair.ts";
import { repairHeadCommand } from "./repairHead.ts";

export function journalCommand(): Command {
  return new Command("journal")
    .description("Prove, read, back up and restore an operator's journal")
    .addCommand(verifyCommand())
    .addCommand(exportCommand())
    .addCommand(backupCommand())
    .addCommand(restoreCommand())
    .addCommand(repairCommand())
    .addCommand(repairHeadCommand());
}

const STORAGE = [
  "--storage <folder>",
  'the operator\'s storage folder (default: "storage")',
] as const;
const CONFIG = ["--config <file>", "the operator's configuration, which says where it is"] as const;
const SCHEMA = [
  "--schema <name>",
  `the shared journal in the database of ${DATABASE_VARIABLE}`,
] as const;
const FILE = ["--file <backup>", "a backup instead of a storage folder"] as const;

function verifyCommand(): Command {
  return new Command("verify")
    .description(
      "Check every record, replay all of them, and compare the outcome with every snapshot and " +
        "with the roots in the Mediator. Exit code 1 when anything differs.",
    )
    .option(...STORAGE)
    .option(...CONFIG)
    .option(...FILE)
    .option(...SCHEMA)
    .option("--rpc <urls>", "JSON-RPC endpoints, separated by commas, to compare roots with")
    .action(verify);
}

const endpoints = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.url({ protocol: /^(https?|wss?)$/ })))
  .optional();

async function verify(options: Source & { readonly rpc?: string }): Promise<void> {
  const rpc = endpoints.safeParse(options.rpc);
  if (!rpc.success) throw badOption(`--rpc ${options.rpc}: no URLs separated by commas`);
  const progress = new Progress(process.stderr, "records");
  const proof = await reading(options, async (journal) => {
    say(`${journal.location}: up to record ${journal.head.sequence}`);
    return proveJournal(journal, { rpc: rpc.data, onProgress: progress.show });
  });
  progress.end();
  tell(proof, rpc.data !== undefined);
  if (proof.findings.length > 0) process.exitCode = 1;
}

function tell({ findings, storage, replayed, chain }: JournalProof, asked: boolean): void {
  if (storage !== undefined) {
    const { head, epoch, bytes } = storage;
    say(`ok    ${head.sequence} records, ${bytes} bytes, epoch ${epoch}, head ${head.hash}`);
  }
  if (replayed !== undefined) {
    const { records, block, round, snapshots, genesis } = replayed;
    say(`ok    ${records} replayed: Mediator ${genesis.mediator} on chain ${genesis.chainId},`);
    say(`      block ${block ?? "none"}, round ${round}, state ${replayed.stateHash}`);
    const at = snapshots.length === 0 ? "" : `: ${snapshots.join(", ")}`;
    say(`ok    ${snapshots.length} snapshots hold the replayed state${at}`);
  }
  if (chain !== undefined) {
    const pending = chain.pending === 0 ? "" : `, ${chain.pending} not committed yet`;
    say(`ok    ${chain.roots} roots are those of the Mediator${pending}`);
  }
  if (!asked) say("left out: the roots in the Mediator; name an endpoint with --rpc");
  for (const { what, problem } of findings) say(`FAIL  ${what}: ${problem}`);
  const failed = findings.length > 0;
  say(failed ? `${findings.length} findings` : "the journal is whole");
}

function exportCommand(): Command {
  return new Command("export")
    .description(
      "Write the records as lines of JSON. Ends with exit code 1 at the first damaged record: " +
        "what was written before it is whole.",
    )
    .option(...STORAGE)
    .option(...CONFIG)
    .option(...FILE)
    .option(...SCHEMA)
    .option("--from <sequence>", "first record", "1")
    .option("--limit <records>", "most records")
    .option("--raw", "payloads as base64 of their bytes instead of the entries in them")
    .option("--to <file>", "a new file; standard output unless told")
    .action(exportRecords);
}

interface ExportFlags extends Source {
  readonly from: string;
  readonly limit?: string;
  readonly raw?: boolean;
  readonly to?: string;
}

async function exportRecords(flags: ExportFlags): Promise<void> {
  const options = {
    from: wholeNumber("--from", flags.from),
    ...(flags.limit !== undefined && { limit: wholeNumber("--limit", flags.limit) }),
    ...(flags.raw !== true && { show: entryOf }),
  };
  await reading(flags, (journal) => {
    const lines = Readable.from(exportLines(journal, options));
    return flags.to === undefined ? print(lines) : writeLines(lines, flags.to);
  });
}

/** Entries as JSON, whatever form they are stored in; a payload that is none is shown as base64. */
function entryOf(payload: Uint8Array): unknown {
  try {
    return shownRecord(payload);
  } catch {
    return Buffer.from(payload).toString("base64");
  }
}

async function print(lines: Readable): Promise<void> {
  await pipeline(lines, process.stdout, { end: false });
}

function backupCommand(): Command {
  return new Command("backup")
    .description(
      "Copy the journal to a new file, also while the operator runs, and verify the copy. It " +
        "holds every record acknowledged when it began.",
    )
    .option(...STORAGE)
    .option(...CONFIG)
    .requiredOption("--to <file>", "the new file, best on another disk")
    .action(backup);
}

async function backup({ to, ...source }: Source & { readonly to: string }): Promise<void> {
  const progress = new Progress(process.stderr, "records");
  const head = await reading(source, (journal) =>
    journal.backup(to, {
      onProgress: (done, total) => progress.show("verified", done, total),
      onDamagedSnapshot: ({ message }) =>
        process.stderr.write(`warning: left out of the backup: ${message}\n`),
    }),
  );
  progress.end();
  say(`${to}: ${head.sequence} records, verified, head ${head.hash}`);
}

function restoreCommand(): Command {
  return new Command("restore")
    .description(
      "Verify a backup, then put it into a storage folder that holds nothing. The operator must " +
        "be stopped; its next start says what was lost.",
    )
    .requiredOption("--from <file>", "the backup")
    .option(...STORAGE)
    .option(...CONFIG)
    .action(restore);
}

interface RestoreFlags {
  readonly from: string;
  readonly storage?: string;
  readonly config?: string;
}

async function restore({ from, ...place }: RestoreFlags): Promise<void> {
  const storage = restoredFolder(place);
  const progress = new Progress(process.stderr, "records");
  const { head, backedUpAt, lostUpTo } = await restoreBackup(from, storage, {
    onProgress: (done, total) => progress.show("verified", done, total),
  });
  progress.end();
  say(`${storage}: ${head.sequence} records of ${new Date(backedUpAt).toISOString()}`);
  say(
    lostUpTo === undefined
      ? "Whatever was acknowledged after the backup is lost, as far as it is not on chain."
      : `Records ${head.sequence + 1} to ${lostUpTo} were acknowledged and are lost.`,
  );
  say("Each start from here on says so (restoredFromBackup): tell the clients.");
}

function restoredFolder({ storage, config }: Omit<RestoreFlags, "from">): string {
  if (config === undefined) return storage ?? DEFAULT_STORAGE;
  if (storage !== undefined) throw badOption("--config and --storage name two journals: keep one");
  const place = readJournalPlace(config, process.env);
  if (place.database === undefined) return place.storage;
  throw badOption(`${config} names a database: restore that by its own tools`);
}

function repairCommand(): Command {
  return new Command("repair")
    .description(
      "Say which of the last records hold blocks that cannot be applied, and so end every start; " +
        "with --drop-to, drop them. They are read from the chain again. No operator may run.",
    )
    .option(...STORAGE)
    .option(...CONFIG)
    .option(...SCHEMA)
    .option("--from <sequence>", "drop blocks from this record on, also if they can be applied")
    .option("--drop-to <file>", "drop the records, and keep a copy of them in this new file")
    .action(repair);
}
