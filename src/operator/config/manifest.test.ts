import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { KEY_VARIABLE, parseConfig, readAccess } from "./config.ts";
import { readManifest, tokenNamed } from "./manifest.ts";

const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
const MEDIATOR = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0";
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const MANIFEST = {
  version: 1,
  chainId: 31337,
  mediator: MEDIATOR,
  manager: OWNER,
  managerKind: "single",
  genesisBlock: 7,
  roundSize: 160,
  disputeBond: "10000000000000000",
  withdrawalBond: "0",
  owner: OWNER,
  commitQuorum: 1,
  tokens: [
    { token: WETH, symbol: "WETH", decimals: 18 },
    { token: USDC, symbol: "USDC", decimals: 6 },
  ],
  operators: [{ address: OWNER, name: "one", endpoint: "https://one.example" }],
};

describe("the manifest of a deployment", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-manifest-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const written = (value: object) => {
    files += 1;
    const file = join(folder, `${files}.json`);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };
  const parse = (deployment: string, change: object = {}) =>
    parseConfig(
      {
        rpc: ["http://127.0.0.1:8545"],
        deployment,
        markets: [{ base: "WETH", quote: USDC, lot: "100", tick: "1" }],
        ...change,
      },
      { [KEY_VARIABLE]: `0x${"ab".repeat(32)}` },
      "quarterdeck.json",
    );

  it("the manifest stands for the addresses of a configuration, and names its chain", () => {
    const config = parse(written(MANIFEST));
    expect(config).toMatchObject({ mediator: MEDIATOR, chainId: 31337 });
    expect(config.markets).toMatchObject([{ base: WETH, quote: USDC }]);
    const owner = written({ rpc: ["http://127.0.0.1:8545"], deployment: written(MANIFEST) });
    expect(readAccess(owner, {})).toMatchObject({ mediator: MEDIATOR, chainId: 31337 });
  });

  it("the manifest is the only one to name them", () => {
    expect(() => parse(written(MANIFEST), { mediator: MEDIATOR })).toThrow(
      /mediator: the manifest/,
    );
    const market = { base: "WBTC", quote: USDC, lot: "1", tick: "1" };
    expect(() => parse(written(MANIFEST), { markets: [market] })).toThrow(/markets\.0\.base: /);
    expect(() => parse("")).toThrow(/deployment: Expected a file/);
  });

  it("a manifest is not guessed at where a symbol is of two tokens", () => {
    const { tokens } = MANIFEST;
    const twice = tokens.map((token) => ({ ...token, symbol: "WETH" }));
    const file = written({ ...MANIFEST, tokens: twice });
    expect(() => parse(file)).toThrow(/2 tokens of the manifest are called WETH/);
    const manifest = readManifest(written(MANIFEST));
    expect(tokenNamed(manifest, "USDC")).toBe(USDC);
    expect(tokenNamed(manifest, "usdc")).toBeUndefined();
  });

  it.each([
    [{ ...MANIFEST, mediator: "0x12" }, /mediator: /],
    [{ ...MANIFEST, disputeBond: 1 }, /disputeBond: /],
    [{}, /version: /],
  ])("a manifest is read as a whole or not at all: %#", (value, problem) => {
    expect(() => parse(written(value))).toThrow(problem);
    expect(() => parse(join(folder, "none.json"))).toThrow(/is no manifest/);
  });
});
