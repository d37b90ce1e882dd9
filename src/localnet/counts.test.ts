import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Counts } from "./counts.ts";

let file: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-counts-"));
  file = join(folder, "counts.json");
  return () => rmSync(folder, { recursive: true, force: true });
});

const trades = (...counts: number[]) => new Map(counts.map((count, i) => [`operator-${i}`, count]));

test("counts go on where one source, or all of them, begin at 0 again", () => {
  const counts = new Counts(file);
  const totals = [
    trades(0, 0),
    trades(5, 4),
    trades(0, 7),
    trades(2, 9),
    trades(0, 0),
    trades(3, 3),
  ];
  const seen = totals.map((one) => {
    counts.take("trade", one);
    return counts.total("trade");
  });
  expect(seen).toEqual([0, 5, 8, 10, 10, 13]);
});

test("counts are there after a restart, and a torn file costs nothing else", () => {
  const counts = new Counts(file);
  counts.take("trade", trades(1));
  counts.take("trade", trades(4));
  counts.add("auditsPassed");
  counts.save();
  const again = new Counts(file);
  again.take("trade", trades(4));
  again.take("trade", trades(6));
  expect([again.total("trade"), again.total("auditsPassed")]).toEqual([5, 1]);
  writeFileSync(file, '{"trade": 4');
  expect(new Counts(file).total("trade")).toBe(0);
});
