/** `npm start`: a whole exchange on this machine: chain, contracts, operators, traders. */
import { join } from "node:path";
import { Command } from "commander";
import { fail } from "../cli/report.ts";
import { databaseFolder } from "./databaseFolder.ts";
import { localOperators } from "./exchange.ts";
import { requireFreePorts, startLocalChain } from "./localChain.ts";
import { LocalExchange } from "./localExchange.ts";
import { type LocalPostgres, startLocalPostgres } from "./localPostgres.ts";
import { parseStartOptions, type StartOptions } from "./options.ts";
import { forget, makeFolder, openStorageFolder } from "./storageFolder.ts";

async function main(): Promise<void> {
  const options = parseStartOptions(command().parse().opts());
  // All of them before anything is forgotten: it may be what another start has under way.
  await requirePorts(options);
  makeFolder(options.logs, "--logs");
  makeFolder(join(options.storage, ".."), "--storage");
  const database = databaseFolder(options.storage);
  if (options.fresh) {
    for (const path of forget(options.storage, database)) console.log(`kept, as not ours: ${path}`);
  }
  openStorageFolder(options.storage);
  const stopping = stopWhenTold();
  const parts: { stop(): Promise<void> }[] = [];
  try {
    const chain = await startLocalChain({
      port: options.chainPort,
      blockTime: options.blockTime,
      stateFile: join(options.storage, "chain.json"),
    });
    parts.push(chain);
    let postgres: LocalPostgres | undefined;
    if (options.operators > 1 && !stopping.signal.aborted) {
      postgres = await startLocalPostgres({ folder: database, port: options.databasePort });
      parts.push(postgres);
    }
    if (!stopping.signal.aborted) {
      await new LocalExchange(options, chain, postgres, stopping).run();
    }
  } finally {
    for (const part of parts.reverse()) await part.stop().catch(() => {});
  }
}

async function requirePorts(options: StartOptions): Promise<void> {
  const { port, chainPort, databasePort, operators } = options;
  const shared = operators > 1 ? [databasePort] : [];
  const own = localOperators(options).map((operator) => operator.port);
  await requireFreePorts(port, "--port", { count: operators, others: [chainPort, ...shared] });
  await requireFreePorts(chainPort, "--chain-port", { count: 1, others: [...own, ...shared] });
  for (const one of shared) {
    await requireFreePorts(one, "--database-port", { count: 1, others: [...own, chainPort] });
  }
}

/** From the first part on: what a signal would end with us, but the database, would stay behind. */
function stopWhenTold(): AbortController {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  // SIGHUP: the terminal was closed.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  // Nobody reads our output any more, and the reader that went away sent no signal.
  for (const output of [process.stdout, process.stderr]) output.on("error", stop);
  return stopping;
}

function command(): Command {
  return new Command("npm start --")
    .description("Run a local exchange: chain, contracts, operators, traders. Ctrl-C stops it.")
    .option("--operators <count>", "operators, 1 to 3; one needs no database", "3")
    .option("--port <port>", "HTTP and WebSocket port of the first operator", "8080")
    .option("--chain-port <port>", "the local chain's JSON-RPC port", "8545")
    .option("--database-port <port>", "the port of the operators' PostgreSQL", "54320")
    .option("--block-time <seconds>", "seconds between blocks", "1")
    .option("--quarter <blocks>", "blocks in a quarter of a round", "12")
    .option("--traders <count>", "traders, 0 to 6", "3")
    .option("--storage <folder>", "where chain, journal and evidence are kept", "storage")
    .option("--logs <folder>", "where the operators' logs go", "logs")
    .option("--fresh", "forget what is stored and begin anew");
}

main().then(() => process.exit(0), fail);
