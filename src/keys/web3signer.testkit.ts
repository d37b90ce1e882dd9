/**
 * An HTTP server that does what `web3signer eth1` does, as its API documents and its handlers show:
 * lists public keys, signs the keccak-256 of `data`, and answers 400 and 404 without a body.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { nobleCurve } from "../base/curve.ts";
import { bytesToHex, type Hex, hexToBytes, isHex } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";

export interface FakeWeb3Signer {
  readonly url: string;
  /** Requests to sign, by their data. */
  readonly signed: Hex[];
  /** Requests that have not been answered. */
  readonly open: number;
  /** Most requests that were open at once. */
  readonly mostOpen: number;
  /** What is out of order. */
  fault: Fault;
  /** What the answer to each request that comes from now on waits for. */
  delay: () => Promise<unknown>;
  /** The keys that are loaded. */
  keys: readonly Hex[];
  close(): Promise<void>;
}

export type Fault =
  | { readonly kind: "none" }
  /** That status for the next `times` requests. */
  | { readonly kind: "status"; readonly status: number; times: number }
  | { readonly kind: "drop"; times: number }
  | { readonly kind: "redirect" }
  | { readonly kind: "otherKey"; readonly key: Hex }
  | { readonly kind: "highS" }
  | { readonly kind: "bareParity" }
  | { readonly kind: "body"; readonly text: string };

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

export async function startFakeWeb3Signer(keys: readonly Hex[]): Promise<FakeWeb3Signer> {
  let open = 0;
  let mostOpen = 0;
  const server = createServer((incoming, answer) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    answer.once("close", () => {
      open -= 1;
    });
    void serve(fake, incoming, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakeWeb3Signer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signed: [],
    get open() {
      return open;
    },
    get mostOpen() {
      return mostOpen;
    },
    fault: { kind: "none" },
    delay: async () => {},
    keys,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fake;
}

async function serve(
  fake: FakeWeb3Signer,
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const delay = fake.delay();
  let body = "";
  for await (const part of incoming) body += part;
  await delay;
  const { fault } = fake;
  if ((fault.kind === "status" || fault.kind === "drop") && fault.times > 0) {
    fault.times -= 1;
    if (fault.kind === "drop") answer.destroy();
    else answer.writeHead(fault.status).end();
    return;
  }
  if (fault.kind === "redirect") {
    answer.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
    return;
  }
  const { method, url = "" } = incoming;
  if (method === "GET" && url === "/api/v1/eth1/publicKeys") {
    const listed = fake.keys.map((key) => bytesToHex(nobleCurve.publicKey(hexToBytes(key))));
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listed));
    return;
  }
  const identifier = /^\/api\/v1\/eth1\/sign\/(?:0x)?([0-9a-fA-F]+)$/.exec(url)?.[1];
  if (method !== "POST" || identifier === undefined) {
    answer.writeHead(404).end();
    return;
  }
  sign(fake, identifier.toLowerCase(), body, answer);
}

function sign(fake: FakeWeb3Signer, identifier: string, body: string, answer: ServerResponse) {
  const data = dataOf(body);
  if (data === undefined) {
    answer.writeHead(400).end();
    return;
  }
  const named = fake.keys.find(
    (key) => bytesToHex(nobleCurve.publicKey(hexToBytes(key))) === `0x${identifier}`,
  );
  if (named === undefined) {
    answer.writeHead(404).end();
    return;
  }
  fake.signed.push(data);
  answer.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  answer.end(signatureText(fake.fault, data, named));
}

function signatureText(fault: Fault, data: Hex, named: Hex): string {
  if (fault.kind === "body") return fault.text;
  const key = fault.kind === "otherKey" ? fault.key : named;
  const { r, s, yParity } = nobleCurve.sign(keccak256(hexToBytes(data)), hexToBytes(key));
  const mirrored = (CURVE_ORDER - BigInt(bytesToHex(s))).toString(16).padStart(64, "0");
  const high = fault.kind === "highS";
  const parity = high ? 1 - yParity : yParity;
  const v = (fault.kind === "bareParity" ? parity : 27 + parity).toString(16).padStart(2, "0");
  return `${bytesToHex(r)}${high ? mirrored : bytesToHex(s).slice(2)}${v}`;
}

function dataOf(body: string): Hex | undefined {
  try {
    const { data } = JSON.parse(body) as { data?: unknown };
    return isHex(data) ? data : undefined;
  } catch {
    return undefined;
  }
}
