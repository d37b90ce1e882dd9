/**
 * Sends the sources of what was deployed to a server that speaks Sourcify's API, version 2, which
 * compiles them and compares the code with the chain's. Explorers read from such servers.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { messageOf } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import type { DeploymentCheck } from "./verify.ts";

export const DEFAULT_SERVER = "https://sourcify.dev/server";
const REQUEST_MS = 30_000;
/** Via-IR compiles take a server a minute or two. */
const JOB_MS = 600_000;
const DEFAULT_POLL_MS = 3000;

/** A contract, and the file of `contracts/standard-json` with its sources. */
export interface PublishedContract {
  readonly what: string;
  readonly address: Address;
  readonly source: "mediator" | "mutableOperatorManager" | "roundRobinOperatorManager";
  /** As "src/Mediator.sol:Mediator". */
  readonly identifier: string;
}

const sourcesFile = z.object({
  compilerVersion: z.string(),
  stdJsonInput: z.record(z.string(), z.unknown()),
});
const ticket = z.object({ verificationId: z.string() });
const job = z.object({
  isJobCompleted: z.boolean(),
  contract: z.object({ match: z.string().nullish() }).nullish(),
  error: z.object({ message: z.string().optional(), customCode: z.string().optional() }).nullish(),
});

export interface PublishOptions {
  readonly server: string;
  readonly chainId: number;
  /** Milliseconds between two polls; 3000. */
  readonly pollMs?: number;
}

/** One check a contract: the match that the server found, or why it found none. Never throws. */
export async function publishSources(
  contracts: readonly PublishedContract[],
  options: PublishOptions,
): Promise<DeploymentCheck[]> {
  const found: DeploymentCheck[] = [];
  for (const contract of contracts) {
    const what = `sources of ${contract.what}`;
    try {
      found.push({ what, state: "ok", detail: await publish(contract, options) });
    } catch (error) {
      found.push({ what, state: "fail", detail: `${options.server}: ${messageOf(error)}` });
    }
  }
  return found;
}

async function publish(
  { address, source, identifier }: PublishedContract,
  { server, chainId, pollMs = DEFAULT_POLL_MS }: PublishOptions,
): Promise<string> {
  const file = new URL(`../../../contracts/standard-json/${source}.json`, import.meta.url);
  const { compilerVersion, stdJsonInput } = sourcesFile.parse(
    JSON.parse(readFileSync(file, "utf8")),
  );
  const body = JSON.stringify({ stdJsonInput, compilerVersion, contractIdentifier: identifier });
  const base = server.replace(/\/+$/, "");
  const asked = await fetch(`${base}/v2/verify/${chainId}/${address}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  // The server has it already, with a match as good as this one.
  if (asked.status === 409) return `known to ${base}`;
  const { verificationId } = ticket.parse(await answerOf(asked));
  const end = Date.now() + JOB_MS;
  for (;;) {
    const polled = await fetch(`${base}/v2/verify/${encodeURIComponent(verificationId)}`, {
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const { isJobCompleted, contract, error } = job.parse(await answerOf(polled));
    if (isJobCompleted) {
      if (contract?.match != null) return `${contract.match}, on ${base}`;
      throw new Error(error?.message ?? error?.customCode ?? "it found no match");
    }
    if (Date.now() > end) throw new Error(`job ${verificationId} is not done yet`);
    await sleep(pollMs);
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`status ${response.status}, and no JSON`);
  }
  if (response.ok) return value;
  const said = (value as { message?: unknown } | null)?.message;
  throw new Error(typeof said === "string" ? said : `status ${response.status}`);
}
