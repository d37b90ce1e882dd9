import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandFile } from "../../test/support/exchange/commandFile.ts";
import type { Hex } from "../base/hex.ts";
import { localSigner } from "../chain/signer.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../keys/keySource.ts";
import { FOUNDRY_FILE } from "../keys/keystores.testkit.ts";
import { EXIT_CONFIGURATION } from "./report.ts";

const KEY: Hex = `0x${"4c".repeat(32)}`;
const PASSWORD = "correct horse battery";

let folder: string;
let passwordFile: string;
const path = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-cli-"));
  passwordFile = path("password.txt");
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  chmodSync(passwordFile, 0o600);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with nothing but `environment` of ours set. */
function keystore(args: string[], input = "", environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...environment };
  for (const name of [KEY_VARIABLE, PASSWORD_VARIABLE]) {
    if (environment[name] === undefined) delete env[name];
  }
  const child = spawn(process.execPath, [commandFile("cli/main"), "keystore", ...args], { env });
  child.stdin.end(input);
  const seen = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => {
    seen.stdout += part;
  });
  child.stderr.on("data", (part) => {
    seen.stderr += part;
  });
  return new Promise<Outcome>((resolve) => {
    child.once("close", (code) => resolve({ code, ...seen }));
  });
}

describe("quarterdeck keystore", () => {
  it("the command makes a keystore with a new key, prints its address, replaces none", async () => {
    const args = ["new", "--out", path("new.json"), "--password-file", passwordFile];
    const made = await keystore(args);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toMatch(/^0x[0-9a-fA-F]{40}\n$/);
    expect(statSync(path("new.json")).mode & 0o777).toBe(0o600);
    const written = readFileSync(path("new.json"), "utf8");
    expect(JSON.parse(written)).toMatchObject({
      version: 3,
      address: made.stdout.trim().slice(2).toLowerCase(),
      crypto: { kdf: "scrypt", kdfparams: { n: 2 ** 18, r: 8, p: 1 } },
    });
    const again = await keystore(args);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toMatch(/new\.json exists, and no key is ever overwritten/);
    expect(readFileSync(path("new.json"), "utf8")).toBe(written);
    const shown = await keystore(["address", path("new.json")]);
    expect(shown).toEqual({ code: 0, stdout: made.stdout, stderr: "" });
  });

  it.each<[string, string, NodeJS.ProcessEnv]>([
    ["standard input", `${KEY.slice(2)}\n`, { [PASSWORD_VARIABLE]: PASSWORD }],
    ["standard input, with blank variables", KEY, { [KEY_VARIABLE]: " " }],
    ["the environment", "", { [KEY_VARIABLE]: KEY }],
  ])("a key from %s is imported, and its keystore opens", async (name, input, environment) => {
    const withFile = environment[PASSWORD_VARIABLE] === undefined;
    const given = withFile ? ["--password-file", passwordFile] : [];
    const args = ["import", "--out", path(`${name}.json`), ...given];
    const made = await keystore(args, input, environment);
    expect(made).toEqual({ code: 0, stdout: `${localSigner(KEY).address}\n`, stderr: "" });
  });

  it("the command tells the address of Foundry's keystores by their password only", async () => {
    const file = path("foundry.json");
    writeFileSync(file, JSON.stringify(FOUNDRY_FILE.json), { mode: 0o600 });
    const blind = await keystore(["address", file]);
    expect(blind).toMatchObject({ code: 1, stdout: "" });
    expect(blind.stderr).toMatch(/does not say its address.*--password-file/);
    const wrong = await keystore(["address", file, "--password-file", passwordFile]);
    expect(wrong).toMatchObject({ code: EXIT_CONFIGURATION, stdout: "" });
    expect(wrong.stderr).toMatch(/password does not open .*foundry\.json/);
  });

  it.each([
    ["", /no private key/],
    [`${KEY}ff`, /no private key/],
    ["00".repeat(32), /no private/],
  ])("the command shows nothing of a key that is none: %#", async (input, message) => {
    const out = path("never.json");
    const args = ["import", "--out", out, "--password-file", passwordFile];
    const refused = await keystore(args, input);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(message);
    expect(refused.stderr).not.toContain("4c4c");
  });

  it("the command wants a password, and a file of it that others cannot read", async () => {
    const none = await keystore(["new", "--out", path("never.json")]);
    expect(none.stderr).toMatch(/No password is given.*--password-file/);
    const exposed = path("exposed.txt");
    writeFileSync(exposed, PASSWORD);
    chmodSync(exposed, 0o644);
    const refused = await keystore([
      "new",
      "--out",
      path("never.json"),
      "--password-file",
      exposed,
    ]);
    expect(refused).toMatchObject({ code: EXIT_CONFIGURATION, stdout: "" });
    expect(refused.stderr).toMatch(/^quarterdeck: --password-file: .*chmod 600/);
  });
});
