/** The doctor's checks of the storage folder: who uses it, and whether the journal is ours. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import { decodeEntry, type Genesis } from "../../exchange/model/entries.ts";
import { StorageInUse } from "../../journal/errors.ts";
import type { JournalReader } from "../../journal/journal.ts";
import { openPostgresReader } from "../../journal/postgres/journal.ts";
import { journalFile, LOCK_FILE } from "../../journal/sqlite/connection.ts";
import { lockStorage } from "../../journal/sqlite/lock.ts";
import { checkSqliteTail, openSqliteReader } from "../../journal/sqlite/reader.ts";
import type { BlockRef } from "../../protocol/units.ts";
import type { OperatorConfig } from "../config/config.ts";
import { requireSame } from "../replay/replay.ts";
import { checkDatabase } from "./database.ts";
import { type Finding, failure, fine, looking, warning } from "./finding.ts";

/** The facts of the journal that the other checks need. */
export interface JournalInspection {
  readonly findings: readonly Finding[];
  /** The last block that it took in; undefined: none, or it cannot be read. */
  readonly lastBlock: BlockRef | undefined;
}

/** Whether an operator holds the storage now. */
export function isInUse(storage: string): StorageInUse | undefined {
  // Locking would make it.
  if (!existsSync(join(storage, LOCK_FILE))) return undefined;
  try {
    lockStorage(storage).release();
    return undefined;
  } catch (error) {
    if (error instanceof StorageInUse) return error;
    throw error;
  }
}

/** `genesis`: what the journal must be of; undefined where the chain does not tell. */
export async function checkJournal(
  config: Pick<OperatorConfig, "storage" | "database">,
  genesis: Genesis | undefined,
): Promise<JournalInspection> {
  let lastBlock: BlockRef | undefined;
  const findings = await looking("journal", async () => {
    const journal = await open(config);
    if (journal === undefined) return [fine("journal", "none yet: the first start makes it")];
    try {
      if (genesis !== undefined) await requireOurs(journal, genesis);
      lastBlock = await lastBlockOf(journal);
      return await describe(journal, lastBlock);
    } finally {
      await journal.close();
    }
  });
  return { findings: [...findings, ...(await checkDatabase(config.database))], lastBlock };
}

/** SQLSTATE of a table that is not there. */
const UNDEFINED_TABLE = "42P01";

/** Undefined where no operator has started yet. */
async function open({
  storage,
  database,
}: Pick<OperatorConfig, "storage" | "database">): Promise<JournalReader | undefined> {
  if (database === undefined) {
    if (!existsSync(journalFile(storage))) return undefined;
    await checkSqliteTail(storage);
    return openSqliteReader(storage);
  }
  try {
    return await openPostgresReader(database.url, database.schema);
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    if (cause?.code === UNDEFINED_TABLE) return undefined;
    throw error;
  }
}

async function requireOurs(journal: JournalReader, wanted: Genesis): Promise<void> {
  for await (const [first] of journal.read(1, 1)) {
    if (first === undefined) return;
    const entry = decodeEntry(first.payload);
    if (entry.kind === "genesis") requireSame(entry, wanted, journal.location);
  }
}

/** Records searched for the last block; there is one every few seconds. */
const LAST_RECORDS = 10_000;

async function lastBlockOf(journal: JournalReader): Promise<BlockRef | undefined> {
  let last: BlockRef | undefined;
  for await (const records of journal.read(Math.max(1, journal.head.sequence - LAST_RECORDS))) {
    for (const { payload } of records) {
      const entry = decodeEntry(payload);
      if (entry.kind === "blocks") last = entry.to;
    }
  }
  return last;
}

async function describe(
  journal: JournalReader,
  lastBlock: BlockRef | undefined,
): Promise<Finding[]> {
  const { head, restoredFrom } = journal;
  const findings = [
    fine(
      "journal",
      `${head.sequence} records up to block ${lastBlock?.number ?? "none"}, whole since the ` +
        "newest snapshot",
    ),
  ];
  if (restoredFrom !== undefined) {
    const at = new Date(restoredFrom.backedUpAt).toISOString();
    const detail = `it was restored at record ${restoredFrom.head.sequence} from a backup of ${at}`;
    const hint = "Tell the clients: what was acknowledged after it is lost.";
    findings.push(warning("journal", detail, hint));
  }
  const snapshot = await looking("snapshot", async () => {
    const newest = await journal.latestSnapshot();
    return newest === undefined ? [] : [fine("snapshot", `of record ${newest.sequence}`)];
  });
  // A damaged one costs time only.
  return [...findings, ...snapshot.map(asWarning)];
}

function asWarning(finding: Finding): Finding {
  return finding.state === "fail" ? { ...finding, state: "warn" } : finding;
}

/** Whether the chain still has the block up to which the journal has taken it in. */
export async function checkLastBlock(
  client: ChainClient,
  { number, hash }: BlockRef,
): Promise<Finding[]> {
  const head = Number(await client.getBlockNumber());
  if (head < number) {
    const detail = `the journal is at block ${number}, and the chain at ${head}`;
    return [failure("journal's chain", detail, "Check that the endpoints are synced.")];
  }
  const block = await client.getBlock({ blockNumber: BigInt(number) });
  if (block.hash === hash) return [fine("journal's chain", `block ${number} is the same`)];
  return [
    failure(
      "journal's chain",
      `block ${number} is ${hash} in the journal, and ${block.hash} on the chain`,
      "Check the endpoints; after a deep reorganisation restore a backup from before that block.",
    ),
  ];
}
