/** A trader's day at a terminal: every command against a running exchange, and at last without it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const KEY_VARIABLE = "QUARTERDECK_PRIVATE_KEY";
const WETH = 10n ** 18n;

describe("the traders' commands", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-trader-"));
  const config = join(folder, "trader.json");
  const evidence = join(folder, "evidence.jsonl");
  let exchange: TestExchange;
  let address: string;
  beforeAll(async () => {
    exchange = await startExchange();
    ({ address } = await exchange.client(0));
    const { anvil, mediator, url } = exchange;
    const common = { rpc: [anvil.url], mediator, operators: [url], evidence, pollMs: 15 };
    writeFileSync(config, JSON.stringify(common));
  });
  afterAll(async () => {
    await exchange.stop();
    rmSync(folder, { recursive: true });
  });

  const run = (...args: string[]) =>
    runCli([...args, "--config", config], {
      [KEY_VARIABLE]: exchange.anvil.keys[2] as string,
    });
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr }, args.join(" ")).toMatchObject({ code: 0 });
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await ok(...args, "--json"));

  it("traders deposit, order, read and cancel", async () => {
    expect(await ok("wallet")).toContain(`${address}\nether  `);
    expect(await ok("deposit", "10", "WETH")).toMatch(/^10 WETH on chain in block \d+/);
    await exchange.settle();
    const placed = await ok("order", "sell", "1.5", "WETH/USDC", "--price", "3000");
    expect(placed).toMatch(/^\d+ {2}round 0 {2}open {2}sell 1.5 WETH\/USDC at 3000, done 0\n$/);
    expect(await ok("book", "WETH/USDC")).toBe("sell  3000  1.5\n");
    const [order] = await json("orders");
    expect(order).toMatchObject({ state: "open", sellAmount: String((3n * WETH) / 2n) });
    expect(await ok("balance")).toContain("WETH  10  free 8.5, in orders 1.5");
    expect((await json("cancel", order.id)).state).toBe("cancelled");
    expect(await json("trades", "WETH/USDC")).toEqual([]);
  });

  it("traders audit, withdraw with its time, and keep evidence that holds", async () => {
    for (const round of [1, 2]) await exchange.toQuarter(round, 1);
    expect(await ok("audit")).toContain("round 2: no faults");
    await json("audit", "--round", "1");
    expect(await ok("withdraw", "4", "WETH")).toMatch(
      /^4 WETH asked for in block \d+: payable in \d+ blocks, about \d+ (s|min|h|days)\n$/,
    );
    expect(await ok("evidence", "report")).toContain("round 0: 0 proofs, 1 orders, 0 fills");
    expect(await ok("evidence", "verify")).toContain("all of it holds against the chain");

    const lines = (await ok("evidence", "export")).trim().split("\n");
    const proof = lines.find((line) => line.includes(`"token":"${exchange.weth}"`)) as string;
    const file = join(folder, "proof.json");
    writeFileSync(file, proof);
    expect(await ok("proof", "verify", file, "--client", address)).toContain("at the opening of");
    const wrong = await run("proof", "verify", file, "--client", exchange.mediator);
    expect(wrong).toMatchObject({ code: 2 });

    writeFileSync(file, `${lines.join("\n")}\n{}\n`);
    const merged = await run("evidence", "merge", file, "--json");
    expect(merged.code).toBe(2);
    expect(JSON.parse(merged.stdout)).toMatchObject({
      added: 0,
      refused: [{ line: lines.length + 1 }],
    });
  });

  it("traders are paid, and leave after a halt, while no operator runs", async () => {
    await exchange.toQuarter(3, 1);
    await ok("audit", "--round", "3");
    await exchange.toQuarter(4, 1);
    await ok("audit");
    await exchange.stopOperator();
    expect(await ok("confirm", "WETH")).toMatch(/^4 WETH paid to 0x/);
    await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 5, 1));
    expect(await ok("recover")).toContain("balance: 6 WETH");
    expect(await ok("round")).toContain("everything is out");
    const unreachable = await run("balance");
    expect(unreachable.code).toBe(1);
    expect(unreachable.stderr).toContain("quarterdeck: ");
  });

  it("the commands say what is wrong with a configuration, by its field", async () => {
    const bad = join(folder, "bad.json");
    writeFileSync(bad, JSON.stringify({ rpc: ["ftp://x"], mediator: exchange.mediator }));
    const { code, stderr } = await runCli(["balance", "--config", bad]);
    expect(code).toBe(78);
    expect(stderr).toContain("rpc.0: ");
  });

  it("the commands take place and operators from a manifest, on its chain alone", async () => {
    const { anvil, mediator, manager, schedule } = exchange;
    const deployment = join(folder, "exchange.manifest.json");
    const given = (chainId: number) => {
      const manifest = {
        version: 1,
        chainId,
        mediator,
        manager,
        managerKind: "single",
        ...schedule,
        disputeBond: "0",
        withdrawalBond: "0",
        owner: address,
        commitQuorum: 1,
        tokens: [],
        operators: [{ address, name: "one", endpoint: "http://127.0.0.1:1" }],
      };
      writeFileSync(deployment, JSON.stringify(manifest));
    };
    const common = { rpc: [anvil.url], deployment, evidence, pollMs: 15 };
    writeFileSync(config, JSON.stringify(common));
    given(anvil.chainId);
    expect(await ok("evidence", "verify")).toContain("all of it holds against the chain");
    // The operator of the manifest is the one that is asked.
    expect((await run("balance")).stderr).toContain("http://127.0.0.1:1");
    given(1);
    for (const command of [["evidence", "verify"], ["round"], ["balance"]]) {
      const { code, stderr } = await run(...command);
      expect([code, stderr], command.join(" ")).toEqual([
        expect.any(Number),
        expect.stringContaining("serves chain 31337 instead of 1"),
      ]);
      expect(code).not.toBe(0);
    }
  });

  it("the commands complete in a shell", async () => {
    const { stdout: script } = await runCli(["completion", "bash"]);
    const file = join(folder, "completion.bash");
    writeFileSync(file, script);
    const complete = (...words: string[]) => {
      const typed = words.map((word) => JSON.stringify(word)).join(" ");
      const code = `source ${file}; COMP_WORDS=(quarterdeck ${typed}); COMP_CWORD=${words.length}; _quarterdeck; echo "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["-c", code], { encoding: "utf8" }).trim().split(" ");
    };
    expect(complete("with")).toEqual(["withdraw"]);
    expect(complete("evidence", "")).toEqual(["report", "verify", "export", "merge", "--help"]);
    expect(complete("audit", "--o")).toEqual(["--offline"]);
    expect(readFileSync(file, "utf8")).toContain("complete -o default -F _quarterdeck quarterdeck");
  });
});
