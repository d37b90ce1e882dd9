import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { databaseFolder } from "./databaseFolder.ts";

test("the folder is the same at the first start as later, however deep the storage is", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-database-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const storage = join(folder, "deep", "storage");
  const first = databaseFolder(storage);
  mkdirSync(storage, { recursive: true });
  expect(databaseFolder(storage)).toBe(first);
  expect(first).toBe(join(storage, "postgres"));
});
