import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readKeyFile, readPasswordFile, writeKeyFile } from "./keyFiles.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-keys-"));
  file = join(folder, "key");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(text: string, mode: number): string {
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe("a key file that is read", () => {
  it.each([0o600, 0o400, 0o700])("a key file may be its owner's alone: %o", async (mode) => {
    const { text, warning } = await readKeyFile(put("k", mode), "keystore.path");
    expect(text.reveal()).toBe("k");
    expect(warning).toBeUndefined();
  });

  it.each([0o640, 0o440])("a key file that its group may read has a warning: %o", async (mode) => {
    const { text, warning } = await readKeyFile(put("k", mode), "keystore.path");
    expect(text.reveal()).toBe("k");
    expect(warning).toContain(`${file} has permissions ${mode.toString(8)}: its group may read it`);
  });

  it.each([0o644, 0o604, 0o602, 0o620, 0o601, 0o777])("%o exposes the key file", async (mode) => {
    const attempt = readKeyFile(put("k", mode), "keystore.path");
    await expect(attempt).rejects.toMatchObject({ code: "KeyFileExposed" });
    await expect(attempt).rejects.toThrow(/^keystore\.path: .*chmod 600/);
  });

  it("a key file must exist, be a file, and be short", async () => {
    for (const path of [join(folder, "none"), folder, put("x".repeat(70_000), 0o600)]) {
      const attempt = readKeyFile(path, "keystore.path");
      await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^KeyFile/) });
      await expect(attempt).rejects.toThrow(/^keystore\.path: /);
    }
  });
});

describe("a password file", () => {
  it.each([
    ["secret", "secret"],
    ["secret\n", "secret"],
    ["secret\r\n", "secret"],
    ["secret\n\n", "secret\n"],
    [" se cret ", " se cret "],
  ])("a password file loses the end of its line and nothing else: %j", async (text, password) => {
    const read = await readPasswordFile(put(text, 0o600), "keystore.passwordFile");
    expect(read.text.reveal()).toBe(password);
  });

  it.each(["", "\n"])("a password file must hold something: %j", async (text) => {
    const attempt = readPasswordFile(put(text, 0o600), "keystore.passwordFile");
    await expect(attempt).rejects.toThrow(/^keystore\.passwordFile: .* is empty/);
  });
});

describe("a key file that is written", () => {
  it("a new key file is its owner's alone, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      await writeKeyFile(file, "k\n");
    } finally {
      process.umask(before);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await readKeyFile(file, "x")).text.reveal()).toBe("k\n");
  });

  it("a new key file never replaces another", async () => {
    put("the only key", 0o600);
    const attempt = writeKeyFile(file, "k");
    await expect(attempt).rejects.toMatchObject({ code: "KeystoreExists" });
    expect(readFileSync(file, "utf8")).toBe("the only key");
  });

  it("a key file that cannot be written is refused with its reason, and not begun", async () => {
    const attempt = writeKeyFile(join(folder, "no-such-folder", "key"), "k");
    await expect(attempt).rejects.toMatchObject({ code: "KeystoreUnwritable" });
    expect(readdirSync(folder)).toEqual([]);
  });
});
