/** `quarterdeck mirror`: keeps the balances that operators publish, and proves by them. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { Command } from "commander";
import { addressOf } from "../../admin/arguments.ts";
import { tell } from "../../admin/terminal.ts";
import { messageOf, QuarterdeckError } from "../../base/errors.ts";
import { sleep } from "../../base/sleep.ts";
import { type ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { connect, readChainId } from "../../chain/rpc/rpc.ts";
import { Api } from "../../client/api.ts";
import { formatRecord } from "../../client/evidence/records.ts";
import {
  checkPublishedBalances,
  type PublishedBalances,
  proofsFrom,
  readPublishedBalances,
} from "../../client/rounds/publicBalances.ts";
import { toJson } from "../../wire/schemas/values.ts";
import { type Access, readTraderAccess, type TraderFlags, traderCommand } from "./access.ts";
import { EXIT_FOUND } from "./output.ts";
import { wholeOf } from "./trading.ts";

const DEFAULT_POLL_MS = 15_000;
/** Rounds before the last one that operators still show. */
const SHOWN_ROUNDS = 3;
/** Milliseconds for all balances of a large exchange. */
const DOWNLOAD_MS = 120_000;

interface MirrorFlags extends TraderFlags {
  readonly to: string;
}

export function mirrorCommand(): Command {
  return new Command("mirror")
    .description("Keep the balances that operators publish, and prove by them. Needs no key.")
    .addCommand(keepCommand())
    .addCommand(proveCommand());
}

function keepCommand(): Command {
  const command = new Command("keep")
    .description("Take each committed round, checked against the chain, into a folder")
    .requiredOption("--to <folder>", "where: one file a round")
    .option("--once", "only what is there now. Exit code 2 when a round could not be had");
  return traderCommand(command, ["mirror keep --to mirror"]).action(
    async (flags: MirrorFlags & { once?: true }) => {
      const access = readTraderAccess(flags.config);
      const exchange = await connectMirror(access);
      mkdirSync(flags.to, { recursive: true });
      for (;;) {
        const missing = await keepAll(access, exchange, flags.to);
        if (flags.once === true) {
          if (missing > 0) process.exitCode = EXIT_FOUND;
          return;
        }
        await sleep(access.pollMs ?? DEFAULT_POLL_MS);
      }
    },
  );
}

function proveCommand(): Command {
  const command = new Command("prove")
    .description(
      "A client's proofs out of a mirror, checked against the chain, as lines of evidence for " +
        "quarterdeck evidence merge and the exit kit",
    )
    .requiredOption("--to <folder>", "the mirror")
    .requiredOption("--client <address>", "whose")
    .option("--round <round>", "the last kept one unless told");
  return traderCommand(command, ["mirror prove --to mirror --client 0x… >> evidence.jsonl"]).action(
    async (flags: MirrorFlags & { client: string; round?: string }) => {
      const { reader, constants } = await connectMirror(readTraderAccess(flags.config));
      const round = wholeOf("--round", flags.round) ?? Math.max(-1, ...keptRounds(flags.to));
      const published = readKept(flags.to, round);
      await checkPublishedBalances(published, reader, constants);
      const proofs = proofsFrom(published, addressOf(flags.client));
      for (const proof of proofs)
        process.stdout.write(`${formatRecord({ kind: "proof", ...proof })}\n`);
      if (proofs.length === 0) {
        tell(`${flags.client} has no balance in round ${round}`);
        process.exitCode = EXIT_FOUND;
      }
    },
  );
}

interface MirroredExchange {
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
}

async function connectMirror({ rpc, chainId, mediator }: Access): Promise<MirroredExchange> {
  const expected = chainId === undefined ? {} : { chainId };
  const served = await readChainId(rpc, expected);
  const reader = new MediatorReader(connect(rpc, { chainId: served }), mediator);
  return { reader, constants: await reader.constants() };
}

/** Gives the number of rounds that nobody gave as the chain has them. */
async function keepAll(
  { operators }: Access,
  exchange: MirroredExchange,
  folder: string,
): Promise<number> {
  const { committedRound } = await exchange.reader.clock();
  let missing = 0;
  for (let round = Math.max(1, committedRound - SHOWN_ROUNDS); round <= committedRound; round++) {
    if (existsSync(fileOf(folder, round))) continue;
    const published = await fetchRound(operators, exchange, round);
    if (published === undefined) {
      missing += 1;
      continue;
    }
    await keep(folder, published);
    tell(`round ${round}: ${published.clients.length} clients, as committed`);
  }
  return missing;
}

/** Of the first operator whose balances hold. */
async function fetchRound(
  operators: readonly string[],
  { reader, constants }: MirroredExchange,
  round: number,
): Promise<PublishedBalances | undefined> {
  for (const url of operators) {
    try {
      const api = new Api(url, DOWNLOAD_MS);
      const published = await api.call("fetchPublicBalances", { params: { round } });
      if (published.round !== round) throw new Error(`it sent round ${published.round}`);
      await checkPublishedBalances(published, reader, constants);
      return published;
    } catch (error) {
      tell(`! ${url}: round ${round}: ${messageOf(error)}`);
    }
  }
  return undefined;
}

/** Whole, or not at all. */
async function keep(folder: string, published: PublishedBalances): Promise<void> {
  const file = fileOf(folder, published.round);
  const handle = await open(`${file}.next`, "w");
  try {
    await handle.writeFile(gzipSync(toJson(published)));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.next`, file);
}

function fileOf(folder: string, round: number): string {
  return join(folder, `round-${round}.json.gz`);
}

function keptRounds(folder: string): number[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.flatMap((name) => {
    const [, round] = /^round-(\d+)\.json\.gz$/.exec(name) ?? [];
    return round === undefined ? [] : [Number(round)];
  });
}

function readKept(folder: string, round: number): PublishedBalances {
  const file = fileOf(folder, round);
  if (!existsSync(file)) {
    throw new QuarterdeckError({
      code: "BadOption",
      message: `The mirror ${folder} has no round ${Math.max(0, round)}.`,
      hint: `It has ${keptRounds(folder).join(", ") || "none"}.`,
    });
  }
  return readPublishedBalances(JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")));
}
