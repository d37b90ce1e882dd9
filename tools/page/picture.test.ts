/** The first picture that operators draw: the exchange's facts as HTML, before any script runs. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { ensurePage } from "./build.ts";

const addressOf = (byte: string) => `0x${byte.repeat(20)}`;
const facts = {
  exchange: {
    chainId: 31_337,
    mediator: addressOf("11"),
    manager: addressOf("22"),
    operator: addressOf("33"),
    schedule: { genesisBlock: 0, roundSize: 400 },
    confirmations: 1,
    markets: [],
    tokens: [],
    limits: { ordersPerClientAndRound: 100 },
  },
  clock: {
    chainHead: 1101,
    block: 1100,
    round: 2,
    quarter: 3,
    nextQuarterBlock: 1200,
    blocksLeft: 99,
    committedRound: 2,
    haltRound: null as number | null,
  },
  rpc: ["http://node.example/key"],
  operators: [],
};

describe("the first picture", () => {
  let draw: (facts: object) => string;
  beforeAll(async () => {
    const file = join(await ensurePage(), "picture.mjs");
    const { drawPicture } = await import(pathToFileURL(file).href);
    draw = (given) => drawPicture(JSON.stringify(given));
  }, 240_000);

  it("the first picture shows the round, what is left of it, and what is committed", () => {
    const html = draw(facts);
    const text = html.replaceAll(/<[^>]*>/g, "");
    for (const words of ["blocks left", "Round 2 committed", "Round 3 opens", "Connect"]) {
      expect(text).toContain(words);
    }
    expect(html).toContain("<strong>99</strong>");
  });

  it("each picture is of its own facts, and says so where the exchange is HALTED", () => {
    const { clock } = facts;
    expect(draw({ ...facts, clock: { ...clock, blocksLeft: 7 } })).toContain("<strong>7</strong>");
    expect(draw({ ...facts, clock: { ...clock, haltRound: 2 } })).toContain("HALTED");
    const again = draw(facts);
    expect(again).toContain("<strong>99</strong>");
    expect(again).not.toContain("HALTED. Your money");
  });

  it("the first picture has nothing that the policy refuses, nor the key of an endpoint", () => {
    const html = draw(facts);
    expect(html).not.toMatch(/<script| style=| on[a-z]+=/);
    expect(html).toContain("node.example");
    expect(html).not.toContain("/key");
  });

  it("facts of another shape draw nothing", () => {
    expect(() => draw({ ...facts, clock: undefined })).toThrow();
  });
});
