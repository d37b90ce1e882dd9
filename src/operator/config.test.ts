import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Secret } from "../base/secret.ts";
import {
  DATABASE_VARIABLE,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  parseConfig,
  RPC_VARIABLE,
  readConfig,
} from "./config.ts";

const KEY = `0x${"ab".repeat(32)}`;
const BASE = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
const GOOD = {
  rpc: ["http://127.0.0.1:8545"],
  mediator: "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
  markets: [{ base: BASE, quote: QUOTE, lot: "100", tick: "1" }],
};

function parse(json: unknown, environment: NodeJS.ProcessEnv = { [KEY_VARIABLE]: KEY }) {
  return parseConfig(json, environment, "quarterdeck.json");
}

describe("the configuration", () => {
  it("fills in defaults and reads money as bigint", () => {
    const config = parse(GOOD);
    expect(config.confirmations).toBe(12);
    expect(config.minBalance).toBe(10n ** 19n);
    expect(config.markets[0]?.lot).toBe(100n);
  });

  it("takes endpoints from the environment", () => {
    const environment = { [KEY_VARIABLE]: KEY, [RPC_VARIABLE]: "http://a:1,http://b:2" };
    expect(parse(GOOD, environment).rpc).toEqual(["http://a:1", "http://b:2"]);
  });

  it.each([
    [{ ...GOOD, mediator: "0x12" }, /quarterdeck\.json: mediator: /],
    [{ ...GOOD, port: 70_000 }, /port: /],
    [{ ...GOOD, rpc: [] }, /rpc: Expected at least one endpoint/],
    [{ ...GOOD, rpc: ["ftp://x"] }, /rpc\.0: /],
    [{ ...GOOD, markets: [{ ...GOOD.markets[0], lot: "0" }] }, /markets\.0\.lot: .*above zero/],
    [{ ...GOOD, markets: [{ ...GOOD.markets[0], tick: 1 }] }, /markets\.0\.tick: /],
    [{ ...GOOD, colour: "red" }, /colour/],
    [[], /the whole/],
  ])("names the field that is wrong: %#", (json, message) => {
    expect(() => parse(json)).toThrow(message);
  });

  it("names a parameter of the database's URL that cannot be honoured, from wherever it comes", () => {
    const url = "postgres://u:hunter2@db/x?sslcrl=/a";
    const shared = { ...GOOD, publicUrl: "http://a", database: { url } };
    expect(() => parse(shared)).toThrow(/database\.url: .*sslcrl=\/a cannot be honoured/);
    expect(() => parse(shared)).not.toThrow("hunter2");
    const environment = { [KEY_VARIABLE]: KEY, [DATABASE_VARIABLE]: url };
    const open = { ...GOOD, publicUrl: "http://a" };
    expect(() => parse(open, environment)).toThrow(/QUARTERDECK_DATABASE: .*sslcrl=\/a cannot/);
  });

  it("never shows a key, not even a wrong one", () => {
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).toThrow(KEY_VARIABLE);
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).not.toThrow("secret");
    expect(() => parse(GOOD, {})).toThrow(/is not set/);
    expect(inspect(parse(GOOD), { depth: 9 })).not.toContain("abab");
    expect(() => parse({ ...GOOD, privateKey: KEY })).toThrow(/privateKey: .*keystore import/);
    expect(() => parse({ ...GOOD, privateKey: KEY })).not.toThrow("abab");
  });

  it("never shows the text of a file that is no JSON", () => {
    const folder = mkdtempSync(join(tmpdir(), "quarterdeck-config-"));
    const file = join(folder, "quarterdeck.json");
    for (const text of [KEY, `{"privateKey": ${KEY}}`, `{"a": "${KEY}`]) {
      writeFileSync(file, text);
      expect(() => readConfig(file, {})).toThrow(/quarterdeck\.json is no JSON/);
      expect(() => readConfig(file, {})).not.toThrow("abab");
    }
    rmSync(folder, { recursive: true });
  });
});

describe("the operator's key", () => {
  const keystore = { path: "key.json", passwordFile: "password.txt" };
  const web3signer = { url: "https://signer.example:9000/", address: BASE.toLowerCase() };

  it("is in the environment, in a keystore, or in Web3Signer", () => {
    const bare = parse(GOOD).key;
    expect(bare.kind === "privateKey" && bare.privateKey.reveal()).toBe(KEY);
    expect(parse({ ...GOOD, keystore }, {}).key).toEqual({
      kind: "keystore",
      path: "key.json",
      password: { file: "password.txt" },
    });
    expect(parse({ ...GOOD, web3signer }, {}).key).toEqual({
      kind: "web3signer",
      url: "https://signer.example:9000",
      address: BASE,
      timeoutMs: 2000,
    });
    const there = { [PASSWORD_VARIABLE]: "pass word", [KEY_VARIABLE]: "" };
    const withPassword = parse({ ...GOOD, keystore: { path: "key.json" } }, there).key;
    const password = withPassword.kind === "keystore" ? withPassword.password : undefined;
    expect(password instanceof Secret && password.reveal()).toBe("pass word");
  });

  const bare = { [KEY_VARIABLE]: KEY };
  const word = { [PASSWORD_VARIABLE]: "hunter2" };
  it.each<[object, NodeJS.ProcessEnv, RegExp]>([
    [{}, {}, /No key is named: .*keystore new/],
    [{ keystore }, bare, /in QUARTERDECK_PRIVATE_KEY and in keystore\. Keep one/],
    [{ web3signer }, bare, /in QUARTERDECK_PRIVATE_KEY and in web3signer\./],
    [{ keystore, web3signer }, {}, /in keystore and in web3signer\./],
    [{ keystore }, word, /passwordFile is named, and QUARTERDECK_KEYSTORE_PASSWORD is set/],
    [{ keystore: { path: "key.json" } }, {}, /passwordFile is not named, and QUARTERDECK_KEY/],
    [{}, { ...bare, ...word }, /QUARTERDECK_KEYSTORE_PASSWORD is set, and there is no keystore/],
    [{}, { [KEY_VARIABLE]: `0x${"00".repeat(32)}` }, /is no private key of secp256k1/],
    [{}, { [KEY_VARIABLE]: `0x${"ff".repeat(32)}` }, /is no private key of secp256k1/],
    [{ keystore: { path: "" } }, {}, /keystore\.path: Expected a file/],
    [{ keystore: { ...keystore, password: "hunter2" } }, {}, /keystore: .*password/],
    [{ web3signer: { ...web3signer, url: "signer:9000" } }, {}, /web3signer\.url: Expected/],
    [{ web3signer: { ...web3signer, url: "http://u:hunter2@s" } }, {}, /url: .*without user/],
    [{ web3signer: { ...web3signer, address: "0x12" } }, {}, /web3signer\.address: /],
    [{ web3signer: { url: web3signer.url } }, {}, /web3signer\.address: /],
    [{ web3signer: { ...web3signer, timeoutMs: 1 } }, {}, /web3signer\.timeoutMs: /],
  ])("is named once and rightly: %#", (fields, environment, message) => {
    expect(() => parse({ ...GOOD, ...fields }, environment)).toThrow(message);
    expect(() => parse({ ...GOOD, ...fields }, environment)).not.toThrow(/hunter2|abab/);
  });
});
