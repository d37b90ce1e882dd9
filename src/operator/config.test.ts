import { describe, expect, it } from "vitest";
import { KEY_VARIABLE, parseConfig, RPC_VARIABLE } from "./config.ts";

const KEY = `0x${"ab".repeat(32)}`;
const BASE = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
const GOOD = {
  rpc: ["http://127.0.0.1:8545"],
  mediator: "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
  markets: [{ base: BASE, quote: QUOTE, lot: "100", tick: "1" }],
};

function parse(json: unknown, environment: NodeJS.ProcessEnv = { [KEY_VARIABLE]: KEY }) {
  return parseConfig(json, environment, "quarterdeck.json");
}

describe("the configuration", () => {
  it("fills in defaults and reads money as bigint", () => {
    const config = parse(GOOD);
    expect(config.confirmations).toBe(12);
    expect(config.minBalance).toBe(10n ** 19n);
    expect(config.markets[0]?.lot).toBe(100n);
  });

  it("takes endpoints from the environment", () => {
    const environment = { [KEY_VARIABLE]: KEY, [RPC_VARIABLE]: "http://a:1,http://b:2" };
    expect(parse(GOOD, environment).rpc).toEqual(["http://a:1", "http://b:2"]);
  });

  it.each([
    [{ ...GOOD, mediator: "0x12" }, /quarterdeck\.json: mediator: /],
    [{ ...GOOD, port: 70_000 }, /port: /],
    [{ ...GOOD, rpc: [] }, /rpc: Expected at least one endpoint/],
    [{ ...GOOD, rpc: ["ftp://x"] }, /rpc\.0: /],
    [{ ...GOOD, markets: [{ ...GOOD.markets[0], lot: "0" }] }, /markets\.0\.lot: .*above zero/],
    [{ ...GOOD, markets: [{ ...GOOD.markets[0], tick: 1 }] }, /markets\.0\.tick: /],
    [{ ...GOOD, colour: "red" }, /colour/],
    [[], /the whole/],
  ])("names the field that is wrong: %#", (json, message) => {
    expect(() => parse(json)).toThrow(message);
  });

  it("never shows a key, not even a wrong one", () => {
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).toThrow(KEY_VARIABLE);
    expect(() => parse(GOOD, { [KEY_VARIABLE]: "0xsecret" })).not.toThrow("secret");
    expect(() => parse(GOOD, {})).toThrow(/is not set/);
  });
});
