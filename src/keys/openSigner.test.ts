import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { nobleCurve } from "../base/curve.ts";
import type { Hex } from "../base/hex.ts";
import type { Log } from "../base/log.ts";
import { Secret } from "../base/secret.ts";
import { localSigner } from "../chain/signer.ts";
import type { KeySource } from "./keySource.ts";
import { sealKeystore } from "./keystore.ts";
import { openSigner } from "./openSigner.ts";
import { startFakeWeb3Signer } from "./web3signer.testkit.ts";

const KEY: Hex = `0x${"4c".repeat(32)}`;
const { address } = localSigner(KEY);

let folder: string;
let logged: { event: string; fields: object }[];
let stopping: AbortController;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-signer-"));
  logged = [];
  stopping = new AbortController();
});
afterEach(() => {
  stopping.abort();
  rmSync(folder, { recursive: true, force: true });
});

function open(source: KeySource) {
  const take = (event: string, fields: object = {}) => {
    logged.push({ event, fields });
  };
  const log: Log = { info: take, warn: take, error: take, flush: async () => {} };
  return openSigner(source, { curve: nobleCurve, log, signal: stopping.signal });
}

async function files(mode = 0o600): Promise<Extract<KeySource, { kind: "keystore" }>> {
  const stretching = { kdf: "scrypt", n: 2, r: 8, p: 1 } as const;
  const { text } = await sealKeystore(new Secret(KEY), new Secret("right"), stretching);
  const path = join(folder, "key.json");
  const file = join(folder, "password.txt");
  writeFileSync(path, text);
  writeFileSync(file, "right\n");
  for (const one of [path, file]) chmodSync(one, mode);
  return { kind: "keystore", path, password: { file } };
}

it("the signer is opened by a bare key and a keystore, which sign alike", async () => {
  const sources: KeySource[] = [
    { kind: "privateKey", privateKey: new Secret(KEY) },
    await files(),
    { ...(await files()), password: new Secret("right") },
  ];
  for (const source of sources) {
    const { signer, canSign, checks } = await open(source);
    expect(signer.address).toBe(address);
    expect([canSign(), checks()]).toEqual([true, []]);
  }
  expect(logged).toEqual([]);
});

it("the signer warns of files that a group may read, and refuses those that all may", async () => {
  const source = await files(0o640);
  expect((await open(source)).signer.address).toBe(address);
  expect(logged.map(({ event }) => event)).toEqual(["keyFileShared", "keyFileShared"]);
  await expect(open(await files(0o644))).rejects.toMatchObject({ code: "KeyFileExposed" });
  chmodSync(source.path, 0o600);
  await expect(open(source)).rejects.toThrow(/^keystore\.passwordFile: /);
});

it("a password file given as a keystore is told, and nothing of it is shown", async () => {
  const { password } = await files();
  const path = password instanceof Secret ? "" : password.file;
  const attempt = open({ kind: "keystore", path, password });
  await expect(attempt).rejects.toMatchObject({ code: "BadKeystore" });
  await expect(attempt).rejects.not.toThrow("right");
});

it("the signer opens Web3Signer, and tells health and log when that signs no more", async () => {
  const service = await startFakeWeb3Signer([KEY]);
  const { url } = service;
  const source: KeySource = { kind: "web3signer", url, address, timeoutMs: 2000 };
  try {
    const { signer, canSign, checks } = await open(source);
    const domain = { chainId: 1, mediator: address };
    const sign = () => signer.signMessage(domain, new Uint8Array(32));
    expect(await sign()).toEqual(await localSigner(KEY).signMessage(domain, new Uint8Array(32)));
    expect([canSign(), checks()[0]?.state]).toEqual([true, "ok"]);
    service.keys = [];
    await expect(sign()).rejects.toMatchObject({ code: "SignerUnavailable" });
    expect([canSign(), checks()[0]?.state]).toEqual([false, "failed"]);
    expect(logged.map(({ event }) => event)).toEqual(["signerUnavailable"]);
  } finally {
    await service.close();
  }
});

it("the signer warns of a Web3Signer that others may listen to", async () => {
  const url = "http://signer.invalid:9000";
  const attempt = open({ kind: "web3signer", url, address, timeoutMs: 50 });
  await expect(attempt).rejects.toMatchObject({ code: "SignerUnavailable" });
  expect(logged.map(({ event }) => event)).toEqual(["signerInTheClear"]);
});
