/** One call of an owner: shown as a table, written for a Safe, or sent and seen on chain. */
import { writeFileSync } from "node:fs";
import { formatDecimal } from "../../base/decimal.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { ask } from "../../chain/rpc/rpc.ts";
import type { Signer } from "../../chain/signer.ts";
import { Submitter } from "../../chain/submit/submitter.ts";
import type { Access } from "../openAccess.ts";
import { confirm, tell } from "../terminal.ts";
import type { OwnedExchange, OwnerCall } from "./calls.ts";
import { safeFileOf } from "./safeFile.ts";

export interface CallFlags {
  readonly config: string;
  readonly dryRun?: boolean;
  /** Where to write the call for a Safe, in place of sending it. */
  readonly safe?: string;
  readonly yes?: boolean;
}

/**
 * Nothing is sent with `dryRun` or `safe`, nor where the chain shows the effect already. Throws
 * `NotOwner`, `NotConfirmed`, `CallRefused`, and what sending throws.
 */
export async function carryOutCall(
  access: Access,
  exchange: OwnedExchange,
  call: OwnerCall,
  flags: CallFlags,
): Promise<void> {
  if (await call.isDone()) return tell(`${call.what}: the chain shows it already`);
  await showCall(exchange, call);
  if (flags.safe !== undefined) return writeSafe(exchange, call, flags.safe);
  if (flags.dryRun === true) return;
  const signing = new AbortController();
  try {
    const signer = await access.openSigner(signing.signal);
    requireSender(signer.address, call);
    if (flags.yes !== true) await confirm();
    await send(access, exchange, call, signer);
  } finally {
    signing.abort();
  }
}

async function send(
  { chain }: Access,
  { client, chainId }: OwnedExchange,
  call: OwnerCall,
  signer: Signer,
): Promise<void> {
  const { maxFeePerGas, pollMs } = chain;
  const submitter = new Submitter({ client, signer, chainId, maxFeePerGas, pollMs });
  const { block, transactionHash } = await submitter.send(call);
  if (!(await call.isDone())) {
    throw new QuarterdeckError({
      code: "ChangeNotSeen",
      message: `${transactionHash} was mined, and the chain does not show the ${call.what}.`,
      hint: "Ask again shortly: an endpoint may lag, or somebody else changed it since.",
    });
  }
  tell(`${call.what}: mined in block ${block}, and seen on chain`);
}

async function showCall(exchange: OwnedExchange, call: OwnerCall): Promise<void> {
  const { client } = exchange;
  const row = (name: string, value: string) => tell(`${name.padEnd(16)}${value}`);
  row("call", call.what);
  row("chain", `${exchange.chainId}, block ${exchange.clock.block}`);
  row("sender", call.by);
  for (const [name, value] of call.rows) row(name, value);
  const gas = await ask(`the gas of the ${call.what}`, () =>
    client.estimateGas({ account: call.by, to: call.to, data: call.data }),
  );
  const price = await ask("the price of gas", () => client.getGasPrice());
  const ether = formatDecimal((gas * price) / 10n ** 12n, 6);
  row("gas", `about ${gas}, ${ether} ether now`);
  for (const { what, lastBlock } of exchange.deadlines) row("due", `${what}: block ${lastBlock}`);
  for (const warning of call.warnings) tell(`! ${warning}`);
}

function writeSafe(exchange: OwnedExchange, call: OwnerCall, file: string): void {
  const text = safeFileOf({
    name: call.what,
    chainId: exchange.chainId,
    owner: call.by,
    block: exchange.clock.block,
    createdAt: Date.now(),
    calls: [{ what: call.what, to: call.to, data: call.data }],
    notes: [
      ...call.rows.map(([name, value]) => `${name}: ${value}`),
      ...exchange.deadlines.map(({ what, lastBlock }) => `Due: ${what}, last block ${lastBlock}.`),
      ...call.warnings.map((warning) => `Beware: ${warning}.`),
    ],
  });
  writeFileSync(file, text);
  process.stdout.write(`${file}\n`);
}

function requireSender(address: Address, { by, what }: OwnerCall): void {
  if (address === by) return;
  throw new QuarterdeckError({
    code: "NotOwner",
    message: `The key's address is ${address}, and the ${what} is for ${by} to send.`,
    hint: "Name that key; --safe writes the call for an owner that is a contract.",
  });
}
