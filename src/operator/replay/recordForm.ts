/** The form of records: the one to write into a journal, and the one to show to people. */
import { decodeEntry, type Entry, encodeEntry, isBinary } from "../../exchange/model/entries.ts";
import { encodeBinary } from "../../exchange/model/entryBytes.ts";
import { BINARY_FORMAT } from "../../journal/journal.ts";

/** The record of an entry that has its time, in the newest form that a journal's format allows. */
export function encodeRecord(entry: Entry, format: number): Uint8Array {
  return format >= BINARY_FORMAT ? encodeBinary(entry) : encodeEntry(entry);
}

/** The entry in a record as JSON, whichever form it is stored in; `version` is that form's. */
export function shownRecord(record: Uint8Array): unknown {
  const json = isBinary(record) ? encodeEntry(decodeEntry(record)) : record;
  const shown = JSON.parse(new TextDecoder().decode(json));
  return isBinary(record) ? { ...shown, version: record[0] } : shown;
}
