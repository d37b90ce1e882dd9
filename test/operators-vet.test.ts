/** How an operator is approved: it applies, the owner vets it and adds it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { judgeBalance, judgeLag, judgeLatency, quantile } from "../src/admin/examine.ts";
import { checkTls } from "../src/admin/tls.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import type { Log } from "../src/base/log.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { SlotReader } from "../src/chain/contracts/roundRobinManager.ts";
import { localSigner } from "../src/chain/signer.ts";
import { KEY_VARIABLE, parseConfig } from "../src/operator/config/config.ts";
import { type RunningOperator, startOperator } from "../src/operator/node/node.ts";
import { type RunningServer, startServer } from "../src/server/server.ts";
import { type Anvil, freePort, startAnvil } from "./support/chain/anvil.ts";
import { runCli } from "./support/exchange/cli.ts";
import { until } from "./support/exchange/exchange.ts";
import { type Certificate, certificate, serveOverTls } from "./support/faults/tls.ts";

const [OWNER, FIRST, APPLICANT, IMPOSTOR] = [0, 1, 2, 3];
const SILENT: Log = { info() {}, warn() {}, error() {}, flush: async () => {} };

describe("an applicant", () => {
  let anvil: Anvil;
  let folder: string;
  let reader: SlotReader;
  let applicant: RunningOperator;
  let server: RunningServer;
  let url: string;
  let config: Record<string, unknown>;

  const file = (name: string) => join(folder, name);
  const run = (key: number, ...args: string[]) =>
    runCli(["operators", ...args], { [KEY_VARIABLE]: anvil.keys[key] as string });
  const owner = (...args: string[]) => run(OWNER, ...args, "--config", file("owner.json"));
  const QUICK = ["--requests", "3", "--every", "10"];

  const terms = () => ({
    client: anvil.client,
    owner: localSigner(anvil.keys[OWNER] as Hex),
    operator: { address: anvil.addresses[FIRST] as Address, name: "first", uri: "http://first" },
    slots: { genesisBlocks: 1000, slotBlocks: 10, others: [] },
    roundSize: 4000,
    disputeBond: 0n,
  });

  async function vetted(application: string) {
    const { code, stdout } = await owner("vet", file(application), "--json", ...QUICK);
    const report = JSON.parse(stdout);
    writeFileSync(file(`${application}.report`), stdout);
    const states = report.findings.map((one: { check: string; state: string }) => [
      one.check,
      one.state,
    ]);
    return { code, report, states: Object.fromEntries(states) };
  }

  beforeAll(async () => {
    anvil = await startAnvil();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-vet-"));
    const deployed = await deployExchange({
      ...terms(),
      tokens: [
        { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
        { name: "Dollar", symbol: "USDC", decimals: 6 },
      ],
    });
    reader = new SlotReader(anvil.client, deployed.manager);
    const [base, quote] = deployed.tokens;
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const access = { rpc: [anvil.url], mediator: deployed.mediator, pollMs: 20 };
    config = {
      ...access,
      markets: [{ base, quote, lot: "1000000000000000", tick: "10" }],
      confirmations: 1,
      storage: file("storage"),
      logs: file("logs"),
      port,
      publicUrl: url,
    };
    writeFileSync(file("owner.json"), JSON.stringify(access));
    writeFileSync(file("operator.json"), JSON.stringify(config));
    await anvil.mine(3);
    const parsed = parseConfig(config, { [KEY_VARIABLE]: anvil.keys[APPLICANT] }, "test");
    applicant = await startOperator(parsed, SILENT);
    server = await startServer(applicant.api, parsed);
    await until("it has caught up", () => applicant.api.notReady() === undefined);
  });
  afterAll(async () => {
    await server.close();
    await applicant.stop();
    await anvil.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("an applicant applies, is vetted, and is added with the report", async () => {
    const applied = ["apply", "--config", file("operator.json"), "--name", "second"];
    const out = ["--out", file("application.json")];
    expect(await run(APPLICANT, ...applied, ...out)).toMatchObject({ code: 0 });
    const application = JSON.parse(readFileSync(file("application.json"), "utf8"));
    const operator = anvil.addresses[APPLICANT];
    expect(application.application).toMatchObject({ operator, name: "second", endpoint: url });

    const { code, report, states } = await vetted("application.json");
    expect(states).toEqual({
      application: "ok",
      approval: "ok",
      tls: "warn",
      identity: "ok",
      version: "ok",
      exchange: "ok",
      head: "ok",
      journal: "ok",
      balance: "ok",
      latency: "ok",
    });
    expect([code, report.ok, report.latency.failures]).toEqual([0, true, 0]);
    const said = await owner("vet", file("application.json"), ...QUICK);
    expect(said.stdout).toContain(`${url} holds the key of ${operator}`);
    expect(said.stdout).toMatch(/1 warnings, 0 failures/);

    const files = [file("application.json"), "--report", file("application.json.report")];
    const added = await owner("add", ...files, "--yes");
    expect(added, added.stderr).toMatchObject({ code: 0 });
    const { operators } = await reader.slots();
    expect(operators.at(-1)).toEqual({ address: operator, name: "second", endpoint: url });
  });

  test("an applicant whose endpoint is another's is found out, and not added", async () => {
    const out = ["--name", "impostor", "--out", file("impostor.json")];
    await run(IMPOSTOR, "apply", "--config", file("operator.json"), ...out);
    const { code, report, states } = await vetted("impostor.json");
    expect([code, report.ok]).toEqual([1, false]);
    expect(states).toMatchObject({ application: "ok", identity: "fail", exchange: "fail" });
    const files = [file("impostor.json"), "--report", file("impostor.json.report")];
    expect((await owner("add", ...files, "--yes")).stderr).toMatch(/has failures/);
  });

  test("an applicant whose application was altered, or is for others, is found out", async () => {
    const out = ["--name", "third", "--out", file("third.json")];
    await run(APPLICANT, "apply", "--config", file("operator.json"), ...out);
    const signed = JSON.parse(readFileSync(file("third.json"), "utf8"));
    const renamed = { ...signed, application: { ...signed.application, name: "x" } };
    writeFileSync(file("renamed.json"), JSON.stringify(renamed));
    expect((await vetted("renamed.json")).states).toMatchObject({ application: "fail" });
    const elsewhere = { ...signed, chainId: 1 };
    writeFileSync(file("elsewhere.json"), JSON.stringify(elsewhere));
    expect((await vetted("elsewhere.json")).states).toMatchObject({ application: "fail" });
    await vetted("third.json");
    const files = [file("renamed.json"), "--report", file("third.json.report")];
    expect((await owner("add", ...files, "--yes")).stderr).toMatch(/altered after it was signed/);
    const bare = await owner("add", file("third.json"), "--yes");
    expect(bare.stderr).toMatch(/no application with a report/);
  });

  test("an applicant is added only to the exchange that it was vetted for", async () => {
    const applied = ["apply", "--config", file("operator.json"), "--name", "fourth"];
    await run(IMPOSTOR, ...applied, "--out", file("fourth.json"));
    const signed = JSON.parse(readFileSync(file("fourth.json"), "utf8"));
    const at = Math.floor(Date.now() / 1000);
    const own = { chainId: 31337, mediator: config.mediator, manager: signed.manager };
    const reporting = (exchange: object) => {
      const report = { ok: true, at, application: signed.signature.r, exchange };
      writeFileSync(file("fourth.report"), JSON.stringify(report));
    };
    const add = async (configuration: string) => {
      const files = [file("fourth.json"), "--report", file("fourth.report"), "--print-calls"];
      return run(OWNER, "add", ...files, "--config", file(configuration));
    };
    reporting(own);
    const other = await deployExchange({ ...terms(), tokens: [] });
    const access = { rpc: [anvil.url], mediator: other.mediator, pollMs: 20 };
    writeFileSync(file("other.json"), JSON.stringify(access));
    const elsewhere = await add("other.json");
    expect(elsewhere.code).toBe(78);
    expect(elsewhere.stderr).toContain(
      `The application is for the manager ${signed.manager}, and ${file("other.json")} is of the ` +
        `manager ${other.manager}.`,
    );
    reporting({ ...own, mediator: other.mediator });
    expect((await add("owner.json")).stderr).toContain(
      `for the Mediator ${other.mediator}, and ${file("owner.json")} is of the Mediator ` +
        `${config.mediator}.`,
    );
    reporting({ ...own, chainId: 1 });
    expect((await add("owner.json")).stderr).toMatch(/for the chain 1, and .* of the chain 31337/);
    reporting(own);
    // What comes next is the plan, which asks the applicant whether it lives.
    expect((await add("owner.json")).stderr).not.toMatch(/ is for the | is of the /);
  });

  test("an applicant serves a certificate of an authority that the owner knows", async () => {
    const serving = await serveOverTls({
      api: applicant.api,
      key: anvil.keys[APPLICANT] as Hex,
      chainId: 31337,
      manager: reader.manager,
    });
    onTestFinished(() => serving.close());
    const tls = { ...config, publicUrl: serving.url };
    writeFileSync(file("tls.json"), JSON.stringify(tls));
    const applied = ["apply", "--config", file("tls.json"), "--name", "secure"];
    await run(APPLICANT, ...applied, "--out", file("secure.json"));
    const vet = ["operators", "vet", file("secure.json"), "--config", file("owner.json"), ...QUICK];
    const trusting = { NODE_EXTRA_CA_CERTS: certificate("ca") };

    const passed = await runCli([...vet, "--json"], trusting);
    const { ok, findings } = JSON.parse(passed.stdout);
    expect([passed.code, ok], passed.stdout).toEqual([0, true]);
    const found = findings.find(({ check }: { check: string }) => check === "tls");
    expect(found).toMatchObject({ state: "ok" });
    expect(found.detail).toMatch(
      /by Quarterdeck tests, Private authority until Jan {2}1 00:00:00 2124 GMT, \d+ days left$/,
    );

    const strange = await runCli(vet);
    expect(strange.code).toBe(1);
    expect(strange.stdout).toMatch(/authority that this machine does not know/);
    expect(strange.stdout).toMatch(/NODE_EXTRA_CA_CERTS/);

    serving.present("expired");
    const late = await runCli(vet, trusting);
    expect(late.code).toBe(1);
    expect(late.stdout).toMatch(/expired: .* 2021 GMT/);
    expect(late.stdout).toMatch(/Renew it, and see that it renews itself\./);
  });

  test("an applicant may be asked for its identity only so often, and with 32 bytes", async () => {
    const ask = (challenge: string) => fetch(`${url}/v1/identity?challenge=${challenge}`);
    expect((await ask("0x12")).status).toBe(400);
    const challenge = `0x${"ab".repeat(32)}`;
    await until("it answers", async () => (await ask(challenge)).ok);
    const statuses = await Promise.all([1, 2, 3, 4].map(async () => (await ask(challenge)).status));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1);
    expect(statuses).toContain(429);
  });
});

describe("the examination", () => {
  beforeAll(() => {
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, readFileSync(certificate("ca"), "utf8")]);
    return () => setDefaultCACertificates(before);
  });
  const presenting = async (name: Certificate) => {
    const serving = await serveOverTls();
    onTestFinished(() => serving.close());
    serving.present(name);
    return serving;
  };

  test("the examination refuses service in the clear, or without a valid certificate", async () => {
    const state = async (endpoint: string) => (await checkTls(endpoint, Date.now()))[0];
    const hint = "Serve it over https: anybody on the way can read and change what is said.";
    expect(await state("http://exchange.example")).toEqual({
      check: "tls",
      state: "fail",
      detail: "orders would travel in the clear",
      hint,
    });
    expect(await state("http://127.0.0.1:8080")).toMatchObject({ state: "warn", hint });
    const noTls = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await new Promise((resolve) => noTls.once("listening", resolve));
    const { port } = noTls.address() as AddressInfo;
    expect(await state(`https://127.0.0.1:${port}`)).toMatchObject({
      state: "fail",
      hint: expect.stringMatching(/^Something must speak TLS there/),
    });
    await new Promise((resolve) => noTls.close(resolve));
    expect(await state(`https://127.0.0.1:${port}`)).toMatchObject({ state: "fail" });
  });

  test.each([
    ["expired", /^expired: certificate by Quarterdeck tests, .* 2021 GMT$/, /^Renew it/],
    ["early", /^not valid yet: /, /^Set the clocks/],
    ["otherName", /^for DNS:other\.example, and not for localhost: /, /^Serve one for localhost/],
    ["selfSigned", /^signed by itself alone: certificate by localhost until /, /public authority/],
  ] as const)("the examination names a certificate's fault: %s", async (name, detail, hint) => {
    const { url } = await presenting(name);
    const [found] = await checkTls(url, Date.now());
    expect(found).toMatchObject({ check: "tls", state: "fail" });
    expect(found?.detail).toMatch(detail);
    expect(found?.hint).toMatch(hint);
  });

  test("a certificate's issuer and end are told, with a warning two weeks before", async () => {
    const { url } = await presenting("good");
    const end = Date.parse("2124-01-01T00:00:00Z");
    const DAY_MS = 86_400_000;
    const shown = "certificate by Quarterdeck tests, Private authority until Jan  1 00:00:00 2124";
    const judged = async (days: number) => (await checkTls(url, end - days * DAY_MS))[0];
    expect(await judged(14)).toEqual({
      check: "tls",
      state: "ok",
      detail: `${shown} GMT, 14 days left`,
      hint: undefined,
    });
    expect(await judged(13.9)).toEqual({
      check: "tls",
      state: "warn",
      detail: `${shown} GMT, 13 days left`,
      hint: "See that it is renewed by itself.",
    });
    expect((await checkTls(url.replace("localhost", "127.0.0.1"), end - 20 * DAY_MS))[0]).toEqual(
      await judged(20),
    );
  });

  test("the examination lets three blocks of lag pass, of the head and of the journal", () => {
    const states = (chainHead: number, block: number) =>
      judgeLag({ chainHead, block }, 12, 100).map((one) => one.state);
    expect(states(97, 82)).toEqual(["ok", "ok"]);
    expect(states(96, 84)).toEqual(["fail", "ok"]);
    expect(states(100, 84)).toEqual(["ok", "fail"]);
  });

  test("the examination warns of little ether and slow answers, and fails without any", () => {
    const ether = [0n, 1n, 10n ** 18n].map((wei) => judgeBalance(wei).state);
    expect(ether).toEqual(["fail", "warn", "ok"]);
    const latency = { requests: 100, failures: 0, p50: 20, p99: 100 };
    expect(judgeLatency(latency).state).toBe("ok");
    expect(judgeLatency({ ...latency, p99: 3000 }).state).toBe("warn");
    expect(judgeLatency({ ...latency, failures: 1 }).state).toBe("warn");
    expect(judgeLatency({ ...latency, failures: 2 }).state).toBe("fail");
    expect(judgeLatency({ requests: 1, failures: 1, p50: null, p99: null }).state).toBe("fail");
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 99, 100]);
    expect(quantile([], 0.5)).toBeNull();
  });
});
