/** `quarterdeck deploy` and `quarterdeck verify-deployment`. */
import { Command } from "commander";
import { formatDecimal, parseDecimal } from "../../base/decimal.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import { requireFork, requireShortGenesis } from "../../chain/contracts/deploy.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { ask, type ChainClient, connect, readChainId } from "../../chain/rpc/rpc.ts";
import { KEY_VARIABLE, keySourceOf, PASSWORD_VARIABLE } from "../../keys/keySource.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { openSigner } from "../../keys/openSigner.ts";
import { type Manifest, readManifest } from "../../operator/config/manifest.ts";
import { badOption, wholeOf } from "../arguments.ts";
import { confirm, LOG, tell } from "../terminal.ts";
import { judgeBonds } from "./bonds.ts";
import { carryOutDeployment, type DeployContext } from "./deploy.ts";
import { manifestOf, writeManifest } from "./manifest.ts";
import { type DeploymentPlan, readPlan } from "./plan.ts";
import { DEFAULT_SERVER, type PublishedContract, publishSources } from "./publish.ts";
import { DeploymentRecord } from "./record.ts";
import { stepsOf } from "./steps.ts";
import { verifyDeployment } from "./verify.ts";

const GWEI_DECIMALS = 9;
const ETHER_DECIMALS = 18;
/** Gas of a call of either contract that a deployment makes, with room. */
const CALL_GAS = 150_000n;
const POLL_MS = 1000;

interface DeployFlags {
  readonly plan: string;
  readonly out?: string;
  readonly record?: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly maxFee: string;
  readonly bondFee?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly pollMs: string;
}

export function deployCommand(): Command {
  return new Command("deploy")
    .description(
      "Deploy an exchange from a plan file, and write its manifest. Goes on where an earlier try " +
        "ended, without a second contract.",
    )
    .requiredOption("--plan <file>", "what to deploy (JSON)")
    .option("--out <file>", "manifest to write (default: <plan>.manifest.json)")
    .option("--record <file>", "record of the steps (default: <plan>.record.json)")
    .option("--keystore <file>", `keystore of the deployer (else ${KEY_VARIABLE})`)
    .option("--password-file <file>", `its password (else ${PASSWORD_VARIABLE})`)
    .option("--max-fee <gwei>", "most that a unit of gas may cost", "500")
    .option(
      "--bond-fee <gwei>",
      "highest price of gas at which answers shall be paid for by bonds (default: the present one)",
    )
    .option("--poll-ms <ms>", "milliseconds between two polls", String(POLL_MS))
    .option("--dry-run", "show what it will be and cost, and send nothing")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nExample:\n  quarterdeck deploy --plan exchange.json --keystore owner.json " +
        "--password-file password --dry-run\n",
    )
    .action(deploy);
}

async function deploy(flags: DeployFlags): Promise<void> {
  const plan = readPlan(flags.plan);
  const base = flags.plan.replace(/\.json$/, "");
  const manifestFile = flags.out ?? `${base}.manifest.json`;
  const client = await openChain(plan);
  const ending = new AbortController();
  try {
    const signer = await openDeployer(flags, ending.signal);
    const record = DeploymentRecord.open(
      flags.record ?? `${base}.record.json`,
      plan,
      signer.address,
    );
    const context: DeployContext = {
      client,
      signer,
      plan,
      record,
      tell,
      maxFeePerGas: gweiOf("--max-fee", flags.maxFee),
      pollMs: Number(flags.pollMs),
    };
    const bondFee = flags.bondFee === undefined ? undefined : gweiOf("--bond-fee", flags.bondFee);
    await showPlan(context, bondFee);
    if (flags.dryRun === true) return;
    if (flags.yes !== true) await confirm("Type yes to deploy it: ");
    const { mediator } = await carryOutDeployment(context);
    await writeManifest(manifestFile, await manifestOf(client, plan, mediator));
  } finally {
    ending.abort();
  }
  process.stdout.write(`${manifestFile}\n`);
  if (plan.manager.kind === "roundRobin") tell("operators may claim their slots now");
}

async function openChain(plan: DeploymentPlan): Promise<ChainClient> {
  const chainId = await readChainId(plan.rpc);
  if (chainId !== plan.chainId) {
    throw new QuarterdeckError({
      code: "ChainMismatch",
      message: `The plan is for chain ${plan.chainId}, and its endpoints serve ${chainId}.`,
      hint: "Correct chainId or rpc in the plan.",
    });
  }
  const client = connect(plan.rpc, { chainId });
  await requireFork(client);
  const { manager, roundSize } = plan;
  const slots = manager.kind === "single" ? undefined : { genesisBlocks: manager.genesisBlocks };
  requireShortGenesis({ roundSize, ...(slots && { slots }) });
  for (const token of plan.tokens) {
    const code = await ask("a token's code", () => client.getCode({ address: token }));
    if (code === undefined || code === "0x") {
      throw new QuarterdeckError({
        code: "NotAContract",
        message: `There is no token at ${token} on chain ${chainId}.`,
        hint: "Correct tokens in the plan.",
      });
    }
  }
  return client;
}

async function openDeployer({ keystore, passwordFile }: DeployFlags, signal: AbortSignal) {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const fields = keystore === undefined ? {} : { keystore: { path: keystore, passwordFile } };
  const { curve } = loadCurve();
  return (await openSigner(keySourceOf(fields, environment), { curve, log: LOG, signal })).signer;
}

async function showPlan(
  { client, plan, signer, record }: DeployContext,
  bondFee: bigint | undefined,
): Promise<void> {
  const { manager, operators } = plan;
  const price = await ask("the price of gas", () => client.getGasPrice());
  const bonds = judgeBonds(plan, bondFee ?? price);
  const slots =
    manager.kind === "single"
      ? "one operator"
      : `slots of ${manager.slotBlocks} blocks, the first of ${manager.genesisBlocks}, ` +
        `commit quorum ${manager.commitQuorum}`;
  const rows: [string, string][] = [
    ["chain", String(plan.chainId)],
    ["deployer", signer.address],
    ["owner", plan.owner === signer.address ? "the deployer" : `${plan.owner}, once it accepts`],
    ["manager", slots],
    ["rounds", `${plan.roundSize} blocks, quarters of ${plan.roundSize / 4}`],
    ...bonds.rows,
    ...plan.tokens.map((token): [string, string] => ["token", token]),
    ...operators.map(({ name, address, endpoint }): [string, string] => [
      "operator",
      `${name} ${address} ${endpoint}`,
    ]),
  ];
  for (const [name, value] of rows) tell(`${name.padEnd(16)}${value}`);
  const steps = stepsOf(plan, signer.address);
  const done = record.steps.filter((one) => one.done).length;
  if (done > 0) tell(`${"done already".padEnd(16)}${done} of ${steps.length} transactions`);
  const gas = await gasOf(client, plan, signer.address);
  const cost = formatDecimal((gas * price) / 10n ** 12n, ETHER_DECIMALS - 12);
  tell(`${"gas".padEnd(16)}about ${gas} in ${steps.length} transactions, ${cost} ether now`);
  if (bonds.warning !== undefined) tell(`${"WARNING".padEnd(16)}${bonds.warning}`);
}

/** The creations as the chain estimates them; the calls by their upper bound. */
async function gasOf(client: ChainClient, plan: DeploymentPlan, deployer: `0x${string}`) {
  let gas = 0n;
  const somewhere = { manager: plan.owner, mediator: plan.owner };
  for (const step of stepsOf(plan, deployer as never)) {
    if (step.creates === undefined) {
      gas += CALL_GAS;
      continue;
    }
    const { data } = step.call(somewhere);
    gas += await ask("the gas of a creation", () =>
      client.estimateGas({ account: deployer, data }),
    );
  }
  return gas;
}

interface VerifyFlags {
  readonly manifest: string;
  readonly rpc: string;
  readonly json?: boolean;
  /** Servers, separated by commas; true: the default one. */
  readonly publish?: string | true;
  readonly pollMs?: string;
}

export function verifyDeploymentCommand(): Command {
  return new Command("verify-deployment")
    .description(
      "Compare the contracts on chain with this release's code, and their settings with the " +
        "manifest. Needs no explorer. Exit code 1 when anything differs.",
    )
    .requiredOption("--manifest <file>", "what quarterdeck deploy wrote")
    .requiredOption("--rpc <urls>", "JSON-RPC endpoints of your own, separated by commas")
    .option("--json", "the checks as JSON")
    .option(
      "--publish [servers]",
      `then send the sources to servers with Sourcify's API, separated by commas; ${DEFAULT_SERVER}`,
    )
    .option("--poll-ms <ms>", "milliseconds between two polls of such a server")
    .addHelpText(
      "after",
      "\nExamples:\n  quarterdeck verify-deployment --manifest exchange.manifest.json " +
        "--rpc https://node.example\n  quarterdeck verify-deployment --manifest " +
        "exchange.manifest.json --rpc https://node.example --publish\n",
    )
    .action(verify);
}

async function verify(flags: VerifyFlags): Promise<void> {
  const { manifest: file, rpc, json, publish } = flags;
  const manifest = readManifest(file);
  const urls = urlsOf("--rpc", rpc);
  const servers =
    publish === undefined ? [] : urlsOf("--publish", publish === true ? DEFAULT_SERVER : publish);
  const pollMs = flags.pollMs === undefined ? undefined : wholeOf("--poll-ms", flags.pollMs);
  const client = connect(urls, { chainId: await readChainId(urls) });
  const checks = await verifyDeployment(client, manifest);
  // Sources are sent for our own code alone.
  const isOurs = checks.every(({ what, state }) => !/^(code|chain)/.test(what) || state === "ok");
  const published = isOurs && servers.length > 0 ? await publishedContracts(client, manifest) : [];
  for (const server of servers) {
    const options = { server, chainId: manifest.chainId, ...(pollMs !== undefined && { pollMs }) };
    checks.push(...(await publishSources(published, options)));
  }
  const ok = checks.every(({ state }) => state !== "fail");
  if (json === true) process.stdout.write(`${JSON.stringify({ ok, checks }, null, 2)}\n`);
  else {
    for (const { what, state, detail } of checks) {
      const shown = { ok: "ok  ", warn: "WARN", fail: "FAIL" }[state];
      process.stdout.write(`${shown}  ${what.padEnd(22)}${detail}\n`);
    }
  }
  if (!ok) process.exitCode = 1;
}

async function publishedContracts(
  client: ChainClient,
  { mediator, manager, managerKind }: Manifest,
): Promise<PublishedContract[]> {
  const source = "mediator";
  const disputes = await new MediatorReader(client, mediator).disputes();
  const [module, name] =
    managerKind === "single"
      ? (["mutableOperatorManager", "MutableOperatorManager"] as const)
      : (["roundRobinOperatorManager", "RoundRobinOperatorManager"] as const);
  return [
    { what: "mediator", address: mediator, source, identifier: "src/Mediator.sol:Mediator" },
    { what: "disputes", address: disputes, source, identifier: "src/Disputes.sol:Disputes" },
    {
      what: "manager",
      address: manager,
      source: module,
      identifier: `src/managers/${name}.sol:${name}`,
    },
  ];
}

function urlsOf(option: string, text: string): string[] {
  const urls = text.split(",").map((url) => url.trim());
  const bad = urls.find((url) => !/^(https?|wss?):\/\//.test(url) || !URL.canParse(url));
  if (bad === undefined) return urls;
  throw badOption(`${option} names what is no URL.`, "Give whole ones, with http:// or https://.");
}

function gweiOf(option: string, text: string): bigint {
  const outcome = parseDecimal(text, GWEI_DECIMALS);
  if (outcome.ok && outcome.value > 0n) return outcome.value;
  throw badOption(`${option} is "${text}".`, "Give gwei, such as 40 or 1.5.");
}
