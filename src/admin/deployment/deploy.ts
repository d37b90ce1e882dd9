/**
 * Carries out a deployment, step by step, and goes on where an earlier try ended. Each step is
 * bound to one nonce, which is recorded before it is sent: what was sent before a crash and what is
 * sent after it exclude one another, so that no contract is deployed twice.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import { contractAddress } from "../../chain/contracts/deployCalls.ts";
import { isOverwhelmed, shortMessage } from "../../chain/rpc/errors.ts";
import { ask, askEach, type ChainClient } from "../../chain/rpc/rpc.ts";
import type { Signer } from "../../chain/signer.ts";
import { broadcast } from "../../chain/submit/broadcast.ts";
import { urgentPriorityOf } from "../../chain/submit/fees.ts";
import type { DeploymentPlan } from "./plan.ts";
import type { DeploymentRecord, StepRecord } from "./record.ts";
import { type Deployed, type DeployStep, stepsOf } from "./steps.ts";

export interface DeployContext {
  readonly client: ChainClient;
  readonly signer: Signer;
  readonly plan: DeploymentPlan;
  readonly record: DeploymentRecord;
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two polls. */
  readonly pollMs: number;
  readonly tell: (line: string) => void;
  /** Called before each write and send, with where it stands: tests end the process there. */
  readonly onPoint?: (point: string) => void;
}

/** Times that a step whose nonce was used by something else is given another. */
const MOST_NONCES = 3;
/** Polls of a transaction before it is offered for an eighth more. */
const POLLS_BEFORE_RAISE = 30;

/**
 * Resolves when every step is done. Throws `NonceTaken` where something else sends with this key,
 * `StepRefused` where the chain does not take a step, and `RpcUnavailable`: then it can be repeated.
 */
export async function carryOutDeployment(context: DeployContext): Promise<Required<Deployed>> {
  const { plan, signer, record, client, tell } = context;
  const deployed: { manager?: Address; mediator?: Address } = {};
  for (const step of stepsOf(plan, signer.address)) {
    const known = record.steps.find(({ id }) => id === step.id);
    if (known?.done && step.creates !== undefined) {
      // A reorganisation may have undone it: then it is done again, under the same nonce.
      const address = contractAddress(signer.address, known.nonce);
      if (await hasCode(client, address)) {
        deployed[step.creates] = address;
        continue;
      }
    } else if (known?.done) continue;
    const nonce = await carryOutStep(context, step, deployed as Required<Deployed>);
    if (step.creates !== undefined) {
      deployed[step.creates] = contractAddress(signer.address, nonce);
      tell(`${step.what}: ${deployed[step.creates]}`);
    } else {
      tell(step.what);
    }
  }
  return deployed as Required<Deployed>;
}

/** The nonce under which it was done. */
async function carryOutStep(
  context: DeployContext,
  step: DeployStep,
  deployed: Required<Deployed>,
): Promise<number> {
  const { record, onPoint } = context;
  let entry = record.steps.find(({ id }) => id === step.id);
  for (let tries = 0; tries < MOST_NONCES; tries++) {
    if (entry === undefined) {
      entry = { id: step.id, nonce: await freeNonce(context), done: false };
      record.steps.push(entry);
      onPoint?.(`before the record of ${step.id}`);
      await record.save();
    } else if (tries > 0) {
      entry.nonce = await freeNonce(context);
      await record.save();
    }
    await mine(context, step, entry, deployed);
    if (await isDone(context, step, entry, deployed)) {
      entry.done = true;
      onPoint?.(`before the end of ${step.id} is recorded`);
      await record.save();
      return entry.nonce;
    }
  }
  throw new QuarterdeckError({
    code: "NonceTaken",
    message: `The ${step.what} was not done, though its nonces were used.`,
    hint: "Another program sends with this key, or the call reverts: end it, and repeat the command.",
  });
}

async function isDone(
  { client, signer }: DeployContext,
  step: DeployStep,
  { nonce }: StepRecord,
  deployed: Required<Deployed>,
): Promise<boolean> {
  if (step.creates !== undefined) return hasCode(client, contractAddress(signer.address, nonce));
  return (await step.isDone?.(client, deployed)) ?? false;
}

/** Sends the step under its nonce until the chain has used that. */
async function mine(
  context: DeployContext,
  step: DeployStep,
  { nonce }: StepRecord,
  deployed: Required<Deployed>,
): Promise<void> {
  const { client, signer, pollMs, onPoint } = context;
  const { to, data } = step.call(deployed);
  let raise = 0n;
  for (let polls = 0; ; polls++) {
    if ((await nextNonce(client, signer.address)) > nonce) return;
    if (polls % POLLS_BEFORE_RAISE === 0) {
      onPoint?.(`before ${step.id} is sent`);
      try {
        await send(context, { what: step.what, nonce, data, ...(to && { to }), raise });
      } catch (error) {
        // A step that was mined meanwhile is refused a second time.
        if ((await nextNonce(client, signer.address)) > nonce) return;
        throw error;
      }
      onPoint?.(`after ${step.id} was sent`);
      raise += 1n;
    }
    await sleep(pollMs);
  }
}

interface Sending {
  readonly what: string;
  readonly nonce: number;
  readonly to?: Address;
  readonly data: `0x${string}`;
  /** Times that it was offered before: each is an eighth dearer. */
  readonly raise: bigint;
}

async function send(
  { client, signer, plan, maxFeePerGas }: DeployContext,
  { what, nonce, to, data, raise }: Sending,
): Promise<void> {
  const account = signer.address;
  const call = { data, ...(to && { to }) };
  const gas = await client.estimateGas({ account, ...call }).catch((error: unknown) => {
    if (isOverwhelmed(error)) throw error;
    throw new QuarterdeckError({
      code: "StepRefused",
      message: `The chain refuses the ${what}: ${shortMessage(error)}.`,
      hint: "Check the plan, the key's ether and the tokens; then repeat the command.",
      cause: error,
    });
  });
  const words = await askEach(client, "the price of gas", (one) => one.estimateFeesPerGas());
  const raised = (wei: bigint) => wei + (wei * raise) / 8n + raise;
  const fees = words.map(({ answer }) => answer.maxFeePerGas).reduce(max);
  // A priority fee is paid as it is named: by the lowest word, until that was once too low.
  const tips = words.map(({ answer }) => answer.maxPriorityFeePerGas);
  const [priorityFee, urgentPriorityFee] = [tips.reduce(min), tips.reduce(max)];
  const tip = raise === 0n ? priorityFee : urgentPriorityOf({ priorityFee, urgentPriorityFee });
  const wanted = min(raised(fees * 2n), maxFeePerGas);
  const raw = await signer.signTransaction({
    chainId: plan.chainId,
    nonce,
    gas: (gas * 12n) / 10n,
    value: 0n,
    ...call,
    maxFeePerGas: wanted,
    maxPriorityFeePerGas: min(raised(tip), wanted),
  });
  const outcome = await broadcast(client, raw);
  if (outcome.kind === "failed" && outcome.as === "funds") {
    throw new QuarterdeckError({
      code: "InsufficientFunds",
      message: `${account} cannot pay for the ${what}.`,
      hint: "Send it ether, and repeat the command: it goes on from here.",
    });
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Waits until nothing of this key is pending: a nonce that is not ours would be shared. */
async function freeNonce({ client, signer, pollMs }: DeployContext): Promise<number> {
  for (;;) {
    const address = signer.address;
    const [latest, pending] = await ask("a nonce", () =>
      Promise.all([
        client.getTransactionCount({ address, blockTag: "latest" }),
        client.getTransactionCount({ address, blockTag: "pending" }),
      ]),
    );
    if (pending <= latest) return latest;
    await sleep(pollMs);
  }
}

function nextNonce(client: ChainClient, address: Address): Promise<number> {
  return ask("a nonce", () => client.getTransactionCount({ address, blockTag: "latest" }));
}

async function hasCode(client: ChainClient, address: Address): Promise<boolean> {
  const code = await ask("a contract's code", () => client.getCode({ address }));
  return code !== undefined && code !== "0x";
}
