/** A plan and its steps in the words of the page. Text alone: nothing of it is ever markup. */
import { formatDecimal } from "../base/decimal.ts";
import type { Address } from "../base/hex.ts";
import { readTokenFacts } from "../chain/contracts/tokens.ts";
import type { ExitClient } from "../client/rounds/exitClient.ts";
import type { ExitItem, ExitPlan } from "../client/rounds/exitPlan.ts";
import type { ExitReport } from "../client/rounds/exitStep.ts";

/** Kind, amount, time and evidence of a sum. */
export type PlanRow = readonly [string, string, string, string];

const ETHER_DECIMALS = 18;
const KINDS: Readonly<Record<ExitItem["what"], string>> = {
  request: "asked for",
  balance: "balance",
  deposits: "deposits",
  bond: "bond",
};

export function stateLine({ round, block, halted, haltBlock }: ExitPlan): string {
  if (halted) return `HALTED in round ${round}. Everything below can be taken out now.`;
  const halts = haltBlock === undefined ? "" : `; it halts at block ${haltBlock} unless served`;
  return `The exchange lives: round ${round}, block ${block}${halts}.`;
}

export function rowsOf(client: ExitClient, plan: ExitPlan): Promise<PlanRow[]> {
  return Promise.all(
    plan.items.map(async ({ what, token, amount, fromBlock, evidence }): Promise<PlanRow> => {
      const wait = fromBlock === undefined ? undefined : fromBlock - plan.block;
      const when =
        wait === undefined
          ? "once its proof is published"
          : wait <= 0
            ? "now"
            : `in ${wait} blocks (${fromBlock})`;
      const by =
        evidence.kind === "chain"
          ? "the chain"
          : evidence.kind === "proof"
            ? `proof of round ${evidence.round}`
            : `MISSING: proof of round ${evidence.round}`;
      return [KINDS[what], await amountText(client, token, amount), when, by];
    }),
  );
}

export async function doneLines(client: ExitClient, report: ExitReport): Promise<string[]> {
  const { requested, confirmed, disputed, recovered } = report;
  const sum = (token: Address | undefined, amount: bigint) => amountText(client, token, amount);
  const lines: string[] = [];
  if (disputed !== undefined) lines.push(`dispute opened in round ${disputed.round}`);
  for (const one of requested) lines.push(`asked for ${await sum(one.token, one.amount)}`);
  for (const one of confirmed) lines.push(`paid ${await sum(one.token, one.amount)}`);
  for (const one of recovered ?? []) {
    if (one.what === "missingProof") lines.push(`no proof for round ${one.round}`);
    else {
      const token = one.what === "bond" ? undefined : one.token;
      lines.push(`recovered ${one.what}: ${await sum(token, one.amount)}`);
    }
  }
  return lines;
}

async function amountText(
  { reader }: ExitClient,
  token: Address | undefined,
  amount: bigint | undefined,
): Promise<string> {
  const { symbol, decimals } =
    token === undefined
      ? { symbol: "ether", decimals: ETHER_DECIMALS }
      : await readTokenFacts(reader.client, token);
  return `${amount === undefined ? "?" : formatDecimal(amount, decimals)} ${symbol}`;
}
