import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { forget, makeFolder, openStorageFolder } from "./storageFolder.ts";

let folder: string;
let storage: string;
let database: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-storage-"));
  storage = join(folder, "storage");
  database = join(storage, "postgres");
  return () => rmSync(folder, { recursive: true, force: true });
});

function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(storage, path)), { recursive: true });
    writeFileSync(join(storage, path), path);
  }
}

const files = () => readdirSync(storage, { recursive: true, encoding: "utf8" }).sort();

const OURS = [
  "chain.json",
  "counts.json",
  "deployment.json",
  "exchange.manifest.json",
  "operator-1.json",
  "operator-3.json",
  "operator/journal.sqlite",
  "operator/journal.sqlite-wal",
  "operator-2/owner.json",
  "traders/Ada/rounds-0.jsonl",
  "traders/Ada/rounds-16.jsonl.gz",
  "traders/Bob.jsonl",
  "postgres/data/PG_VERSION",
  "postgres/data/base/1/2",
];

describe("the storage folder of npm start", () => {
  it("the storage folder is made, marked, and emptied of what npm start made", () => {
    openStorageFolder(storage);
    put(...OURS);
    expect(forget(storage, database)).toEqual([]);
    expect(files()).toEqual([".quarterdeck-local-exchange"]);
    openStorageFolder(storage);
  });

  it("the storage folder keeps what somebody put beside it, and says what that is", () => {
    openStorageFolder(storage);
    const theirs = [
      "notes.txt",
      "operator/key.json",
      "operator-1/deep/letter",
      "traders/Ada/diary",
      "traders/list.csv",
      "postgres/dump.sql",
      "mine/journal.sqlite",
    ];
    put(...OURS, ...theirs);
    const kept = forget(storage, database);
    for (const path of theirs) expect(readFileSync(join(storage, path), "utf8")).toBe(path);
    for (const path of OURS) expect(existsSync(join(storage, path)), path).toBe(false);
    expect(kept.map((path) => path.slice(storage.length + 1)).sort()).toEqual([
      "mine",
      "notes.txt",
      "operator-1/deep",
      "operator/key.json",
      "postgres/dump.sql",
      "traders/Ada",
      "traders/Ada/diary",
      "traders/list.csv",
    ]);
  });

  it.each([
    ["a real operator's journal", ["journal.sqlite", "lock.sqlite", "acknowledged"]],
    ["files of somebody", ["thesis.tex"]],
    ["even names of ours", ["chain.json", "operator/journal.sqlite"]],
  ])("the storage folder is refused, and nothing in it touched, where it holds %s", (_, theirs) => {
    put(...theirs);
    const before = files();
    for (const act of [() => forget(storage, database), () => openStorageFolder(storage)]) {
      expect(act).toThrow(/holds what npm start did not make \(.*--storage <folder>/);
      expect(act).toThrow(expect.objectContaining({ code: "ForeignFolder" }));
    }
    expect(files()).toEqual(before);
  });

  it("the storage folder goes on from an older release, and is not deleted by that alone", () => {
    put("deployment.json", "chain.json");
    expect(() => forget(storage, database)).toThrow(/did not make/);
    openStorageFolder(storage);
    expect(forget(storage, database)).toEqual([]);
  });

  it("a folder that only looks like a database is not deleted", () => {
    openStorageFolder(storage);
    put("postgres/data/photos/1.jpg");
    forget(storage, database);
    expect(files()).toContain("postgres/data/photos/1.jpg");
  });

  it.each(["--storage", "--logs"])("a storage path in use by a file is named: %s", (option) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")]) {
      expect(() => makeFolder(path, option)).toThrow(
        new RegExp(`${option}: .*file.* cannot be made a folder \\(a file is in its place\\).*npm`),
      );
    }
    expect(() => forget(file, database)).toThrow(/no folder/);
  });
});
