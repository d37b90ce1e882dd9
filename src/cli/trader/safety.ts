/** Commands that ask the chain alone: confirm, audit, dispute, recover, round, evidence, proof. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addressOf } from "../../admin/arguments.ts";
import { formatDecimal } from "../../base/decimal.ts";
import type { Address } from "../../base/hex.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { readTokenFacts } from "../../chain/contracts/tokens.ts";
import { connect, readChainId } from "../../chain/rpc/rpc.ts";
import type { AuditReport } from "../../client/audit.ts";
import { dispute } from "../../client/dispute.ts";
import { type EvidenceRecord, roundOf } from "../../client/evidence/evidence.ts";
import { readRecord } from "../../client/evidence/records.ts";
import { exportEvidence, mergeEvidence } from "../../client/evidence/transfer.ts";
import { FileEvidence } from "../../client/node/fileEvidence.ts";
import { collectAnswers, type ExitClient } from "../../client/rounds/exitClient.ts";
import { type Recovered, recover } from "../../client/rounds/recover.ts";
import { roundWork } from "../../client/rounds/roundWork.ts";
import { closingWindow } from "../../protocol/disputeRule.ts";
import { verifyProof } from "../../protocol/sumTree.ts";
import { badOption } from "../journalSource.ts";
import { readTraderAccess, type TraderFlags, traderCommand } from "./access.ts";
import { EXIT_FOUND, show, untilBlock } from "./output.ts";
import { wholeOf } from "./trading.ts";

export function safetyCommands(): Command[] {
  return [
    confirmCommand(),
    auditCommand(),
    disputeCommand(),
    recoverCommand(),
    roundCommand(),
    evidenceCommand(),
    proofCommand(),
  ];
}

function confirmCommand(): Command {
  const command = new Command("confirm")
    .description("Pay out a withdrawal that is old enough. Needs no operator.")
    .argument("<token>", "symbol or address");
  return traderCommand(command, ["confirm USDC"]).action(
    async (token: string, flags: TraderFlags) => {
      const client = await readTraderAccess(flags.config).exit();
      const { address, symbol, decimals } = await findToken(client, token);
      const request = await client.reader.withdrawal(client.address, address);
      const mined = await client.confirmWithdrawal(address);
      const amount = formatDecimal(request?.amount ?? 0n, decimals);
      show(flags.json, { ...mined, token: address, amount: request?.amount }, [
        `${amount} ${symbol} paid to ${request?.recipient} in block ${mined.block}`,
      ]);
    },
  );
}

function auditCommand(): Command {
  const command = new Command("audit")
    .description(
      "Audit a round against the chain and the evidence. Exit code 2 when it finds faults: " +
        "quarterdeck dispute makes the operator account for them.",
    )
    .option("--round <round>", "the last committed one unless told")
    .option("--offline", "ask no operator: by what is kept alone");
  return traderCommand(command, ["audit", "audit --round 12 --offline"]).action(
    async (flags: TraderFlags & { round?: string; offline?: true }) => {
      const access = readTraderAccess(flags.config);
      const client = flags.offline === true ? await access.exit() : await access.join();
      const report = await client.audit(wholeOf("--round", flags.round));
      show(flags.json, report, linesOf(report));
      if (report.faults.length > 0) process.exitCode = EXIT_FOUND;
    },
  );
}

function disputeCommand(): Command {
  const command = new Command("dispute").description(
    "Make the operator account for the last round on chain. Takes the bond. Needs no operator.",
  );
  return traderCommand(command, ["dispute"]).action(async (flags: TraderFlags) => {
    const client = await readTraderAccess(flags.config).exit();
    const opened = await dispute(client);
    const { lastBlock } = closingWindow(client.constants.schedule, opened.mined.block);
    const left = await untilBlock(client.reader.client, lastBlock);
    show(flags.json, { ...opened, answerBy: lastBlock }, [
      `dispute of round ${opened.round} opened in block ${opened.mined.block}, ` +
        `by ${opened.standing}, with ${opened.fills} fills`,
      `the last block for the operator's answer comes ${left}`,
    ]);
  });
}

function recoverCommand(): Command {
  const command = new Command("recover").description(
    "Take everything out of a HALTED Mediator. Needs no operator; safe to repeat.",
  );
  return traderCommand(command, ["recover"]).action(async (flags: TraderFlags) => {
    const client = await readTraderAccess(flags.config).exit();
    await collectAnswers(client);
    const done = await recover(client);
    const lines = await Promise.all(done.map((one) => lineOfRecovered(client, one)));
    show(flags.json, done, lines.length === 0 ? ["nothing is left to take out"] : lines);
    if (done.some(({ what }) => what === "missingProof")) process.exitCode = EXIT_FOUND;
  });
}

function roundCommand(): Command {
  const command = new Command("round").description(
    "Do what a round asks for: audit, dispute in time, confirm what is ripe, recover on a halt. " +
      "Call it again at the block that it names.",
  );
  return traderCommand(command, ["round", "round --json"]).action(async (flags: TraderFlags) => {
    const client = await readTraderAccess(flags.config).exit();
    const report = await roundWork(client);
    const { nextBlock, recovered } = report;
    const next =
      nextBlock === undefined
        ? "everything is out"
        : await untilBlock(client.reader.client, nextBlock);
    show(flags.json, report, [
      `round ${report.round}, block ${report.block}`,
      ...(report.audit === undefined ? [] : linesOf(report.audit)),
      ...(report.disputed === undefined
        ? []
        : [`dispute opened in round ${report.disputed.round}`]),
      ...report.confirmed.map(({ token, amount }) => `paid ${amount} base units of ${token}`),
      ...(await Promise.all((recovered ?? []).map((one) => lineOfRecovered(client, one)))),
      nextBlock === undefined ? next : `call again ${next}`,
    ]);
  });
}

function evidenceCommand(): Command {
  return new Command("evidence")
    .description("What this key keeps: report, verify, export, merge")
    .addCommand(
      traderCommand(new Command("report").description("Count what is kept, by round"), [
        "evidence report",
      ]).action((flags: TraderFlags) => reportEvidence(flags, false)),
    )
    .addCommand(
      traderCommand(
        new Command("verify").description(
          "Hold all of it against the chain. Exit code 2 when something does not hold.",
        ),
        ["evidence verify"],
      ).action((flags: TraderFlags) => reportEvidence(flags, true)),
    )
    .addCommand(
      traderCommand(new Command("export").description("Write all of it to standard output"), [
        "evidence export > evidence-of-today.jsonl",
      ]).action(async ({ config }: TraderFlags) => {
        const store = await FileEvidence.open(readTraderAccess(config).evidence);
        for await (const line of exportEvidence(store)) process.stdout.write(`${line}\n`);
      }),
    )
    .addCommand(
      traderCommand(
        new Command("merge")
          .description("Take over an export. Exit code 2 when lines of it are refused.")
          .argument("<file>", "what another device exported"),
        ["evidence merge evidence-of-phone.jsonl"],
      ).action(async (file: string, flags: TraderFlags) => {
        const store = await FileEvidence.open(readTraderAccess(flags.config).evidence);
        const report = await mergeEvidence(store, readFileSync(file, "utf8").split("\n"));
        show(flags.json, report, [
          `${report.added} added, ${report.known} known, ${report.refused.length} refused`,
          ...report.refused.map(({ line, problem }) => `line ${line}: ${problem}`),
        ]);
        if (report.refused.length > 0) process.exitCode = EXIT_FOUND;
      }),
    );
}

async function reportEvidence(flags: TraderFlags, isVerified: boolean): Promise<void> {
  const access = readTraderAccess(flags.config);
  const store = await FileEvidence.open(access.evidence);
  const rounds = new Map<number, Record<`${EvidenceRecord["kind"]}s`, number>>();
  for await (const record of store.records()) {
    const round = roundOf(record);
    const counts = rounds.get(round) ?? { proofs: 0, orders: 0, fills: 0, statements: 0 };
    counts[`${record.kind}s`] += 1;
    rounds.set(round, counts);
  }
  const found = [...rounds].sort(([a], [b]) => a - b).map(([round, one]) => ({ round, ...one }));
  const client = isVerified ? await access.exit() : undefined;
  for (const { round } of client === undefined ? [] : found) {
    await client?.evidence.proofs(round);
    await client?.evidence.orders(round);
    await client?.evidence.statements(round);
  }
  const rejected = client?.evidence.rejected ?? [];
  show(flags.json, { rounds: found, ...(isVerified && { rejected }) }, [
    ...found.map(
      ({ round, proofs, orders, fills, statements }) =>
        `round ${round}: ${proofs} proofs, ${orders} orders, ${fills} fills, ` +
        `${statements} statements`,
    ),
    ...rejected.map((one) => `round ${one.round}: ${one.token ?? one.orderHash}: ${one.why}`),
    ...(isVerified && rejected.length === 0 ? ["all of it holds against the chain"] : []),
  ]);
  if (rejected.length > 0) process.exitCode = EXIT_FOUND;
}

function proofCommand(): Command {
  return new Command("proof").description("Proofs of balances").addCommand(
    traderCommand(
      new Command("verify")
        .description(
          "Check anybody's proof against the Mediator: a line of exported evidence. Exit code 2 " +
            "when it does not hold.",
        )
        .argument("<file>", "a line of JSON with kind, round, token and proof")
        .requiredOption("--client <address>", "whose balance it is"),
      ["proof verify proof.json --client 0x…"],
    ).action(verifyProofFile),
  );
}

async function verifyProofFile(file: string, flags: TraderFlags & { client: string }) {
  const access = readTraderAccess(flags.config);
  const whose = addressOf(flags.client);
  const read = readRecord(readFileSync(file, "utf8").trim());
  if (!read.ok || read.record.kind !== "proof") {
    throw badOption(`${file}: ${read.ok ? "it is no proof" : read.problem}`);
  }
  const { round, token, proof } = read.record;
  const expected = access.chainId === undefined ? {} : { chainId: access.chainId };
  const chainId = await readChainId(access.rpc, expected);
  const reader = new MediatorReader(connect(access.rpc, { chainId }), access.mediator);
  const commitment = await reader.commitment(round, token);
  const outcome = commitment === undefined ? undefined : verifyProof(commitment, whose, proof);
  const ok = outcome?.ok === true;
  const why =
    outcome === undefined ? "the round is not committed" : ok ? "" : outcome.ok || outcome.fault;
  show(flags.json, { ok, round, token, client: whose, balance: proof.balance, why }, [
    ok
      ? `${whose} has ${proof.balance} base units of ${token} at the opening of round ${round}`
      : `it does not hold: ${why}`,
  ]);
  if (!ok) process.exitCode = EXIT_FOUND;
}

function linesOf({ round, faults, pending, balances }: AuditReport): string[] {
  const subject = (one: { token?: string; orderHash?: string }) => one.token ?? one.orderHash;
  return [
    ...balances.map(({ token, balance }) => `proven: ${balance} base units of ${token}`),
    ...faults.map((one) => `FAULT ${one.kind}: ${subject(one)}`),
    ...pending.map((one) => `pending ${one.kind}: ${subject(one)}`),
    faults.length === 0 ? `round ${round}: no faults` : `round ${round}: ${faults.length} faults`,
  ];
}

async function lineOfRecovered(client: ExitClient, one: Recovered): Promise<string> {
  if (one.what === "bond") return `bond of ${formatDecimal(one.amount, 18)} ether`;
  const { symbol, decimals } = await readTokenFacts(client.reader.client, one.token);
  if (one.what === "missingProof") return `no proof of ${symbol} in round ${one.round}`;
  return `${one.what}: ${formatDecimal(one.amount, decimals)} ${symbol}`;
}

/** By symbol or address, among those that are listed. */
async function findToken({ reader }: ExitClient, text: string) {
  const tokens = (await reader.exchange()).tokens.filter(
    ({ token, symbol }) => symbol === text || token.toLowerCase() === text.toLowerCase(),
  );
  const [found, another] = tokens;
  if (found === undefined) throw badOption(`${text}: no token of this exchange`);
  if (another !== undefined) throw badOption(`${text}: several tokens are named so`);
  return { address: found.token as Address, symbol: found.symbol, decimals: found.decimals };
}
