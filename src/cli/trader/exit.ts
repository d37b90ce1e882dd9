/** `quarterdeck exit`: everything out, by chain, key and evidence alone. */
import { Command } from "commander";
import { tell } from "../../admin/terminal.ts";
import { formatDecimal } from "../../base/decimal.ts";
import { sleep } from "../../base/sleep.ts";
import { readTokenFacts, type TokenFacts } from "../../chain/contracts/tokens.ts";
import type { ExitClient } from "../../client/rounds/exitClient.ts";
import {
  type ExitEvidence,
  type ExitItem,
  type ExitPlan,
  exitPlan,
} from "../../client/rounds/exitPlan.ts";
import { type ExitReport, exitStep } from "../../client/rounds/exitStep.ts";
import { readTraderAccess, type TraderFlags, traderCommand } from "./access.ts";
import { EXIT_FOUND, show, untilBlock } from "./output.ts";

const ETHER: Pick<TokenFacts, "symbol" | "decimals"> = { symbol: "ether", decimals: 18 };
const DEFAULT_POLL_MS = 4000;

export function exitCommand(): Command {
  return new Command("exit")
    .description("Get everything out. Asks the chain alone: no operator is needed.")
    .addCommand(planCommand())
    .addCommand(runCommand());
}

function planCommand(): Command {
  const command = new Command("plan").description(
    "What can be got out, when, and with which evidence. Exit code 2 when a proof is missing.",
  );
  return traderCommand(command, ["exit plan"]).action(async (flags: TraderFlags) => {
    const client = await readTraderAccess(flags.config).exit();
    const plan = await exitPlan(client);
    show(flags.json, plan, await linesOf(client, plan));
    if (plan.items.some(({ evidence }) => evidence.kind === "missing")) {
      process.exitCode = EXIT_FOUND;
    }
  });
}

function runCommand(): Command {
  const command = new Command("run")
    .description(
      "Do it: ask for every balance, dispute in time, take what is ripe, recover after a halt. " +
        "Goes on until all is out; started again, it goes on where it was.",
    )
    .option("--once", "only what can be done now");
  return traderCommand(command, ["exit run", "exit run --once --json"]).action(
    async (flags: TraderFlags & { once?: true }) => {
      const access = readTraderAccess(flags.config);
      const client = await access.exit();
      const pollMs = access.pollMs ?? DEFAULT_POLL_MS;
      for (;;) {
        const report = await exitStep(client);
        const isLast = report.isDone || flags.once === true;
        const done = await doneLines(client, report);
        if (isLast) {
          show(flags.json, report, [...done, ...(await linesOf(client, report.left))]);
          if (report.left.items.length > 0) process.exitCode = EXIT_FOUND;
          return;
        }
        for (const line of done) tell(line);
        await waitFor(client, report, pollMs);
      }
    },
  );
}

/** Until the block that the report names, told once. */
async function waitFor(client: ExitClient, { nextBlock, block }: ExitReport, pollMs: number) {
  const until = nextBlock ?? block + 1;
  tell(`next ${await untilBlock(client.reader.client, until)}`);
  while ((await client.reader.clock()).block < until) {
    // A halt stops the clock of rounds, and is worth a look at once.
    if ((await client.reader.clock()).halted) return;
    await sleep(pollMs);
  }
}

async function doneLines(client: ExitClient, report: ExitReport): Promise<string[]> {
  const text = (token: `0x${string}`, amount: bigint) => amountText(client, token as never, amount);
  const { requested, confirmed, disputed, recovered } = report;
  return [
    ...(disputed === undefined ? [] : [`dispute opened in round ${disputed.round}`]),
    ...(await Promise.all(
      requested.map(async (one) => `asked for ${await text(one.token, one.amount)}`),
    )),
    ...(await Promise.all(
      confirmed.map(async (one) => `paid ${await text(one.token, one.amount)}`),
    )),
    ...(await Promise.all(
      (recovered ?? []).map(async (one) => {
        if (one.what === "missingProof") return `no proof of ${one.token} in round ${one.round}`;
        const token = one.what === "bond" ? undefined : one.token;
        return `recovered ${one.what}: ${await amountText(client, token, one.amount)}`;
      }),
    )),
  ];
}

async function linesOf(client: ExitClient, plan: ExitPlan): Promise<string[]> {
  const { round, block, halted, haltBlock, items } = plan;
  const state = halted ? ", HALTED" : haltBlock === undefined ? "" : `, halts at ${haltBlock}`;
  const head = `round ${round}, block ${block}${state}`;
  if (items.length === 0) return [head, "everything is out"];
  return [head, ...(await Promise.all(items.map((item) => lineOf(client, item))))];
}

async function lineOf(client: ExitClient, item: ExitItem): Promise<string> {
  const { what, token, amount, fromBlock, evidence } = item;
  const sum = await amountText(client, token, amount);
  const when =
    fromBlock === undefined
      ? "when its proof is published, or not at all"
      : await untilBlock(client.reader.client, fromBlock);
  return `${what}  ${sum}  ${when}  ${evidenceText(evidence)}`;
}

export function evidenceText(evidence: ExitEvidence): string {
  switch (evidence.kind) {
    case "chain":
      return "by the chain alone";
    case "proof":
      return `by the kept proof of round ${evidence.round}`;
    case "missing":
      return `the proof of round ${evidence.round} is MISSING`;
  }
}

async function amountText(
  { reader }: ExitClient,
  token: ExitItem["token"],
  amount: bigint | undefined,
): Promise<string> {
  const facts = token === undefined ? ETHER : await readTokenFacts(reader.client, token);
  return `${amount === undefined ? "?" : formatDecimal(amount, facts.decimals)} ${facts.symbol}`;
}
