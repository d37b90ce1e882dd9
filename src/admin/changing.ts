/** One change of the list: shown, confirmed, carried out, and verified on chain. */
import { createInterface } from "node:readline/promises";
import { QuarterdeckError } from "../base/errors.ts";
import type { SlotView } from "../chain/contracts/roundRobinManager.ts";
import type { Signer } from "../chain/signer.ts";
import { Submitter } from "../chain/submit/submitter.ts";
import { loadCurve } from "../keys/nativeCurve.ts";
import { openSigner } from "../keys/openSigner.ts";
import {
  type ChainAccess,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  readAccess,
} from "../operator/config/config.ts";
import { badOption, wholeOf } from "./arguments.ts";
import { type Context, carryOut, leave } from "./carryOut.ts";
import { type Change, isDone } from "./change.ts";
import { type Plan, type Planned, plan } from "./plan.ts";
import { connectSlots, readFacts, type SlotsOnChain } from "./readFacts.ts";
import { LOG, tell } from "./terminal.ts";

export interface Changing {
  readonly config: string;
  readonly pace: string;
  readonly yes?: boolean;
  readonly printCalls?: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Throws why it is refused, or what `carryOut` throws. */
export async function change(wanted: Change, options: Changing): Promise<void> {
  const pace = wholeOf("--pace", options.pace);
  if (pace === 0) throw badOption("--pace is 0.", "Give 1 or more.");
  const access = openAccess(options.config);
  const exchange = await connectSlots(access.chain);
  const candidate = wanted.kind === "add" ? wanted.operator : undefined;
  const planNow = async () => {
    const facts = await readFacts(exchange, candidate);
    return { owner: facts.owner, planned: requirePlan(plan(facts, wanted, pace)) };
  };
  const first = await planNow();
  if (options.printCalls === true) return printCalls(exchange, first.planned);
  show(first.planned);
  const signing = new AbortController();
  try {
    const signer = await access.openSigner(signing.signal);
    requireOwner(signer, first.owner);
    if (options.yes !== true) await confirm();
    // Time has passed.
    const { planned } = await planNow();
    await withContext(exchange, access.chain, signer, options.config, async (context) => {
      const slots = await carryOut(context, planned);
      await verify(exchange, wanted, slots);
    });
  } finally {
    signing.abort();
  }
  tell("done, and verified on chain: nobody is in maintenance");
}

/** `quarterdeck operators maintenance leave`: refused by nothing but the chain. */
export async function leaveNow(options: { readonly config: string }): Promise<void> {
  const access = openAccess(options.config);
  const exchange = await connectSlots(access.chain);
  const signing = new AbortController();
  try {
    const signer = await access.openSigner(signing.signal);
    requireOwner(signer, await exchange.manager.owner());
    await withContext(exchange, access.chain, signer, options.config, async (context) => {
      await leave(context, false);
    });
  } finally {
    signing.abort();
  }
  tell("not in maintenance");
}

interface Access {
  readonly chain: ChainAccess;
  openSigner(signal: AbortSignal): Promise<Signer>;
}

function openAccess(file: string): Access {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const chain = readAccess(file, environment);
  return {
    chain,
    openSigner: async (signal) => {
      const { curve } = loadCurve();
      return (await openSigner(chain.key(), { curve, log: LOG, signal })).signer;
    },
  };
}

async function withContext(
  { client, chainId, manager }: SlotsOnChain,
  { maxFeePerGas, pollMs, maxTries }: ChainAccess,
  signer: Signer,
  config: string,
  work: (context: Context) => Promise<void>,
): Promise<void> {
  const interrupting = new AbortController();
  const interrupt = (signal: string) => {
    tell(`${signal}: leaving maintenance first; only a kill -9 ends this before it is left`);
    interrupting.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const onEvent: ConstructorParameters<typeof Submitter>[0]["onEvent"] = ({ kind }, { what }) =>
    tell(`${what}: ${kind}`);
  try {
    await work({
      client,
      reader: manager,
      pollMs,
      tries: maxTries,
      tell,
      submitter: new Submitter({ client, signer, chainId, maxFeePerGas, pollMs, onEvent }),
      interrupted: interrupting.signal,
      leaveCommand: `quarterdeck operators maintenance leave --config ${config}`,
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

function requirePlan(planned: Planned): Plan {
  if (planned.ok) return planned.plan;
  throw new QuarterdeckError({
    code: "ChangeRefused",
    message: `Nothing was changed. ${planned.refused.map(({ problem }) => `${problem}.`).join(" ")}`,
    hint: planned.refused.map(({ hint }) => hint).join(" "),
  });
}

function requireOwner(signer: Signer, owner: string): void {
  if (signer.address === owner) return;
  throw new QuarterdeckError({
    code: "NotOwner",
    message: `The key's address is ${signer.address}, and the manager's owner is ${owner}.`,
    hint: "Name the owner's key; --print-calls prints the calls for an owner that is a contract.",
  });
}

async function verify(exchange: SlotsOnChain, wanted: Change, slots: SlotView): Promise<void> {
  const quorum = await exchange.mediator.commitQuorum(exchange.manager.manager);
  if (isDone(wanted, slots, quorum)) return;
  throw new QuarterdeckError({
    code: "ChangeNotSeen",
    message: `Block ${slots.block} does not show the change.`,
    hint: "See quarterdeck operators list: somebody else may have changed it since.",
  });
}

function show({ effects, warnings, needBlocks, roomBlocks, nearest, holdBlocks }: Plan): void {
  for (const effect of effects) tell(effect);
  for (const warning of warnings) tell(`! ${warning}`);
  tell(
    `maintenance for ${needBlocks} blocks at most${holdBlocks > 0 ? `, ${holdBlocks} of them held` : ""}; ` +
      `${nearest.what} (last block ${nearest.lastBlock}) allows ${roomBlocks}`,
  );
}

/** In the order in which they go; an owner that is a contract can send them in one transaction. */
function printCalls({ manager }: SlotsOnChain, { enter, alter, leave: last }: Plan): void {
  const calls = [enter, alter, last]
    .filter((step) => step !== undefined)
    .map(({ what, data, deadlineBlock }) => ({
      what,
      to: manager.manager,
      value: "0",
      data,
      lastBlock: deadlineBlock,
    }));
  process.stdout.write(`${JSON.stringify(calls, null, 2)}\n`);
}

async function confirm(): Promise<void> {
  const hint = "Type yes, or give --yes.";
  const declined = new QuarterdeckError({ code: "NotConfirmed", message: "Not confirmed.", hint });
  if (!process.stdin.isTTY) throw declined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if ((await terminal.question("Type yes to go on: ")).trim() !== "yes") throw declined;
  } finally {
    terminal.close();
  }
}
