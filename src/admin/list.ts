/** `quarterdeck operators list`. */
import { formatDecimal } from "../base/decimal.ts";
import { readAccess } from "../operator/config/config.ts";
import { toJson } from "../wire/schemas/values.ts";
import { deadlines } from "./deadlines.ts";
import { connectSlots, readFacts, type Sign } from "./readFacts.ts";

const WEI_DECIMALS = 18;

export async function list(options: { config: string; json?: boolean }): Promise<void> {
  const exchange = await connectSlots(readAccess(options.config, process.env));
  const facts = await readFacts(exchange, undefined);
  const { slots, clock, quorum, owner, signs } = facts;
  const due = deadlines(facts);
  if (options.json === true) {
    const operators = signs.map(({ operator, balance, problem }) => ({
      ...operator,
      balance,
      living: problem === undefined,
      problem: problem ?? null,
      claimed: slots.claimed.includes(operator.address),
    }));
    const { manager } = exchange.manager;
    const shown = { ...slots, manager, owner, quorum, operators, clock, deadlines: due };
    process.stdout.write(`${toJson(shown)}\n`);
    return;
  }
  const until = slots.lastBlock === undefined ? "stands still" : `until block ${slots.lastBlock}`;
  const lines = [
    `manager ${exchange.manager.manager}, owner ${owner}, quorum ${quorum}`,
    `block ${slots.block}: round ${clock.round}, quarter ${clock.quarter}${clock.halted ? ", HALTED" : ""}`,
    slots.inMaintenance ? "IN MAINTENANCE: quarterdeck operators maintenance leave" : undefined,
    `slot ${slots.slot}, from block ${slots.firstBlock}, ${until}; slots of ${slots.slotSize}`,
    `selected ${slots.operator ?? "nobody"}; next, as it stands: ${slots.forecast ?? "nobody"}`,
    ...signs.map((sign) => lineOf(sign, slots.claimed.includes(sign.operator.address))),
    ...due.map(({ what, lastBlock }) => `${what}: last block ${lastBlock}`),
  ];
  process.stdout.write(`${lines.filter((line) => line !== undefined).join("\n")}\n`);
}

function lineOf({ operator, balance, problem }: Sign, claimed: boolean): string {
  const { address, name, endpoint } = operator;
  const ether = formatDecimal(balance - (balance % 10n ** 14n), WEI_DECIMALS);
  const state = problem === undefined ? "lives" : `DEAD (${problem})`;
  const next = claimed ? ", claimed the next slot" : "";
  return `  ${address} "${name}" ${endpoint}: ${ether} ETH, ${state}${next}`;
}
