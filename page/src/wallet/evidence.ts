/** Evidence out of this browser as a file, and into it from one, held against the chain first. */
import { nobleCurve } from "../../../src/base/curve.ts";
import type { Address } from "../../../src/base/hex.ts";
import { MediatorReader } from "../../../src/chain/contracts/mediator.ts";
import { connect } from "../../../src/chain/rpc/rpc.ts";
import {
  CheckedEvidence,
  type RejectedEvidence,
} from "../../../src/client/evidence/checkedEvidence.ts";
import { MemoryEvidence, roundOf } from "../../../src/client/evidence/evidence.ts";
import { formatRecord } from "../../../src/client/evidence/records.ts";
import {
  exportEvidence,
  type MergeReport,
  mergeEvidence,
} from "../../../src/client/evidence/transfer.ts";
import type { Round } from "../../../src/protocol/units.ts";
import { openEvidence, required } from "./accounts.ts";
import { account, audited } from "./state.ts";

export interface EvidenceFile {
  readonly name: string;
  /** A line of JSON for each record. */
  readonly text: string;
  readonly records: number;
}

export interface ImportReport extends MergeReport {
  /** Evidence of the file that does not hold against the chain, or is another account's. */
  readonly rejected: readonly RejectedEvidence[];
}

/** Everything that this browser keeps for the account, as the commands and the library read it. */
export async function exportToFile(): Promise<EvidenceFile> {
  const client = accountAddress();
  const store = await openEvidence(client);
  const lines: string[] = [];
  for await (const line of exportEvidence(store)) lines.push(`${line}\n`);
  await store.close();
  const { mediator } = required().facts;
  const name = `quarterdeck-evidence-${mediator.slice(2, 10)}-${client.slice(2, 10)}.jsonl`;
  return { name, text: lines.join(""), records: lines.length };
}

/**
 * Takes over what a file holds for this account. Nothing that the chain contradicts gets in: a
 * false proof would keep out the true one. Throws what the endpoint of the chain says.
 */
export async function importFile(text: string): Promise<ImportReport> {
  const client = accountAddress();
  const file = new MemoryEvidence();
  const read = await mergeEvidence(file, text.split("\n"));
  const { lines, rejected } = await holdAgainstChain(file, client);
  const store = await openEvidence(client);
  const kept = await mergeEvidence(store, lines);
  let records = 0;
  for await (const _ of store.records()) records += 1;
  await store.close();
  if (audited.value !== undefined) audited.value = { ...audited.value, records };
  const contradicted = kept.refused.map(({ problem }) => ({ line: 0, problem }));
  return { ...kept, refused: [...read.refused, ...contradicted], rejected };
}

/** The lines of what holds, and all that does not. */
async function holdAgainstChain(file: MemoryEvidence, client: Address) {
  const { facts, rpc } = required();
  const reader = new MediatorReader(connect([rpc], { chainId: facts.chainId }), facts.mediator);
  const constants = await reader.constants();
  const checked = new CheckedEvidence({
    store: file,
    reader,
    constants,
    client,
    curve: nobleCurve,
  });
  const lines: string[] = [];
  for (const round of await roundsOf(file)) {
    for (const one of await checked.proofs(round))
      lines.push(formatRecord({ kind: "proof", ...one }));
    for (const { orderHash, signed, fill } of await checked.orders(round)) {
      lines.push(formatRecord({ kind: "order", orderHash, signed }));
      if (fill !== undefined) lines.push(formatRecord({ kind: "fill", fill }));
    }
    for (const { statement, signature, countersignature = null } of await checked.statements(
      round,
    )) {
      lines.push(formatRecord({ kind: "statement", statement, signature, countersignature }));
    }
  }
  return { lines, rejected: checked.rejected };
}

async function roundsOf(file: MemoryEvidence): Promise<Round[]> {
  const rounds = new Set<Round>();
  for await (const record of file.records()) rounds.add(roundOf(record));
  return [...rounds].sort((a, b) => a - b);
}

function accountAddress(): Address {
  const address = account.value?.address;
  if (address === undefined) throw new Error("Connect the account whose evidence it is first.");
  return address;
}
