/** The checks of an operator before it is approved, one function for each question. */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { nobleCurve } from "../base/curve.ts";
import { formatDecimal } from "../base/decimal.ts";
import { bytesToHex } from "../base/hex.ts";
import { VERSION } from "../base/version.ts";
import { Api } from "../client/api.ts";
import { type Finding, failure, fine, warning } from "../operator/doctor/finding.ts";
import { hashOperatorIdentity, managerDomain } from "../protocol/messages.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import { MAX_EXCHANGE_LAG_BLOCKS } from "../protocol/tolerances.ts";
import { type ApplicationFile, applicantOf } from "./application.ts";
import type { SlotsOnChain } from "./readFacts.ts";

const DAY_SECONDS = 86_400;
const OLD_APPLICATION_SECONDS = 30 * DAY_SECONDS;
const MAX_SKEW_SECONDS = 300;

/** `now`: seconds since 1970. */
export function checkSignature(
  file: ApplicationFile,
  { chainId, manager }: SlotsOnChain,
  now: number,
): Finding[] {
  const { operator, date } = file.application;
  const [check, again] = ["application", "Ask for another: quarterdeck operators apply."];
  if (file.chainId !== chainId || file.manager !== manager.manager) {
    const other = `it is for the manager ${file.manager} on chain ${file.chainId}`;
    return [failure(check, other, again)];
  }
  const signer = applicantOf(file);
  if (signer !== operator) {
    return [failure(check, `${signer ?? "nobody"} signed it, and not ${operator}`, again)];
  }
  const age = now - date;
  const shown = `signed by ${operator} on ${new Date(date * 1000).toISOString()}`;
  if (age < -MAX_SKEW_SECONDS) return [failure(check, `${shown}, in the future`, again)];
  if (age > OLD_APPLICATION_SECONDS) return [warning(check, `${shown}, long ago`, again)];
  return [fine(check, shown)];
}

/** The endpoint signs a challenge of ours, with its own URL. */
export async function checkIdentity(
  { application, chainId, manager }: ApplicationFile,
  challenge = bytesToHex(randomBytes(32)),
): Promise<Finding[]> {
  const { operator, endpoint } = application;
  const answer = await new Api(endpoint).call("fetchIdentity", { query: { challenge } });
  const domain = managerDomain(chainId, manager);
  const hash = hashOperatorIdentity({ operator, endpoint, challenge });
  const signer = recoverSigner(nobleCurve, domain, hash, answer.signature);
  const hint = "Its publicUrl and key must be those of the application; else it passes us on.";
  const identity =
    signer === operator
      ? fine("identity", `${endpoint} holds the key of ${operator}`)
      : failure("identity", `${answer.operator} at ${answer.endpoint} answers there`, hint);
  const release = `it runs ${answer.version}, this is ${VERSION}`;
  const same = answer.version === VERSION;
  const update = "Take the same release everywhere: operators share a journal.";
  return [identity, same ? fine("version", release) : warning("version", release, update)];
}

/** Whether the endpoint serves this exchange, and how far behind the chain. */
export async function checkExchange(
  { application }: ApplicationFile,
  { client, constants, chainId }: SlotsOnChain,
): Promise<Finding[]> {
  const api = new Api(application.endpoint);
  const [served, clock, head] = await Promise.all([
    api.call("fetchExchange"),
    api.call("fetchClock"),
    client.getBlock({ blockTag: "latest" }),
  ]);
  const { mediator } = constants.domain;
  const same = [
    served.chainId === chainId,
    served.mediator === mediator,
    served.manager === constants.manager,
    served.operator === application.operator,
  ].every((one) => one);
  const detail = `chain ${served.chainId}, Mediator ${served.mediator}, manager ${served.manager}`;
  const found = same
    ? fine("exchange", detail)
    : failure("exchange", `${detail}, key ${served.operator}`, "Correct its configuration.");
  return [found, ...judgeLag(clock, served.confirmations, Number(head.number))];
}

/** `head`: the newest block that we see. */
export function judgeLag(
  { chainHead, block }: { readonly chainHead: number; readonly block: number },
  confirmations: number,
  head: number,
): Finding[] {
  const hint = "Look at its endpoints and its database; let it catch up.";
  const judge = (check: string, behind: number, detail: string) =>
    behind <= MAX_EXCHANGE_LAG_BLOCKS ? fine(check, detail) : failure(check, detail, hint);
  const [late, lag] = [head - chainHead, chainHead - confirmations - block];
  return [
    judge("head", late, `its newest block is ${chainHead}, ours ${head}`),
    judge("journal", lag, `its journal is ${Math.max(0, lag)} final blocks behind its chain`),
  ];
}

const ETHER = 10n ** 18n;

export function judgeBalance(wei: bigint): Finding {
  const detail = `${formatDecimal(wei, 18)} ETH`;
  if (wei === 0n) return failure("balance", detail, "Send ether to its key.");
  if (wei < ETHER) return warning("balance", detail, "See docs/operations.md for what it costs.");
  return fine("balance", detail);
}

export interface Latency {
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds; null when none was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** Asks for its clock `requests` times, `everyMs` apart. */
export async function measure(
  endpoint: string,
  requests: number,
  everyMs: number,
): Promise<Latency> {
  const api = new Api(endpoint);
  const took: number[] = [];
  for (let i = 0; i < requests; i++) {
    if (i > 0) await sleep(everyMs);
    const began = performance.now();
    const answered = await api.call("fetchClock").then(
      () => true,
      () => false,
    );
    if (answered) took.push(performance.now() - began);
  }
  took.sort((a, b) => a - b);
  const failures = requests - took.length;
  return { requests, failures, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/** Of values that ascend: the least with at least `share` of them at or below it. */
export function quantile(ascending: readonly number[], share: number): number | null {
  const value = ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)];
  return value === undefined ? null : Math.round(value * 10) / 10;
}

const SLOW_P50_MS = 500;
const SLOW_P99_MS = 2000;
/** Percent. */
const FEW_FAILURES = 1;

export function judgeLatency({ requests, failures, p50, p99 }: Latency): Finding {
  const detail = `p50 ${p50} ms, p99 ${p99} ms, ${failures} of ${requests} requests failed`;
  const hint = "Look at its machine and its line; measure again, from where clients are.";
  if (p50 === null || failures * 100 > requests * FEW_FAILURES) {
    return failure("latency", detail, hint);
  }
  const slow = p50 > SLOW_P50_MS || (p99 ?? 0) > SLOW_P99_MS || failures > 0;
  return slow ? warning("latency", detail, hint) : fine("latency", detail);
}
