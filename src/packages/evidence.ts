/** `@quarterdeck/client/evidence`: what a client keeps, where, and how it is moved. */
export {
  CheckedEvidence,
  type CheckedEvidenceOptions,
  type RejectedEvidence,
} from "../client/evidence/checkedEvidence.ts";
export {
  type EvidenceArchive,
  type EvidenceRecord,
  type EvidenceStore,
  MemoryEvidence,
  type OrderEvidence,
  type ProofRecord,
} from "../client/evidence/evidence.ts";
export { IndexedDbEvidence } from "../client/evidence/indexedDbEvidence.ts";
export { formatRecord, type ReadRecord, readRecord } from "../client/evidence/records.ts";
export {
  exportEvidence,
  type MergeReport,
  mergeEvidence,
  type RefusedLine,
} from "../client/evidence/transfer.ts";
