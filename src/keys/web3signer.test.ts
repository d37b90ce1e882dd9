import { setTimeout as sleep } from "node:timers/promises";
import { keccak256, parseTransaction, recoverTransactionAddress } from "viem";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nobleCurve } from "../base/curve.ts";
import { type Address, bytesToHex, type Hex } from "../base/hex.ts";
import { localSigner, signerOf } from "../chain/signer.ts";
import { digest, hashFill } from "../protocol/messages.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import type { Domain } from "../protocol/units.ts";
import { type FakeWeb3Signer, type Fault, startFakeWeb3Signer } from "./web3signer.testkit.ts";
import { Web3Signer } from "./web3signer.ts";

const KEY: Hex = `0x${"4c".repeat(32)}`;
const OTHER: Hex = `0x${"5d".repeat(32)}`;
const local = localSigner(KEY);
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const TO: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

let service: FakeWeb3Signer;
let stopping: AbortController;
let changes: (string | undefined)[];
beforeEach(async () => {
  service = await startFakeWeb3Signer([OTHER, KEY]);
  stopping = new AbortController();
  changes = [];
});
afterEach(async () => {
  stopping.abort();
  await service.close();
});

function connect(options: { timeoutMs?: number; address?: Address; url?: string } = {}) {
  return Web3Signer.connect({
    url: service.url,
    address: local.address,
    timeoutMs: 2000,
    curve: nobleCurve,
    signal: stopping.signal,
    onChange: (problem) => changes.push(problem),
    ...options,
  });
}

const bytes = (...values: number[]) => new Uint8Array(values);

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1000) throw new Error("waited in vain");
    await sleep(10);
  }
}

describe("a key in Web3Signer", () => {
  it("a key in Web3Signer signs messages: the service hashes the digest's preimage", async () => {
    const signer = signerOf(await connect());
    expect(signer.address).toBe(local.address);
    const structHash = hashFill({
      orderHash: KEY,
      owner: TO,
      round: 1,
      sold: 2n,
      bought: 3n,
      sequence: 4n,
    });
    const signature = await signer.signMessage(domain, structHash);
    expect(recoverSigner(nobleCurve, domain, structHash, signature)).toBe(local.address);
    expect(signature).toEqual(await local.signMessage(domain, structHash));
    const data = service.signed.at(-1) as Hex;
    expect(keccak256(data)).toBe(bytesToHex(digest(domain, structHash)));
  });

  it("a key in Web3Signer signs transactions that it never puts together", async () => {
    const signer = signerOf(await connect());
    const transaction = {
      chainId: 31337,
      nonce: 7,
      gas: 21_000n,
      to: TO,
      data: "0x1234",
      value: 5n,
      maxFeePerGas: 9n,
      maxPriorityFeePerGas: 1n,
    } as const;
    const raw = await signer.signTransaction(transaction);
    expect(raw).toBe(await local.signTransaction(transaction));
    expect(parseTransaction(raw)).toMatchObject({ nonce: 7, to: TO.toLowerCase() });
    const serializedTransaction = raw as `0x02${string}`;
    expect(await recoverTransactionAddress({ serializedTransaction })).toBe(local.address);
  });

  it("a signature with a parity of 0 or 1 is taken, and a high s becomes low", async () => {
    const signer = await connect();
    for (let byte = 0; byte < 8; byte++) {
      const wanted = await signer.sign(bytes(byte));
      for (const kind of ["highS", "bareParity"] as const) {
        service.fault = { kind };
        expect(await signer.sign(bytes(byte))).toEqual(wanted);
        service.fault = { kind: "none" };
      }
    }
  });

  it("a key in Web3Signer must be there", async () => {
    service.keys = [OTHER];
    await expect(connect()).rejects.toMatchObject({ code: "SignerUnavailable" });
    await expect(connect()).rejects.toThrow(new RegExp(`1 keys, and none is of ${local.address}`));
  });

  it("a key in Web3Signer has no more than some requests at once", async () => {
    const signer = await connect();
    service.delay = () => sleep(5);
    const messages = Array.from({ length: 100 }, (_, i) => bytes(i));
    const signatures = await Promise.all(messages.map((message) => signer.sign(message)));
    expect(new Set(signatures.map(({ r }) => bytesToHex(r))).size).toBe(100);
    expect(service.mostOpen).toBeGreaterThan(1);
    expect(service.mostOpen).toBeLessThanOrEqual(16);
  });
});

describe("a service that does not answer well", () => {
  const passing: [string, () => Fault][] = [
    ["500", () => ({ kind: "status", status: 500, times: 2 })],
    ["503", () => ({ kind: "status", status: 503, times: 1 })],
    ["429", () => ({ kind: "status", status: 429, times: 2 })],
    ["a dropped connection", () => ({ kind: "drop", times: 2 })],
  ];
  it.each(passing)("a service is asked again after %s", async (_, fault) => {
    const signer = await connect();
    service.fault = fault();
    expect((await signer.sign(bytes(1))).s).toHaveLength(32);
    expect(changes).toEqual([]);
  });

  const lasting: [string, Fault, RegExp][] = [
    ["500", { kind: "status", status: 500, times: 99 }, /fails \(500\)\. Look into its log/],
    ["400", { kind: "status", status: 400, times: 99 }, /does not understand .*\(400\)/],
    ["403", { kind: "status", status: 403, times: 99 }, /refuses this node \(403\)/],
    ["404", { kind: "status", status: 404, times: 99 }, /does not know the key \(404\)/],
    ["a dropped connection", { kind: "drop", times: 99 }, /gives no answer \(/],
    ["a redirect", { kind: "redirect" }, /gives no answer \(/],
    ["another key", { kind: "otherKey", key: OTHER }, /signatures of 0x\w{40}, not of 0x\w{40}/],
    ["no signature", { kind: "body", text: "OK" }, /no signature/],
    ["a v of 29", { kind: "body", text: `0x${"11".repeat(64)}1d` }, /no signature/],
    ["an r of nobody", { kind: "body", text: `0x${"ff".repeat(64)}1b` }, /of nobody, not of/],
    ["too much", { kind: "body", text: "x".repeat(5_000_000) }, /more than 4194304 bytes/],
  ];
  it.each(lasting)("a service is not believed: %s", async (_, fault, message) => {
    const signer = await connect();
    service.fault = fault;
    const attempt = signer.sign(bytes(1));
    await expect(attempt).rejects.toMatchObject({ code: "SignerUnavailable" });
    await expect(attempt).rejects.toThrow(message);
    expect(signer.problem).toMatch(message);
    expect(changes).toEqual([signer.problem]);
    await expect(connect()).rejects.toMatchObject({ code: "SignerUnavailable" });
  });

  it("a service has a time for each answer", async () => {
    const signer = await connect({ timeoutMs: 500 });
    service.delay = () => sleep(5_000);
    await expect(signer.sign(bytes(1))).rejects.toThrow(/gives no answer \(none within 500 ms\)/);
  });

  it("a failed service is polled until it signs again; until then nobody waits", async () => {
    const signer = await connect();
    const fault: Fault = { kind: "otherKey", key: OTHER };
    service.fault = fault;
    const attempts = Array.from({ length: 60 }, (_, i) => signer.sign(bytes(i)));
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    expect(service.signed.length).toBeLessThan(60);
    expect(changes).toHaveLength(1);
    await expect(signer.sign(bytes(1))).rejects.toThrow(/signatures of/);

    service.keys = [OTHER];
    await until(() => changes.length === 2);
    expect(changes[1]).toMatch(/none is of/);
    service.keys = [KEY];
    service.fault = { kind: "none" };
    await until(() => signer.problem === undefined);
    expect(changes.at(-1)).toBeUndefined();
    expect((await signer.sign(bytes(1))).s).toHaveLength(32);
  });

  it("a service takes no more than it can keep up with", async () => {
    const signer = await connect();
    service.delay = () => sleep(500);
    service.fault = { kind: "otherKey", key: OTHER };
    expect(signer.keepsUp).toBe(true);
    const attempts = Array.from({ length: 2100 }, (_, i) => signer.sign(bytes(i & 0xff, i >> 8)));
    expect(signer.keepsUp).toBe(false);
    const outcomes = await Promise.allSettled(attempts);
    const refused = outcomes.filter(
      (outcome) => outcome.status === "rejected" && /is too slow/.test(String(outcome.reason)),
    );
    expect(refused).toHaveLength(2100 - 2048 - 16);
  });

  it("a service is named when nothing listens there", async () => {
    await service.close();
    await expect(connect()).rejects.toThrow(
      /Web3Signer at http:.* gives no answer \(ECONNREFUSED\)/,
    );
    service = await startFakeWeb3Signer([]);
  });

  it("a service must be of the eth1 kind", async () => {
    await expect(connect({ url: `${service.url}/eth2` })).rejects.toThrow(/lists no eth1 keys/);
  });
});
