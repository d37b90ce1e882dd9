/** Attestations in a shared database: a row for each round, operator and hash of roots. */
import { bytesToHex, hexToBytes } from "../../base/hex.ts";
import { type Attestation, KEPT_ATTESTED_ROUNDS, MAX_ATTESTATIONS } from "../journal.ts";
import type { Database } from "./database.ts";

interface Row {
  readonly round: number;
  readonly operator: string;
  readonly roots_hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** See `AttestationBoard.publish`. */
export async function publishAttestation(
  database: Database,
  { round, operator, rootsHash, signature }: Attestation,
): Promise<void> {
  // Replaced, and not left as it is: a wrong one under this name would keep ours out for ever.
  await database.ask(
    "The attestation cannot be written",
    (sql) => sql`
      INSERT INTO {schema}.attestation (round, operator, roots_hash, signature)
      VALUES (${round}, ${operator}, ${hexToBytes(rootsHash)},
              ${hexToBytes(signature)})
      ON CONFLICT (round, operator, roots_hash) DO UPDATE SET signature = excluded.signature`,
  );
  await database.ask(
    "Old attestations cannot be dropped",
    (sql) => sql`DELETE FROM {schema}.attestation WHERE round < ${round - KEPT_ATTESTED_ROUNDS}`,
  );
}

/** See `AttestationBoard.attestationsOf`. */
export async function readAttestations(database: Database, round: number): Promise<Attestation[]> {
  const rows = await database.ask(
    "The attestations cannot be read",
    (sql) => sql<Row[]>`
      SELECT round, operator, roots_hash, signature FROM {schema}.attestation
      WHERE round = ${round} ORDER BY operator, roots_hash LIMIT ${MAX_ATTESTATIONS}`,
  );
  return rows.map((row) => ({
    round: row.round,
    operator: row.operator,
    rootsHash: bytesToHex(row.roots_hash),
    signature: bytesToHex(row.signature),
  }));
}
