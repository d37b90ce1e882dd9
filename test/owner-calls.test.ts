/**
 * The calls of both owners on a real chain: shown, written for a Safe and executed from the file,
 * or sent, and each seen on chain afterwards.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFunctionData, parseAbiItem } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Access, openAccess } from "../src/admin/openAccess.ts";
import {
  acceptCall,
  claimBondsCall,
  connectOwned,
  listTokenCall,
  type OwnedExchange,
  type OwnerCall,
  setOperatorCall,
  transferCall,
} from "../src/admin/owner/calls.ts";
import { type CallFlags, carryOutCall } from "../src/admin/owner/carryOut.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { readOwners } from "../src/chain/contracts/ownership.ts";
import { localSigner } from "../src/chain/signer.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { type Anvil, startAnvil } from "./support/chain/anvil.ts";
import { runCli } from "./support/exchange/cli.ts";

const [OWNER, OPERATOR, NEXT, STRANGER] = [0, 1, 2, 3];
const LAST_ROUND = 2 ** 48;

describe("the calls of owners", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-owner-"));
  const config = join(folder, "owner.json");
  const safe = join(folder, "safe.json");
  let anvil: Anvil;
  let unlisted: Address;
  let mediator: Address;
  let manager: Address;
  let snapshot: Hex;
  let said: string[];

  const address = (index: number) => anvil.addresses[index] as Address;
  const key = (index: number) => anvil.keys[index] as Hex;

  beforeAll(async () => {
    anvil = await startAnvil();
    const owner = localSigner(key(OWNER));
    ({ mediator, manager } = await deployExchange({
      client: anvil.client,
      owner,
      operator: { address: address(OPERATOR), name: "one", uri: "https://one.example" },
      roundSize: 160,
      disputeBond: 0n,
      tokens: [{ name: "Wrapped Ether", symbol: "WETH", decimals: 18 }],
    }));
    // A token that another exchange lists, and this one not yet.
    const other = await deployExchange({
      client: anvil.client,
      owner,
      operator: { address: address(OPERATOR), name: "one", uri: "https://one.example" },
      roundSize: 160,
      disputeBond: 0n,
      tokens: [{ name: "Dollar", symbol: "USDC", decimals: 6 }],
    });
    unlisted = other.tokens[0] as Address;
    const place = { rpc: [anvil.url], mediator, pollMs: 15 };
    writeFileSync(config, JSON.stringify(place));
    snapshot = await anvil.snapshot();
    vi.spyOn(process.stderr, "write").mockImplementation((line) => {
      said.push(String(line).trimEnd());
      return true;
    });
    vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  });
  beforeEach(async () => {
    said = [];
    await anvil.revert(snapshot);
    snapshot = await anvil.snapshot();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await anvil.stop();
    rmSync(folder, { recursive: true });
  });

  const accessOf = (index: number): Access => ({
    ...openAccess(config),
    openSigner: async () => localSigner(key(index)),
  });
  const carryOut = async (
    callOf: (exchange: OwnedExchange) => Promise<OwnerCall>,
    by: number,
    flags: Omit<CallFlags, "config"> = { yes: true },
  ) => {
    const exchange = await connectOwned(accessOf(by).chain);
    await carryOutCall(accessOf(by), exchange, await callOf(exchange), { config, ...flags });
  };
  const listed = async () => {
    const exchange = await connectOwned(accessOf(OWNER).chain);
    return exchange.mediator.tokenSet(LAST_ROUND);
  };
  const list = (exchange: OwnedExchange) => listTokenCall(exchange, unlisted);

  it("owner calls are shown as a table with gas and deadlines, and nothing is sent", async () => {
    await carryOut(list, OWNER, { dryRun: true });
    const table = said.join("\n");
    expect(table).toContain(`token           USDC ${unlisted}, 6 decimals`);
    expect(table).toContain("tokens          1 -> 2 of 32");
    expect(table).toMatch(/gas {13}about \d{5,}, 0\.\d+ ether now/);
    expect(table).toMatch(/due {13}the commit of round 1: block \d+/);
    expect(await listed()).not.toContain(unlisted);
  });

  it("owner calls are sent by their owner alone, and seen; what is so already is not sent", async () => {
    await expect(carryOut(list, STRANGER)).rejects.toMatchObject({ code: "NotOwner" });
    await expect(carryOut(list, OWNER, {})).rejects.toMatchObject({ code: "NotConfirmed" });
    await carryOut(list, OWNER);
    expect(await listed()).toContain(unlisted);
    const block = await anvil.blockNumber();
    await carryOut(list, OWNER);
    expect(said.at(-1)).toBe("listing of USDC: the chain shows it already");
    expect(await anvil.blockNumber()).toBe(block);
  });

  it("owner calls are refused before anybody is asked, where the contract would refuse them", async () => {
    const refused = (call: (exchange: OwnedExchange) => Promise<OwnerCall>) =>
      expect(carryOut(call, OWNER)).rejects.toMatchObject({ code: "CallRefused" });
    await refused((exchange) => listTokenCall(exchange, address(STRANGER)));
    await refused((exchange) => acceptCall(exchange, "manager"));
    await refused((exchange) => claimBondsCall(exchange, address(OPERATOR), address(OPERATOR)));
    const { schedule } = (await connectOwned(accessOf(OWNER).chain)).constants;
    await anvil.mineTo(firstBlockOf(schedule, 1, 1));
    await refused(list);
  });

  it("owner calls put another operator in the place of the only one", async () => {
    const next = { address: address(NEXT), name: "two", endpoint: "https://two.example" };
    await carryOut((exchange) => setOperatorCall(exchange, next), OWNER);
    const { mediator: reader } = await connectOwned(accessOf(OWNER).chain);
    expect(await reader.operator(manager)).toEqual({
      address: next.address,
      name: "two",
      uri: next.endpoint,
    });
    expect(said.join("\n")).toContain("else the exchange HALTS");
  });

  it("owner calls hand both contracts over in two steps", async () => {
    for (const of of ["mediator", "manager"] as const) {
      const at = of === "mediator" ? mediator : manager;
      await carryOut((exchange) => transferCall(exchange, of, address(NEXT)), OWNER);
      expect(await readOwners(anvil.client, at)).toEqual({
        owner: address(OWNER),
        pending: address(NEXT),
      });
      const accept = (exchange: OwnedExchange) => acceptCall(exchange, of);
      await expect(carryOut(accept, OWNER)).rejects.toMatchObject({ code: "NotOwner" });
      await carryOut(accept, NEXT);
      expect(await readOwners(anvil.client, at)).toEqual({
        owner: address(NEXT),
        pending: undefined,
      });
    }
  });

  it("owner calls do the same from a Safe's file: by its calldata, and by what signers read", async () => {
    await carryOut(list, OWNER, { safe });
    expect(await listed()).not.toContain(unlisted);
    const { chainId, meta, transactions } = JSON.parse(readFileSync(safe, "utf8"));
    expect(chainId).toBe(String(anvil.chainId));
    expect(meta.description).toMatch(/Due: the commit of round 1, last block \d+\./);
    const [{ to, data, contractMethod, contractInputsValues }] = transactions;
    const signature = contractMethod.inputs.map((one: { type: string }) => one.type).join();
    const item = parseAbiItem(`function ${contractMethod.name}(${signature})`);
    const args = Object.values(contractInputsValues);
    expect(encodeFunctionData({ abi: [item], args } as never)).toBe(data);
    await anvil.transact({ from: address(OWNER), to, data });
    expect(await listed()).toContain(unlisted);
  });

  it("owner calls are commands", async () => {
    vi.restoreAllMocks();
    const shown = await runCli(["owner", "show", "--config", config, "--json"]);
    expect(shown, shown.stderr).toMatchObject({ code: 0 });
    const { owned, deadlines } = JSON.parse(shown.stdout);
    expect(owned).toEqual([
      { contract: "mediator", address: mediator, owner: address(OWNER), pending: null },
      { contract: "manager", address: manager, owner: address(OWNER), pending: null },
    ]);
    expect(deadlines[0].what).toBe("the commit of round 1");
    const transfer = ["owner", "transfer", "manager", address(NEXT)];
    const written = await runCli([...transfer, "--safe", safe, "--config", config]);
    expect(written, written.stderr).toMatchObject({ code: 0, stdout: `${safe}\n` });
  });
});
