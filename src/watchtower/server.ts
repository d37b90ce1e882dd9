/** Where clients send their evidence: signed by them, kept before it is acknowledged. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { nobleCurve } from "../base/curve.ts";
import { messageOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { isSignedByContract } from "../chain/contracts/contractWallet.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import type { SignedDelegation } from "../chain/contracts/mediatorCalls.ts";
import { mergeEvidence } from "../client/evidence/transfer.ts";
import {
  contentHash,
  type Delivery,
  type DeliveryAnswer,
  readDelivery,
} from "../client/rounds/entrust.ts";
import { digest, hashDisputeDelegation, hashEvidenceDelivery } from "../protocol/messages.ts";
import { recoverSigner, toRsv } from "../protocol/signatures.ts";
import { signatureInput } from "../wire/schemas/signature.ts";
import type { Vault } from "./vault.ts";

export interface TowerServerOptions {
  readonly vault: Vault;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  /** The tower's own. */
  readonly address: Address;
  readonly host: string;
  readonly port: number;
  /** Clients that it watches at most. */
  readonly maxClients: number;
  readonly onDelivered: (client: Address) => void;
}

/** Bytes of one delivery: the evidence of a busy round fits many times over. */
const MOST_BYTES = 8 * 2 ** 20;

export interface RunningTowerServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startTowerServer(options: TowerServerOptions): Promise<RunningTowerServer> {
  const server = createServer((request, response) => {
    answer(options, request)
      .catch((error: unknown): [number, unknown] => [500, { error: messageOf(error) }])
      .then(([status, body]) => send(response, status, body))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { port, close: () => closed(server) };
}

async function answer(
  options: TowerServerOptions,
  request: IncomingMessage,
): Promise<[number, unknown]> {
  const { constants, address } = options;
  const route = `${request.method} ${request.url}`;
  if (route === "OPTIONS /v1/evidence") return [204, undefined];
  if (route === "GET /v1/tower") return [200, { ...constants.domain, tower: address }];
  if (route !== "POST /v1/evidence") return [404, { error: `There is no ${route}.` }];
  const text = await bodyOf(request);
  if (text === undefined) return [413, { error: `Send at most ${MOST_BYTES} bytes at once.` }];
  const delivery = readDelivery(text);
  if ("problem" in delivery) return [400, { error: delivery.problem }];
  return take(options, delivery);
}

async function take(options: TowerServerOptions, delivery: Delivery): Promise<[number, unknown]> {
  const { vault, reader, constants, address, maxClients, onDelivered } = options;
  const { client, lines, delegation, signature } = delivery;
  const { domain } = constants;
  const message = { client, tower: address, contentHash: contentHash(lines, delegation) };
  const signer = recoverSigner(nobleCurve, domain, hashEvidenceDelivery(message), signature);
  const { round } = await reader.clock();
  const isOwn = signer === client || signer === (await reader.tradingKey(client, round));
  if (signer === undefined || !isOwn) {
    const hint = "Contracts send by their trading key.";
    return [401, { error: `The delivery is not signed by the client. ${hint}` }];
  }
  if (!vault.has(client) && vault.clients.length >= maxClients) {
    return [503, { error: `This tower watches ${maxClients} clients, and no more.` }];
  }
  if (delegation !== undefined) {
    const given = await checkDelegation(options, client, delegation);
    if (given === undefined) {
      const either = "signed neither by its key, nor as its contract says now (ERC-1271)";
      return [401, { error: `The delegation is not the client's to this tower: ${either}.` }];
    }
    await vault.delegate(client, given);
  }
  const { store } = await vault.of(client);
  const { added, known, refused } = await mergeEvidence(store, lines);
  onDelivered(client);
  const told: DeliveryAnswer = { added, known, refused: refused.map((one) => ({ ...one })) };
  return [200, told];
}

/** As the Mediator is given it; undefined where the client did not sign it. */
async function checkDelegation(
  { reader, constants, address }: TowerServerOptions,
  client: Address,
  { untilRound, signature }: NonNullable<Delivery["delegation"]>,
): Promise<SignedDelegation | undefined> {
  const { domain } = constants;
  const hash = hashDisputeDelegation({ client, delegate: address, untilRound });
  const ofKey =
    typeof signature === "string" ? signatureInput.safeParse(signature).data : signature;
  if (ofKey !== undefined && ofKey.path.length === 0) {
    const by = recoverSigner(nobleCurve, domain, hash, ofKey);
    if (by === client) return { untilRound, signature: toRsv(ofKey) };
  }
  if (typeof signature !== "string") return undefined;
  const isSigned = isSignedByContract(reader.client, client, digest(domain, hash), signature);
  return (await isSigned) ? { untilRound, signature } : undefined;
}

/** Undefined where it is longer than it may be. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > MOST_BYTES) return undefined;
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    "content-type": "application/json",
    // Pages of any origin may deliver: what counts is the signature.
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "content-type",
  });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
