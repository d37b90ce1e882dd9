import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { toAddress } from "../base/address.ts";
import { Outbox } from "./outbox.ts";
import type { Alert } from "./tower.ts";

const CLIENT = toAddress(`0x${"ad".repeat(20)}`);
const FIRST: Alert = { event: "disputed", client: CLIENT, round: 7, detail: "proofs, 2 fills" };
const SECOND: Alert = { event: "failed", client: CLIENT, round: undefined, detail: 'a\n"b"' };

const THIRD: Alert = { ...FIRST, round: 8 };

const folder = mkdtempSync(join(tmpdir(), "quarterdeck-outbox-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "alerts.jsonl");

function open(at = file) {
  const problems: string[] = [];
  return { outbox: Outbox.open(at, (problem) => problems.push(problem)), problems };
}

it("an alert is pending from the moment that it is added until it is settled", () => {
  const { outbox, problems } = open();
  expect([outbox.add(FIRST), outbox.add({ ...FIRST }), outbox.add(SECOND)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(open().outbox.pending).toEqual([FIRST, SECOND]);
  outbox.settle(FIRST);
  outbox.settle(FIRST);
  expect(outbox.pending).toEqual([SECOND]);
  expect(open().outbox.pending).toEqual([SECOND]);
  outbox.settle(SECOND);
  expect(readFileSync(file, "utf8")).toBe("");
  expect(outbox.add(FIRST)).toBe(true);
  outbox.settle(FIRST);
  expect(problems).toEqual([]);
});

it("an alert of which half was written hides none of the others", () => {
  const { outbox } = open();
  outbox.add(FIRST);
  appendFileSync(file, '{"sending":{"event":"fai');
  const again = open().outbox;
  expect(again.pending).toEqual([FIRST]);
  again.add(SECOND);
  expect(open().outbox.pending).toEqual([FIRST, SECOND]);
  // A disk that is full for one alert has room for the next.
  appendFileSync(file, '{"sending":{"event":"fai');
  again.add(THIRD);
  appendFileSync(file, '{"sending":{"event":"fai');
  again.settle(SECOND);
  expect(open().outbox.pending).toEqual([FIRST, THIRD]);
  writeFileSync(file, "");
});

it("an alert that cannot be written down is told, and counts as new", () => {
  const at = join(folder, "gone", "alerts.jsonl");
  mkdirSync(join(folder, "gone"));
  const { outbox, problems } = open(at);
  rmSync(join(folder, "gone"), { recursive: true });
  expect(outbox.add(FIRST)).toBe(true);
  expect(problems).toEqual([expect.stringContaining("ENOENT")]);
});

it("an outbox that cannot be read or written says which file, and what to do", () => {
  const at = join(folder, "none", "alerts.jsonl");
  expect(() => open(at)).toThrow(/alerts\.jsonl cannot be read .*ENOENT.* Let this user read/);
});
