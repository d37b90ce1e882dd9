/**
 * `quarterdeck deploy` on a real chain: broken off at each of its points, or killed, and taken up
 * again, it deploys one manager and one Mediator; and `verify-deployment` sees what is not as the
 * manifest says.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { carryOutDeployment } from "../src/admin/deployment/deploy.ts";
import { readPlan } from "../src/admin/deployment/plan.ts";
import { DeploymentRecord } from "../src/admin/deployment/record.ts";
import { stepsOf } from "../src/admin/deployment/steps.ts";
import { verifyDeployment } from "../src/admin/deployment/verify.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { contractAddress } from "../src/chain/contracts/deployCalls.ts";
import { encodeAcceptOwnership } from "../src/chain/contracts/ownership.ts";
import { isReleasedCode } from "../src/chain/contracts/releaseCode.ts";
import { localSigner } from "../src/chain/signer.ts";
import { readManifest } from "../src/operator/config/manifest.ts";
import { type Anvil, startAnvil } from "./support/chain/anvil.ts";
import { runCli } from "./support/exchange/cli.ts";
import { commandFile } from "./support/exchange/commandFile.ts";

const KEY_VARIABLE = "QUARTERDECK_PRIVATE_KEY";
const DEPLOYER = 0;
const OWNER = 5;
/** Creations and calls of the plan below. */
const TRANSACTIONS = 11;

describe("a deployment", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-deploy-"));
  let anvil: Anvil;
  let tokens: readonly Address[];
  let plan: object;
  beforeAll(async () => {
    anvil = await startAnvil();
    ({ tokens } = await deployExchange({
      client: anvil.client,
      owner: localSigner(anvil.keys[DEPLOYER] as Hex),
      operator: { address: anvil.addresses[1] as Address, name: "x", uri: "http://x.example" },
      roundSize: 160,
      disputeBond: 0n,
      tokens: [
        { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
        { name: "Dollar", symbol: "USDC", decimals: 6 },
      ],
    }));
    plan = {
      chainId: anvil.chainId,
      rpc: [anvil.url],
      owner: anvil.addresses[OWNER],
      manager: { kind: "roundRobin", genesisBlocks: 60, slotBlocks: 20, commitQuorum: 2 },
      roundSize: 160,
      disputeBond: "0.01",
      withdrawalBond: "0.001",
      tokens,
      operators: [1, 2].map((index) => ({
        address: anvil.addresses[index],
        name: `operator-${index}`,
        endpoint: `https://operator-${index}.example`,
      })),
    };
  });
  afterAll(async () => {
    await anvil.stop();
    rmSync(folder, { recursive: true });
  });

  const deploy = (file: string, ...more: string[]) =>
    runCli(["deploy", "--plan", file, "--yes", "--poll-ms", "15", ...more], {
      [KEY_VARIABLE]: anvil.keys[DEPLOYER] as string,
    });
  const verify = (manifest: string, ...more: string[]) =>
    runCli(["verify-deployment", "--manifest", manifest, "--rpc", anvil.url, "--json", ...more]);
  const nonce = () =>
    anvil.client.getTransactionCount({ address: anvil.addresses[DEPLOYER] as Address });
  const newPlan = (name: string, change: object = {}) => {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({ ...plan, ...change }));
    return file;
  };

  it("a deployment is shown and priced first, and nothing is sent", async () => {
    const before = await nonce();
    const { code, stderr } = await deploy(newPlan("dry"), "--dry-run");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain("operator-2");
    expect(stderr).toMatch(/gas +about \d{7,} in 11 transactions/);
    expect(await nonce()).toBe(before);
  });

  it("a dry run tells the least useful bonds, and warns of lower ones", async () => {
    const file = newPlan("bonds", { disputeBond: "0.026", withdrawalBond: "0.033" });
    const enough = await deploy(file, "--dry-run", "--bond-fee", "10");
    expect(enough.stderr).toMatch(
      /dispute bond +0\.026 ether; from 0\.02559 ether on .* at 10 gwei/,
    );
    expect(enough.stderr).toMatch(/withdrawal bond +0\.033 ether; from 0\.03245 ether on/);
    expect(enough.stderr).not.toContain("WARNING");
    const tooLow = await deploy(file, "--dry-run", "--bond-fee", "10.2");
    expect(tooLow.stderr).toMatch(/WARNING +These bonds are too low/);
  });

  it("a deployment that breaks off anywhere comes to one manager and one Mediator", async () => {
    const file = newPlan("broken");
    const parsed = readPlan(file);
    const signer = localSigner(anvil.keys[DEPLOYER] as Hex);
    const steps = stepsOf(parsed, signer.address).map(({ id }) => id);
    const points = steps.flatMap((step) => [
      `before the record of ${step}`,
      `before ${step} is sent`,
      `after ${step} was sent`,
      `before the end of ${step} is recorded`,
    ]);
    const before = await nonce();
    /** Whatever it remembered is gone: only the record on the disk goes on. */
    const goOn = (stopAt: string) =>
      carryOutDeployment({
        client: anvil.client,
        signer,
        plan: parsed,
        pollMs: 5,
        maxFeePerGas: 10n ** 12n,
        record: DeploymentRecord.open(join(folder, "broken.record.json"), parsed, signer.address),
        tell: () => {},
        onPoint: (point) => {
          if (point === stopAt) throw new Error(`stopped ${point}`);
        },
      });
    for (const point of points) await expect(goOn(point)).rejects.toThrow(`stopped ${point}`);
    const deployed = await goOn("");
    expect((await nonce()) - before).toBe(TRANSACTIONS);
    expect(await goOn("")).toEqual(deployed);
    expect((await nonce()) - before).toBe(TRANSACTIONS);
    const made = [];
    for (let at = before; at < before + TRANSACTIONS; at++) {
      const address = contractAddress(signer.address, at);
      if ((await anvil.client.getCode({ address })) !== undefined) made.push(address);
    }
    expect(made).toEqual([deployed.manager, deployed.mediator]);
  });

  it("a deployment goes on where its process was killed, and is as its manifest says", async () => {
    const file = newPlan("killed");
    const before = await nonce();
    for (const line of ["approval of operator-1", "deployment of the Mediator"]) {
      expect(await killedAt(file, line)).toBe("SIGKILL");
    }
    const { code, stdout, stderr } = await deploy(file);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/done already +[4-9] of 11/);
    expect((await nonce()) - before).toBe(TRANSACTIONS);

    const manifest = stdout.trim();
    const checks = JSON.parse((await verify(manifest)).stdout);
    expect(checks.ok).toBe(true);
    const warned = checks.checks.filter(({ state }: { state: string }) => state !== "ok");
    expect(warned.map(({ what }: { what: string }) => what)).toEqual([
      "owner of the mediator",
      "owner of the manager",
    ]);
    const { mediator, manager } = JSON.parse(readFileSync(manifest, "utf8"));
    const data = encodeAcceptOwnership();
    for (const to of [mediator, manager]) {
      await anvil.transact({ from: anvil.addresses[OWNER] as Address, to, data });
    }
    const accepted = JSON.parse((await verify(manifest)).stdout).checks;
    expect(accepted.every(({ state }: { state: string }) => state === "ok")).toBe(true);
  });

  it("a deployment is named by its manifest in other commands, on its own chain alone", async () => {
    const owner = (deployment: string) => {
      const file = join(folder, "owner.json");
      writeFileSync(file, JSON.stringify({ rpc: [anvil.url], deployment }));
      return runCli(["operators", "list", "--config", file, "--json"]);
    };
    const file = join(folder, "killed.manifest.json");
    const { mediator, manager } = JSON.parse(readFileSync(file, "utf8"));
    const listed = await owner(file);
    expect(listed, listed.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(listed.stdout)).toMatchObject({ manager, quorum: 2 });
    expect(mediator).toMatch(/^0x/);
    const elsewhere = await owner(changedManifest({ chainId: 1 }));
    expect(elsewhere.code).not.toBe(0);
    expect(elsewhere.stderr).toContain("serves chain 31337 instead of 1");
  });

  it("a deployment is published to a server that compiles it, by our own code alone", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      const done = { isJobCompleted: true, contract: { match: "match" } };
      response.end(JSON.stringify(request.method === "POST" ? { verificationId: "1" } : done));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const to = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const manifest = join(folder, "killed.manifest.json");
      const publish = (file: string) => verify(file, "--publish", to, "--poll-ms", "1");
      const { code, stdout } = await publish(manifest);
      const published = JSON.parse(stdout).checks.slice(-3);
      expect([code, published]).toMatchObject([
        0,
        ["mediator", "disputes", "manager"].map((what) => ({
          what: `sources of ${what}`,
          state: "ok",
          detail: `match, on ${to}`,
        })),
      ]);
      const { mediator, manager } = JSON.parse(readFileSync(manifest, "utf8"));
      expect(asked[0]).toBe(`POST /v2/verify/${anvil.chainId}/${mediator}`);
      expect(asked[4]).toBe(`POST /v2/verify/${anvil.chainId}/${manager}`);
      expect((await publish(changedManifest({ mediator: tokens[0] }))).code).toBe(1);
      expect(asked).toHaveLength(6);
    } finally {
      server.close();
    }
  });

  it.each([
    ["roundSize", 164, "round size"],
    ["disputes", "0x000000000000000000000000000000000000dEaD", "disputes"],
    ["disputeBond", "1", "dispute bond"],
    ["commitQuorum", 1, "commit quorum"],
    ["owner", "0x000000000000000000000000000000000000dEaD", "owner of the mediator"],
    ["operators", [], "operators"],
    ["tokens", [], "tokens"],
    ["genesisBlock", 1, "genesis block"],
  ])("a deployment whose manifest says another %s is found out", async (field, value, what) => {
    const manifest = readManifest(changedManifest({ [field]: value }));
    const checks = await verifyDeployment(anvil.client, manifest);
    const failed = checks.filter(({ state }) => state === "fail");
    expect(failed.map((one) => one.what)).toContain(what);
  });

  it("a deployment whose code is another's is found out, wherever it differs", async () => {
    const { code, stdout } = await verify(changedManifest({ mediator: tokens[0] }));
    expect(code).toBe(1);
    expect(JSON.parse(stdout).checks).toMatchObject([{ what: "code of mediator", state: "fail" }]);
    const { mediator } = JSON.parse(readFileSync(join(folder, "killed.manifest.json"), "utf8"));
    const real = (await anvil.client.getCode({ address: mediator })) as Hex;
    expect(isReleasedCode(real, "mediator")).toBe(true);
    for (const at of [10, real.length / 2, real.length - 2]) {
      const place = 2 * Math.floor(at / 2);
      const spoilt = real[place] === "f" ? "0" : "f";
      const code = real.slice(0, place) + spoilt + real.slice(place + 1);
      expect(isReleasedCode(code, "mediator"), String(place)).toBe(false);
    }
  });

  it.each([
    ["roundSize", { roundSize: 10 }],
    ["tokens.1", {}],
    [
      "manager.commitQuorum",
      { manager: { kind: "roundRobin", genesisBlocks: 1, slotBlocks: 1, commitQuorum: 3 } },
    ],
    [
      "operators.0.name",
      {
        operators: [
          { address: "0x000000000000000000000000000000000000dEaD", name: "", endpoint: "x" },
        ],
      },
    ],
  ])("a deployment with a bad %s is refused by that name", async (field, change) => {
    const twice = field === "tokens.1" ? { tokens: [tokens[0], tokens[0]] } : change;
    const file = newPlan("bad", twice);
    expect(() => readPlan(file)).toThrow(`${field}: `);
  });

  it("a deployment of another plan is not mixed up with this one", async () => {
    const file = newPlan("killed", { roundSize: 320 });
    expect((await deploy(file)).stderr).toContain("is of another plan");
  });

  function changedManifest(change: object): string {
    const known = JSON.parse(readFileSync(join(folder, "killed.manifest.json"), "utf8"));
    const file = join(folder, "changed.manifest.json");
    writeFileSync(file, JSON.stringify({ ...known, ...change }));
    return file;
  }

  /** Starts the command, and ends it with SIGKILL once it says `line`. */
  function killedAt(file: string, line: string): Promise<NodeJS.Signals | null> {
    const main = commandFile("cli/main");
    const args = [main, "deploy", "--plan", file, "--yes", "--poll-ms", "15"];
    const env = { ...process.env, [KEY_VARIABLE]: anvil.keys[DEPLOYER] as string };
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env });
    let said = "";
    child.stderr.on("data", (part) => {
      said += part;
      if (said.includes(line)) child.kill("SIGKILL");
    });
    return new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  }
});
