/**
 * Keys and passwords stay where they are: whatever an operator's process is told to do and however
 * it fails, nothing that it writes or shows holds them in any form.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Hex, hexToBytes } from "../src/base/hex.ts";
import type { Log } from "../src/base/log.ts";
import { Secret } from "../src/base/secret.ts";
import { localSigner } from "../src/chain/signer.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { sealKeystore } from "../src/keys/keystore.ts";
import { type FakeWeb3Signer, startFakeWeb3Signer } from "../src/keys/web3signer.testkit.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE, parseConfig } from "../src/operator/config/config.ts";
import { startOperator } from "../src/operator/node/node.ts";
import { freePort } from "./support/chain/anvil.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import {
  type OperatorFile,
  type OperatorProcess,
  spawnOperator,
  startOperatorProcess,
} from "./support/exchange/operatorProcess.ts";

const PASSWORD = "Tr0ub4dor & 3 horses";
const KINDS = ["a bare key", "a keystore and a file", "a keystore and a variable", "Web3Signer"];
type Kind = (typeof KINDS)[number];

let exchange: TestExchange;
let service: FakeWeb3Signer;
let folder: string;
let secrets: Buffer[];
const file = (name: string) => join(folder, name);
const key = () => exchange.anvil.keys[1] as Hex;

beforeAll(async () => {
  exchange = await startExchange();
  const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "30000");
  await exchange.settle();
  await exchange.stopOperator();
  service = await startFakeWeb3Signer([key()]);
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-secrecy-"));
  const stretching = { kdf: "scrypt", n: 2, r: 8, p: 1 } as const;
  const { text } = await sealKeystore(new Secret(key()), new Secret(PASSWORD), stretching);
  mkdirSync(file("keys"));
  writeFileSync(file("keys/key.json"), text, { mode: 0o600 });
  writeFileSync(file("keys/password"), `${PASSWORD}\n`, { mode: 0o600 });
  secrets = [...formsOf(Buffer.from(hexToBytes(key()))), ...formsOf(Buffer.from(PASSWORD))];
});
afterAll(async () => {
  await service.close();
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Every form in which somebody might write it. */
function formsOf(secret: Buffer): Buffer[] {
  const hex = secret.toString("hex");
  const texts = [
    hex,
    hex.toUpperCase(),
    BigInt(`0x${hex}`).toString(),
    secret.toString("base64"),
    secret.toString("base64url"),
    Buffer.from(hex).toString("base64").slice(0, 40),
    Buffer.from(`0x${hex}`).toString("base64").slice(0, 40),
    [...secret].join(","),
    encodeURIComponent(secret.toString("latin1")),
  ];
  return [secret, ...texts.map((text) => Buffer.from(text))];
}

/** Fails when `bytes` hold a secret, without showing it. */
function expectNothingIn(bytes: Buffer | string, what: string): void {
  const haystack = Buffer.from(bytes);
  const found = secrets.findIndex((secret) => haystack.includes(secret));
  expect(found, `${what} holds a secret in form ${found}`).toBe(-1);
}

/** Looks through every file below the folder but the keys' own. */
function expectNothingWritten(): void {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(file("keys")));
  expect(names.some((path) => path.endsWith(".sqlite"))).toBe(true);
  for (const path of names) expectNothingIn(readFileSync(path), path);
}

function expectNothingShown(operator: OperatorProcess): void {
  expectNothingIn(operator.output(), "its standard output");
  expectNothingIn(operator.complaint(), "its standard error");
}

function configOf(kind: Kind, port: number): OperatorFile {
  const { weth, usdc, mediator, anvil } = exchange;
  const keystore = { path: file("keys/key.json") };
  const { address } = localSigner(key());
  return {
    rpc: [anvil.url],
    mediator,
    markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
    confirmations: 1,
    port,
    storage: file("storage"),
    logs: file("logs"),
    pollMs: 20,
    maxTries: 2,
    ...(kind === KINDS[1] && { keystore: { ...keystore, passwordFile: file("keys/password") } }),
    ...(kind === KINDS[2] && { keystore }),
    ...(kind === KINDS[3] && { web3signer: { url: service.url, address } }),
  };
}

function environmentOf(kind: Kind): Record<string, string> {
  if (kind === KINDS[0]) return { [KEY_VARIABLE]: key() };
  return kind === KINDS[2] ? { [PASSWORD_VARIABLE]: PASSWORD } : {};
}

async function trade(url: string, round: number): Promise<void> {
  const join = (index: number) =>
    ExchangeClient.join({
      operator: url,
      rpc: [exchange.anvil.url],
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2 + index] as Hex,
      evidence: new MemoryEvidence(),
      pollMs: 20,
    });
  const [ada, bob] = [await join(0), await join(1)];
  const order = { market: "WETH/USDC", price: "3000", amount: "0.1" };
  await ada.createOrder({ ...order, side: "sell" });
  const bought = await bob.createOrder({ ...order, side: "buy" });
  expect(bought.fill?.signature).toBeDefined();
  expect((await ada.fetchOrders(round)).every(({ fill }) => fill !== null)).toBe(true);
}

describe.each(KINDS)("an operator with %s", (kind) => {
  const spawnWith = (port: number, changes: object) => {
    const config = { ...configOf(kind, port), ...changes };
    const options = { environment: environmentOf(kind), loud: true };
    return spawnOperator(file(`${port}.json`), config, key(), options);
  };

  it("an operator shows no secret while it signs, reports, is signalled and killed", async () => {
    const port = await freePort();
    const reports = `--report-on-signal --report-directory=${folder}`;
    const environment = { ...environmentOf(kind), NODE_OPTIONS: reports };
    const options = { environment, loud: true };
    const operator = await startOperatorProcess(
      file("running.json"),
      configOf(kind, port),
      key(),
      options,
    );
    onTestFinished(async () => void (await operator.kill("SIGKILL")));
    await trade(operator.url, 0);

    for (const name of ["cmdline", "comm", "status"]) {
      expectNothingIn(readFileSync(`/proc/${operator.pid}/${name}`), name);
    }
    for (const path of ["/v1/exchange", "/health", "/metrics"]) {
      expectNothingIn(await (await fetch(operator.url + path)).text(), path);
    }
    process.kill(operator.pid, "SIGUSR1");
    await until("the debugger is refused", () => /SIGUSR1 is ignored/.test(operator.complaint()));
    expect(operator.complaint()).not.toMatch(/Debugger listening/);
    const before = reportsWritten();
    process.kill(operator.pid, "SIGUSR2");
    await until("a report is written", () => reportsWritten() > before);

    expect(operator.output()).toMatch(/serving/);
    await operator.kill("SIGABRT");
    expectNothingShown(operator);
    expectNothingWritten();
  });

  it("an operator shows no secrets when it cannot start", async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const failures: [object, RegExp][] = [
      [{ rpc: [nobody] }, /No chain endpoint answered/],
      [{ mediator: "0x00000000000000000000000000000000000000aa" }, /There is no contract/],
      [{ storage: file("running.json") }, /running\.json/],
      [{ privateKey: key(), password: PASSWORD }, /privateKey: a configuration is no place/],
    ];
    const fail = async ([changes, message]: (typeof failures)[number]) => {
      const operator = spawnWith(await freePort(), changes);
      const code = await operator.ended;
      // One of these files was given the secrets.
      rmSync(file(`${new URL(operator.url).port}.json`));
      expect(code).toBeGreaterThan(0);
      expect(operator.complaint()).toMatch(message);
      expectNothingShown(operator);
    };
    await Promise.all(failures.map(fail));
    expectNothingWritten();
  });

  it("an operator shows no secrets in errors, however they are printed", async () => {
    const log: Log = { info() {}, warn() {}, error() {}, flush: async () => {} };
    const config = { ...configOf(kind, 0), rpc: ["http://127.0.0.1:1"], maxTries: 1 };
    const parsed = parseConfig(config, environmentOf(kind), "test");
    expectNothingIn(inspect(parsed, { depth: 20, showHidden: true }), "the configuration");
    expectNothingIn(JSON.stringify(parsed, jsonable), "the configuration as JSON");
    const error = await startOperator(parsed, log).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "RpcUnavailable" });
    expectNothingIn(inspect(error, { depth: 20, showHidden: true }), "the error");
    expectNothingIn(JSON.stringify(error, jsonable), "the error as JSON");
  });
});

function jsonable(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function reportsWritten(): number {
  return readdirSync(folder).filter((name) => /^report\..*\.json$/.test(name)).length;
}
