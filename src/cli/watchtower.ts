/** `quarterdeck watchtower`: watches for many clients until a signal stops it. */
import { join } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import { LOG } from "../admin/terminal.ts";
import { messageOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { sleep } from "../base/sleep.ts";
import { MediatorReader } from "../chain/contracts/mediator.ts";
import { connect, readChainId } from "../chain/rpc/rpc.ts";
import { heldSigner } from "../client/signing/signers.ts";
import { KEY_VARIABLE, keySourceOf, PASSWORD_VARIABLE } from "../keys/keySource.ts";
import { loadCurve } from "../keys/nativeCurve.ts";
import { openSigner } from "../keys/openSigner.ts";
import { endpoints, keystore, web3signer } from "../operator/config/accessFields.ts";
import { readManifest } from "../operator/config/manifest.ts";
import { readFields } from "../operator/config/readJson.ts";
import { startTowerServer } from "../watchtower/server.ts";
import { type Alert, Tower } from "../watchtower/tower.ts";
import { Vault } from "../watchtower/vault.ts";
import { goOnWithoutReader } from "./output.ts";
import { TowerAlerts, towerWebhooks } from "./towerAlerts.ts";

const file = z.string().min(1, "Expected a file");
const config = z.strictObject({
  /** JSON-RPC endpoints of your own. */
  rpc: endpoints,
  /** The manifest of `quarterdeck deploy`. */
  deployment: file,
  /** Where public balances may be had; the manifest's unless given. */
  operators: z.array(z.url({ protocol: /^https?$/ })).optional(),
  keystore: keystore.optional(),
  web3signer: web3signer.optional(),
  /** Folder of the clients' evidence. */
  storage: file.default("watchtower"),
  host: z.string().default("127.0.0.1"),
  port: z.number().int().min(0).max(65535).default(8090),
  /** Services that are told of each alert. */
  webhooks: towerWebhooks,
  maxClients: z.number().int().min(1).max(100_000).default(1000),
  /** Wei for a unit of gas, at most. */
  maxFeePerGas: z
    .string()
    .regex(/^[0-9]{1,39}$/, "Expected wei as text")
    .default("500000000000"),
  /** Milliseconds between two polls of the chain. */
  pollMs: z.number().int().min(10).default(4000),
});

/** In the folder of the evidence, whose other names are those of clients. */
const ALERTS_FILE = "alerts.jsonl";
/** Milliseconds that stopping may take; what is not done by then is done at the next start. */
const STOP_MS = 20_000;

export function watchtowerCommand(): Command {
  return new Command("watchtower")
    .description(
      "Watch for many clients: audit each round by what they send, dispute with their delegation, " +
        "confirm, and recover to their own addresses after a halt; docs/watchtower.md",
    )
    .requiredOption("--config <file>", "configuration file (JSON)")
    .addHelpText("after", "\nExample:\n  quarterdeck watchtower --config watchtower.json\n")
    .action(run);
}

async function run(flags: { config: string }): Promise<void> {
  goOnWithoutReader();
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const given = readFields(flags.config, config);
  const { rpc, pollMs, host, port, maxClients } = given;
  const manifest = readManifest(given.deployment);
  const chainId = await readChainId(rpc, { chainId: manifest.chainId });
  const reader = new MediatorReader(connect(rpc, { chainId }), manifest.mediator);
  const constants = await reader.constants();
  const ending = new AbortController();
  const { curve } = loadCurve();
  const source = keySourceOf(given, environment);
  const { signer } = await openSigner(source, { curve, log: LOG, signal: ending.signal });
  const vault = await Vault.open(given.storage);
  const sender = heldSigner(signer).sender({
    client: reader.client,
    chainId,
    maxFeePerGas: BigInt(given.maxFeePerGas),
    pollMs,
  });
  const { address: own } = signer;
  const operators = given.operators ?? manifest.operators.map(({ endpoint }) => endpoint);
  const alerts = new TowerAlerts(given.webhooks, line, join(given.storage, ALERTS_FILE));
  const alert = (one: Alert) => alerts.tell(one);
  const watched = { vault, reader, constants, address: own };
  const tower = new Tower({ ...watched, sender, operators, alert });
  const onDelivered = (client: Address) => tower.due(client);
  const server = await startTowerServer({ ...watched, host, port, maxClients, onDelivered });
  const stop = () => {
    setTimeout(() => process.exit(0), STOP_MS).unref();
    ending.abort();
  };
  line({ event: "watching", tower: own, url: `http://${host}:${server.port}` });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
  while (!ending.signal.aborted) {
    await tower.watch().catch((error: unknown) => {
      line({ event: "chainUnreachable", detail: messageOf(error) });
    });
    await sleep(pollMs, ending.signal).catch(() => {});
  }
  await server.close();
  await vault.close();
  await alerts.close();
}

function line(fields: object): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...fields })}\n`);
}
