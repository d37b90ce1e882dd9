/** One change of the list: shown, confirmed, carried out, and verified on chain. */
import { writeFileSync } from "node:fs";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { SlotView } from "../chain/contracts/roundRobinManager.ts";
import type { Signer } from "../chain/signer.ts";
import { Submitter } from "../chain/submit/submitter.ts";
import type { ChainAccess } from "../operator/config/config.ts";
import { badOption, wholeOf } from "./arguments.ts";
import { type Context, carryOut, leave } from "./carryOut.ts";
import { type Change, isDone, nameOf } from "./change.ts";
import { openAccess } from "./openAccess.ts";
import { safeFileOf } from "./owner/safeFile.ts";
import { type Plan, type Planned, plan } from "./plan.ts";
import { connectSlots, readFacts, type SlotsOnChain } from "./readFacts.ts";
import { confirm, tell } from "./terminal.ts";

export interface Changing {
  readonly config: string;
  readonly pace: string;
  readonly yes?: boolean;
  readonly printCalls?: boolean;
  /** Where to write the calls for a Safe, in place of sending them. */
  readonly safe?: string;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Throws why it is refused, or what `carryOut` throws. */
export async function change(wanted: Change, options: Changing): Promise<void> {
  const pace = wholeOf("--pace", options.pace);
  if (pace === 0) throw badOption("--pace is 0.", "Give 1 or more.");
  const access = openAccess(options.config);
  const exchange = await connectSlots(access.chain);
  const candidate = wanted.kind === "add" ? wanted.operator : undefined;
  const forContract = options.printCalls === true || options.safe !== undefined;
  const planNow = async () => {
    const facts = await readFacts(exchange, candidate);
    // The gas of a contract's calls is paid by whoever executes them.
    const paid = forContract ? { ...facts, ownerBalance: undefined } : facts;
    return { ...facts, planned: requirePlan(plan(paid, wanted, pace)) };
  };
  const first = await planNow();
  if (options.printCalls === true) return printCalls(exchange, first.planned);
  show(first.planned);
  if (options.safe !== undefined) return writeSafe(exchange, first, options.safe);
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
function callsOf({ manager }: SlotsOnChain, { enter, alter, leave: last }: Plan) {
  return [enter, alter, last]
    .filter((step) => step !== undefined)
    .map(({ what, data, deadlineBlock }) => ({
      what,
      to: manager.manager,
      value: "0",
      data,
      lastBlock: deadlineBlock,
    }));
}

function printCalls(exchange: SlotsOnChain, planned: Plan): void {
  const calls = callsOf(exchange, planned);
  process.stdout.write(`${JSON.stringify(calls, null, 2)}\n`);
}

/** Throws `ChangeRefused` for held maintenance: one transaction enters and leaves at once. */
function writeSafe(
  exchange: SlotsOnChain,
  { planned, owner, slots }: { planned: Plan; owner: Address; slots: SlotView },
  file: string,
): void {
  const { change: wanted, effects, warnings, nearest, holdBlocks } = planned;
  if (holdBlocks > 0) {
    throw new QuarterdeckError({
      code: "ChangeRefused",
      message: "A Safe executes its calls in one transaction, which holds nothing.",
      hint: "Take the calls of --print-calls one by one.",
    });
  }
  const text = safeFileOf({
    name: nameOf(wanted),
    chainId: exchange.chainId,
    owner,
    block: slots.block,
    createdAt: Date.now(),
    calls: callsOf(exchange, planned),
    notes: [
      ...effects,
      `${nearest.what} (last block ${nearest.lastBlock}) leaves least room.`,
      ...warnings.map((warning) => `Beware: ${warning}.`),
    ],
  });
  writeFileSync(file, text);
  process.stdout.write(`${file}\n`);
}
