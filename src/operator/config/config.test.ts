import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../base/secret.ts";
import {
  DATABASE_VARIABLE,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  parseConfig,
  RPC_VARIABLE,
  readAccess,
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
  it("the configuration fills in defaults and reads money as bigint", () => {
    const config = parse(GOOD);
    expect(config.confirmations).toBe(12);
    expect(config.minBalance).toBe(10n ** 19n);
    expect(config.markets[0]?.lot).toBe(100n);
  });

  it("the configuration takes endpoints from the environment", () => {
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
  ])("the configuration names the field that is wrong: %#", (json, message) => {
    expect(() => parse(json)).toThrow(message);
  });

  it("the configuration names a parameter of the database's URL that is not honoured", () => {
    const url = "postgres://u:hunter2@db/x?sslcrl=/a";
    const shared = { ...GOOD, publicUrl: "http://a", database: { url } };
    expect(() => parse(shared)).toThrow(/database\.url: .*sslcrl=\/a cannot be honoured/);
    expect(() => parse(shared)).not.toThrow("hunter2");
    const environment = { [KEY_VARIABLE]: KEY, [DATABASE_VARIABLE]: url };
    const open = { ...GOOD, publicUrl: "http://a" };
    expect(() => parse(open, environment)).toThrow(/QUARTERDECK_DATABASE: .*sslcrl=\/a cannot/);
  });

  it("the configuration never shows a key, not even a wrong one", () => {
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).toThrow(KEY_VARIABLE);
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).not.toThrow("secret");
    expect(() => parse(GOOD, {})).toThrow(/is not set/);
    expect(inspect(parse(GOOD), { depth: 9 })).not.toContain("abab");
    expect(() => parse({ ...GOOD, privateKey: KEY })).toThrow(/privateKey: .*keystore import/);
    expect(() => parse({ ...GOOD, privateKey: KEY })).not.toThrow("abab");
  });

  it("the configuration never shows the text of a file that is no JSON", () => {
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

describe("variables of the environment", () => {
  const withVariables = (more: NodeJS.ProcessEnv, json: object = GOOD) =>
    parse(json, { [KEY_VARIABLE]: KEY, ...more });

  it.each(["", "  "])("variables count as unset where they are empty: %j", (empty) => {
    const config = withVariables({ [RPC_VARIABLE]: empty, [DATABASE_VARIABLE]: empty });
    expect(config.rpc).toEqual(GOOD.rpc);
    expect(config.database).toBeUndefined();
    const shared = { ...GOOD, database: { url: "postgres://a/b" }, publicUrl: "https://a.example" };
    const both = withVariables({ [DATABASE_VARIABLE]: empty }, shared);
    expect(both.database?.url).toBe("postgres://a/b");
  });

  it.each(["", "  ", "\n"])(
    "variables of a key count as unset where they are blank: %j",
    (blank) => {
      const keystore = { path: "key.json", passwordFile: "password.txt" };
      const blanks = { [KEY_VARIABLE]: blank, [PASSWORD_VARIABLE]: blank };
      expect(parse({ ...GOOD, keystore }, blanks).key.kind).toBe("keystore");
      expect(() => parse(GOOD, blanks)).toThrow(/^No key is named/);
    },
  );

  it("variables keep the blanks of a password", () => {
    const given = { [PASSWORD_VARIABLE]: " pass word " };
    const { key } = parse({ ...GOOD, keystore: { path: "key.json" } }, given);
    const password = key.kind === "keystore" ? key.password : undefined;
    expect(password instanceof Secret && password.reveal()).toBe(" pass word ");
  });

  it.each(["http://a:1,", " http://a:1 , ", ",http://a:1,,"])(
    "variables may have spare commas: %j",
    (rpc) => {
      expect(withVariables({ [RPC_VARIABLE]: rpc }).rpc).toEqual(["http://a:1"]);
    },
  );

  it.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ [RPC_VARIABLE]: "a:1" }, /^QUARTERDECK_RPC: endpoint 1: Expected a whole URL/],
    [{ [RPC_VARIABLE]: "http://a:1,b/secret" }, /^QUARTERDECK_RPC: endpoint 2: /],
    [{ [RPC_VARIABLE]: "," }, /^QUARTERDECK_RPC: Expected at least one endpoint/],
    [
      { [RPC_VARIABLE]: "http://a:1,http://a:1/" },
      /endpoint 2: is the endpoint of endpoint 1 again/,
    ],
    [{ [DATABASE_VARIABLE]: "mysql://u:secret@a/b" }, /^QUARTERDECK_DATABASE: .*postgres:\/\//],
  ])("variables are named where they are wrong, and the file is not: %#", (variables, message) => {
    expect(() => withVariables(variables)).toThrow(message);
    expect(() => withVariables(variables)).not.toThrow(/secret|quarterdeck\.json/);
  });

  it("variables leave the file to blame for what is its own", () => {
    const variables = { [KEY_VARIABLE]: KEY, [RPC_VARIABLE]: "http://a:1" };
    expect(() => parse({ ...GOOD, port: "8080" }, variables)).toThrow(/^quarterdeck\.json: port: /);
  });
});

describe("a configuration that a person mistyped", () => {
  let file: string;
  const read = (text: string) => {
    writeFileSync(file, text);
    return () => readConfig(file, { [KEY_VARIABLE]: KEY });
  };
  beforeEach(() => {
    const folder = mkdtempSync(join(tmpdir(), "quarterdeck-config-"));
    file = join(folder, "quarterdeck.json");
    return () => rmSync(folder, { recursive: true });
  });
  const text = JSON.stringify(GOOD, null, 2);
  const [market] = GOOD.markets;

  it("a configuration is read after a byte order mark, and with line ends of Windows", () => {
    expect(read(`\uFEFF${text.replaceAll("\n", "\r\n")}`)().rpc).toEqual(GOOD.rpc);
  });

  it.each([
    [
      text.replace(/\n\}$/, ",\n}"),
      /is no JSON: a comma too many at line 13, column 4\. Take it out/,
    ],
    [text.replace('"rpc"', "rpc"), /is no JSON at line 2, column 3\. Correct it; README/],
    [text.slice(0, 80), /is no JSON: it breaks off at its end/],
    ["", /is empty/],
    ['{ "a,]": [1,\n ] }', /a comma too many at line 1, column 12/],
  ])("an error tells where the text stops being JSON: %#", (broken, message) => {
    expect(read(broken)).toThrow(message);
  });

  it.each([
    [{ ...GOOD, confirmatons: 3 }, /: confirmatons: no field .*Write confirmations if you mean/],
    [{ ...GOOD, RPC: [] }, /: RPC: no field has this name\. Write rpc/],
    [
      { ...GOOD, keystore: { path: "k", passwordfile: "p" } },
      /keystore: passwordfile: .*passwordFile/,
    ],
    [
      { ...GOOD, markets: [{ ...market, colour: 1 }] },
      /markets\.0: colour: .*base, quote, lot, tick/,
    ],
    [
      { ...GOOD, guards: { memoryUsedRatio: { warns: 1 } } },
      /memoryUsedRatio: warns: .*Write warn /,
    ],
    [{ ...GOOD, port: "21998" }, /port: Expected a number without quotes/],
    [{ ...GOOD, maxTries: "10" }, /maxTries: Expected a number without quotes/],
    [{ ...GOOD, maxTries: 1.5 }, /maxTries: Expected a whole number/],
    [{ ...GOOD, maxTries: 0 }, /maxTries: Expected at least 1\./],
    [{ ...GOOD, port: 99_999 }, /port: Expected at most 65535\./],
    [{ ...GOOD, markets: [{ ...market, lot: 100 }] }, /lot: Expected text in quotes.*lose digits/],
    [{ ...GOOD, rpc: "http://127.0.0.1:8545" }, /rpc: Expected a list in \[ \], not text/],
    [{ ...GOOD, rpc: ["127.0.0.1:8545"] }, /rpc\.0: Expected a whole URL: write http/],
    [{ ...GOOD, rpc: [...GOOD.rpc, `${GOOD.rpc[0]}/`] }, /rpc\.1: is the endpoint of rpc\.0 again/],
    [{ rpc: GOOD.rpc, markets: GOOD.markets }, /mediator: is missing\./],
    [{ ...GOOD, mediator: null }, /mediator: Expected text in quotes, not null/],
    [
      { ...GOOD, mediator: BASE.replace("a3", "A3") },
      /wrong checksum\. Compare it.*differs\. Correct/,
    ],
  ])("a wrong configuration is named by file and field, with what to do: %#", (json, message) => {
    const parsing = read(JSON.stringify(json));
    expect(parsing).toThrow(message);
    expect(parsing).toThrow(/quarterdeck\.json/);
    expect(parsing).not.toThrow(/\.\./);
  });

  it("a command without an operator reads an operator's own file, as strictly", () => {
    writeFileSync(file, JSON.stringify({ ...GOOD, port: 8080, storage: "s", logs: "l" }));
    expect(readAccess(file, {})).toMatchObject({ rpc: GOOD.rpc, maxTries: 10 });
    writeFileSync(file, JSON.stringify({ ...GOOD, maxTrys: 3 }));
    expect(() => readAccess(file, {})).toThrow(/maxTrys: no field has this name\. Write maxTries/);
  });
});

describe("the operator's key", () => {
  const keystore = { path: "key.json", passwordFile: "password.txt" };
  const web3signer = { url: "https://signer.example:9000/", address: BASE.toLowerCase() };

  it("the operator's key is in the environment, in a keystore, or in Web3Signer", () => {
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
  ])("a wrong key is named once and rightly: %#", (fields, environment, message) => {
    expect(() => parse({ ...GOOD, ...fields }, environment)).toThrow(message);
    expect(() => parse({ ...GOOD, ...fields }, environment)).not.toThrow(/hunter2|abab/);
  });
});
