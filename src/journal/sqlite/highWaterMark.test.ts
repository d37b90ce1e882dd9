import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesToHex } from "../../base/hex.ts";
import { readHighWaterMark, startHighWaterMark } from "./highWaterMark.ts";
import { temporaryDirectory } from "./storage.testkit.ts";

const hashOf = (value: number) => new Uint8Array(32).fill(value);
const headOf = (value: number) => ({ sequence: value, hash: bytesToHex(hashOf(value)) });

function witnessFile(): string {
  const directory = join(temporaryDirectory(), "storage");
  mkdirSync(directory);
  return join(directory, "acknowledged");
}

test("the mark remembers the last record noted, also while it is open", () => {
  const file = witnessFile();
  const highWaterMark = startHighWaterMark(file, 0, hashOf(0));
  expect(readHighWaterMark(file)).toEqual(headOf(0));
  for (const sequence of [1, 2, 3]) {
    highWaterMark.note(sequence, hashOf(sequence));
    expect(readHighWaterMark(file)).toEqual(headOf(sequence));
  }
  highWaterMark.close();
  expect(readHighWaterMark(file)).toEqual(headOf(3));
});

test("a mark that starts again forgets what it remembered, even when that was later", () => {
  const file = witnessFile();
  const highWaterMark = startHighWaterMark(file, 8, hashOf(8));
  highWaterMark.note(9, hashOf(9));
  highWaterMark.close();
  startHighWaterMark(file, 5, hashOf(5)).close();
  expect(readHighWaterMark(file)).toEqual(headOf(5));
});

test("a torn note leaves the one before", () => {
  const file = witnessFile();
  const highWaterMark = startHighWaterMark(file, 1, hashOf(1));
  highWaterMark.note(2, hashOf(2));
  highWaterMark.close();
  const bytes = readFileSync(file);
  bytes.fill(0, 512 + 20, 512 + 30);
  writeFileSync(file, bytes);
  expect(readHighWaterMark(file)).toEqual(headOf(1));
});

test("a file that is missing, empty or shorn remembers nothing", () => {
  const file = witnessFile();
  expect(readHighWaterMark(file)).toBeUndefined();
  startHighWaterMark(file, 1, hashOf(1)).close();
  truncateSync(file, 30);
  expect(readHighWaterMark(file)).toBeUndefined();
  truncateSync(file, 0);
  expect(readHighWaterMark(file)).toBeUndefined();
});
