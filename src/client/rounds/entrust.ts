/**
 * Sending evidence to a watchtower: signed by the client, bound to that tower, and the same however
 * often it is sent. A delegation lets the tower dispute; it can move nothing.
 */
import * as z from "zod";
import { clause, messageOf, QuarterdeckError } from "../../base/errors.ts";
import { type Address, bytesToHex, type Hex } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import type { SignedDelegation } from "../../chain/contracts/mediatorCalls.ts";
import type { Domain, Round } from "../../protocol/units.ts";
import { parseInput } from "../../wire/input.ts";
import { signature } from "../../wire/schemas/signature.ts";
import { address, count } from "../../wire/schemas/values.ts";
import { BadArgument } from "../checks/badArgument.ts";
import type { EvidenceArchive } from "../evidence/evidence.ts";
import { exportEvidence } from "../evidence/transfer.ts";
import { type ClientSigner, typedData } from "../signing/signer.ts";

/** Bytes of a contract wallet's signature: those of a hundred owners fit. */
const MOST_SIGNATURE_BYTES = 8192;
const contractSignature = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/i, "Expected bytes in hexadecimal.")
  .max(2 + 2 * MOST_SIGNATURE_BYTES)
  .transform((text) => text.toLowerCase() as Hex);

const delivery = z.object({
  client: address,
  /** Lines of evidence, as `exportEvidence` gives them. */
  lines: z.array(z.string()),
  /** `signature`: of the client's key, or the bytes that a contract wallet counts as signed. */
  delegation: z
    .object({ untilRound: count, signature: z.union([signature, contractSignature]) })
    .optional(),
  signature,
});
export type Delivery = z.output<typeof delivery>;
export type Delegation = NonNullable<Delivery["delegation"]>;

const towerAnswer = z.object({ chainId: count, mediator: address, tower: address });
const deliveryAnswer = z.object({
  added: count,
  known: count,
  refused: z.array(z.object({ line: count, problem: z.string() })),
});
export type DeliveryAnswer = z.output<typeof deliveryAnswer>;

export interface EntrustOptions {
  readonly signer: ClientSigner;
  readonly domain: Domain;
  readonly evidence: EvidenceArchive;
  /** Where it serves, and the address that may dispute: take both from whoever runs it. */
  readonly tower: { readonly url: string; readonly address: Address };
  /** The last round in which it may dispute; undefined: it may not (any more than before). */
  readonly untilRound?: Round;
  /**
   * In place of `untilRound`: a delegation that was signed elsewhere, as the owners of a Safe sign
   * `delegationToSign`. The signature is 65 bytes r, s, v, or what the client's contract takes
   * (ERC-1271), which is nothing (`0x`) for a message that a Safe approved on chain.
   */
  readonly delegation?: SignedDelegation;
}

/**
 * The message that lets `delegate` dispute for `client`, as wallets sign it (EIP-712,
 * `eth_signTypedData_v4`). `untilRound`: the last round in which it may.
 */
export function delegationToSign(
  domain: Domain,
  delegation: { readonly client: Address; readonly delegate: Address; readonly untilRound: Round },
) {
  return typedData(domain, "DisputeDelegation", delegation);
}

/** Lines of one delivery. */
const LINES_AT_ONCE = 2000;
const TIMEOUT_MS = 60_000;

/**
 * Sends all that is kept; what the tower has, it passes over. Resolves once it is on the tower's
 * disk. Throws `WrongTower` where another tower or exchange answers, and `TowerUnreachable`: call it
 * again.
 */
export async function entrust(options: EntrustOptions): Promise<DeliveryAnswer> {
  const { signer, domain, evidence, tower } = options;
  await requireTower(options);
  const client = signer.address;
  const delegation = await delegationOf(options);
  const sum = { added: 0, known: 0, refused: [] as DeliveryAnswer["refused"] };
  for await (const { lines, before } of parts(evidence)) {
    const content = contentHash(lines, delegation);
    const message = { client, tower: tower.address, contentHash: content };
    const signed = await signer.sign(domain, "EvidenceDelivery", message);
    const body = { client, lines, ...(delegation && { delegation }), signature: signed };
    const told = await ask(`${tower.url}/v1/evidence`, deliveryAnswer, JSON.stringify(body));
    sum.added += told.added;
    sum.known += told.known;
    sum.refused.push(...told.refused.map((one) => ({ ...one, line: before + one.line })));
  }
  return sum;
}

async function delegationOf({
  signer,
  domain,
  tower,
  untilRound,
  delegation,
}: EntrustOptions): Promise<Delegation | undefined> {
  if (delegation !== undefined && untilRound !== undefined) {
    throw new BadArgument("delegation", "There is untilRound too", "Give one of both.");
  }
  if (delegation !== undefined) {
    const parsed = contractSignature.safeParse(delegation.signature);
    if (parsed.success) return { untilRound: delegation.untilRound, signature: parsed.data };
    throw new BadArgument("delegation.signature", "It is no bytes", "Give 0x and hexadecimal.");
  }
  if (untilRound === undefined) return undefined;
  const message = { client: signer.address, delegate: tower.address, untilRound };
  return { untilRound, signature: await signer.sign(domain, "DisputeDelegation", message) };
}

/** At least one part, so that a delegation goes out where nothing is kept yet. */
async function* parts(evidence: EvidenceArchive) {
  let lines: string[] = [];
  let before = 0;
  for await (const line of exportEvidence(evidence)) {
    lines.push(line);
    if (lines.length < LINES_AT_ONCE) continue;
    yield { lines, before };
    before += lines.length;
    lines = [];
  }
  if (lines.length > 0 || before === 0) yield { lines, before };
}

/** Of all that a delivery says. */
export function contentHash(lines: readonly string[], delegation: Delegation | undefined): Hex {
  const given = delegation?.signature ?? { r: "0x", vs: "0x" };
  const signed = typeof given === "string" ? [given] : [given.r, given.vs];
  const text = JSON.stringify([lines, delegation?.untilRound ?? null, ...signed]);
  return bytesToHex(keccak256(new TextEncoder().encode(text)));
}

/** A delivery as a tower got it, or why it is none. */
export function readDelivery(text: string): Delivery | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "The body is no JSON." };
  }
  const parsed = parseInput(delivery, json, "delivery");
  return parsed.ok
    ? parsed.value
    : { problem: `${parsed.refusal.field}: ${parsed.refusal.problem}` };
}

async function requireTower({ domain, tower }: EntrustOptions): Promise<void> {
  const found = await ask(`${tower.url}/v1/tower`, towerAnswer);
  const isRight =
    found.tower === tower.address &&
    found.mediator === domain.mediator &&
    found.chainId === domain.chainId;
  if (isRight) return;
  throw new QuarterdeckError({
    code: "WrongTower",
    message: `${tower.url} is the tower ${found.tower} of ${found.mediator} on ${found.chainId}.`,
    hint: "Check url and address with whoever runs it. Nothing was signed.",
  });
}

async function ask<T>(url: string, schema: z.ZodType<T>, body?: string): Promise<T> {
  let problem: string;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      }),
    });
    const value: unknown = await response.json();
    if (response.ok) return schema.parse(value);
    problem = String((value as { error?: unknown } | null)?.error ?? `status ${response.status}`);
  } catch (error) {
    problem = messageOf(error);
  }
  throw new QuarterdeckError({
    code: "TowerUnreachable",
    message: `The watchtower ${url} did not take it: ${clause(problem)}.`,
    hint: "Try again; what was taken is taken once.",
  });
}
