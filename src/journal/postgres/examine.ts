/** Examines, before the start, all that an operator will need of the database. Changes nothing. */
import { StorageFailure } from "../errors.ts";
import { Database } from "./database.ts";
import { requireDurable } from "./tables.ts";
import { parseDatabaseUrl } from "./url.ts";

/** One host of the URL. */
export interface ExaminedHost {
  /** The host's name and port. */
  readonly name: string;
  /** Why it would not be used; undefined: it would. */
  readonly failure: StorageFailure | undefined;
}

export interface ExaminedDatabase {
  readonly hosts: readonly ExaminedHost[];
  /**
   * The rights that the host's user needs and lacks, in words; empty where no host would be used.
   */
  readonly lacking: readonly string[];
}

const ANSWER_MS = 5000;

/** Throws `StorageFailure` where the URL is none, or a commit would not be on disk. */
export async function examineDatabase(url: string, schema: string): Promise<ExaminedDatabase> {
  const { hosts } = parseDatabaseUrl(url);
  const examined: ExaminedHost[] = [];
  let lacking: readonly string[] | undefined;
  for (const [index, { host, port }] of hosts.entries()) {
    const database = new Database({ url, schema, answerMs: ANSWER_MS, host: index });
    const name = `${host}:${port}`;
    try {
      lacking ??= await lackingIn(database, schema);
      await requireDurable(database);
      examined.push({ name, failure: undefined });
    } catch (failure) {
      if (!(failure instanceof StorageFailure) || failure.code === "DatabaseNotDurable") {
        throw failure;
      }
      examined.push({ name, failure });
    } finally {
      await database.close();
    }
  }
  return { hosts: examined, lacking: lacking ?? [] };
}

interface Rights {
  readonly read_only: string;
  readonly has_schema: boolean;
  readonly may_create_schema: boolean;
  readonly may_create_tables: boolean | null;
}

async function lackingIn(database: Database, schema: string): Promise<string[]> {
  const what = "The rights cannot be read";
  const [rights] = await database.ask(
    what,
    (sql) => sql<Rights[]>`
      SELECT current_setting('default_transaction_read_only') AS read_only,
        to_regnamespace(${schema}) IS NOT NULL AS has_schema,
        has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
        has_schema_privilege(to_regnamespace(${schema}), 'CREATE, USAGE') AS may_create_tables`,
  );
  const tables = await database.ask(
    what,
    (sql) => sql<{ name: string }[]>`
      SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${schema} AND c.relkind = 'r' AND NOT (
        has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
      ORDER BY 1`,
  );
  const lacking = tables.map(({ name }) => `to read and write the table ${schema}.${name}`);
  if (rights?.read_only === "on") lacking.push("to write: default_transaction_read_only is on");
  if (rights?.has_schema === false && !rights.may_create_schema) {
    lacking.push(`to create the schema ${schema}`);
  }
  if (rights?.has_schema === true && rights.may_create_tables !== true) {
    lacking.push(`to create tables in the schema ${schema}`);
  }
  return lacking;
}
