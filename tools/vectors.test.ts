import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { messageVectors, sumTreeVectors, vectorFiles } from "./vectors.ts";

test.each(vectorFiles())("$path is what tools/vectors.ts writes", ({ path, content }) => {
  expect(readFileSync(path, "utf8"), "run: node tools/vectors.ts").toBe(content);
});

/** Every object of arrays in the file has arrays of one length, so that one index reads a row. */
function expectRows(columns: object): void {
  const lengths = Object.values(columns)
    .filter(Array.isArray)
    .map((column) => column.length);
  expect(new Set(lengths).size).toBeLessThanOrEqual(1);
}

test("rows are flat arrays of equal length", () => {
  for (const columns of Object.values(sumTreeVectors())) expectRows(columns);
  for (const columns of Object.values(messageVectors())) expectRows(columns);
});

test("only proofs of the trees as they are, and one of each shared balance, are valid", () => {
  const { rows } = sumTreeVectors();
  const valid = new Map<string, boolean[]>();
  rows?.label?.forEach((label, i) => {
    const kind = String(label).endsWith("leaves") ? "as it is" : String(label);
    valid.set(kind, [...(valid.get(kind) ?? []), rows.valid?.[i] === true]);
  });
  for (const [kind, outcomes] of valid) {
    if (kind === "as it is") expect(outcomes).not.toContain(false);
    else if (kind === "shared balance") expect(outcomes).toEqual([true, false, false, true]);
    else expect(outcomes).not.toContain(true);
  }
  expect(valid.size).toBeGreaterThan(10);
});

test("signatures that are somebody's, somebody else's and nobody's are among the messages", () => {
  for (const kind of ["orders", "fills"]) {
    const columns = messageVectors()[kind] as Record<string, string[]>;
    const signers = columns.signer as string[];
    const counts = new Map<string, number>();
    for (const signer of signers) counts.set(signer, (counts.get(signer) ?? 0) + 1);
    expect(counts.get(signers[0] as string)).toBe(8 + 2 + 3 + 5 + 8);
    expect(counts.get(`0x${"0".repeat(40)}`)).toBeGreaterThanOrEqual(4);
    expect(counts.size).toBeGreaterThan(3);
  }
});
