/**
 * Public balances: what an operator publishes is held against the chain by whoever mirrors it, and
 * gets a client out that kept nothing, when every operator is gone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import { localSigner } from "../src/chain/signer.ts";
import { Api } from "../src/client/api.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { mergeEvidence } from "../src/client/evidence/transfer.ts";
import { ExitClient } from "../src/client/rounds/exitClient.ts";
import { exitStep } from "../src/client/rounds/exitStep.ts";
import {
  checkPublishedBalances,
  type PublishedBalances,
  proofsFrom,
  readPublishedBalances,
} from "../src/client/rounds/publicBalances.ts";
import { hashPublishedBalances, rootsHash } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { SumTree, verifyProof } from "../src/protocol/sumTree.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;

describe("public balances", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-mirror-"));
  const config = join(folder, "trader.json");
  const mirror = join(folder, "mirror");
  let exchange: TestExchange;
  let ada: Address;
  let bob: Address;
  let published: PublishedBalances;

  beforeAll(async () => {
    exchange = await startExchange({ publicBalances: true });
    const { anvil, mediator, url } = exchange;
    const [first, second] = [await exchange.client(0), await exchange.client(1)];
    [ada, bob] = [first.address, second.address];
    await first.deposit("WETH", "10");
    await second.deposit("USDC", "700");
    const place = { rpc: [anvil.url], mediator, operators: [url], pollMs: 15 };
    writeFileSync(config, JSON.stringify(place));
    await exchange.toQuarter(1, 1);
    await exchange.toQuarter(2, 1);
    published = await new Api(url).call("fetchPublicBalances", { params: { round: 2 } });
  });
  afterAll(async () => {
    await exchange.stop();
    rmSync(folder, { recursive: true });
  });

  const check = async (value: PublishedBalances) =>
    checkPublishedBalances(value, exchange.reader, await exchange.reader.constants());

  it("public balances are the leaves of the committed trees, and prove each client's balance", async () => {
    await check(published);
    expect(published).toMatchObject({ round: 2, clients: [ada, bob] });
    for (const client of [ada, bob]) {
      const proofs = proofsFrom(published, client);
      expect(proofs).toHaveLength(2);
      for (const { token, proof } of proofs) {
        const commitment = (await exchange.reader.commitment(2, token)) as Hex;
        expect(verifyProof(commitment, client, proof).ok).toBe(true);
      }
    }
    expect(proofsFrom(published, ada)[0]?.proof.balance).toBe(10n * WETH);
    expect(proofsFrom(published, exchange.mediator)).toEqual([]);
  });

  /** Signed anew by whoever holds this key, so that nothing but the change is wrong. */
  async function signedAnew(value: PublishedBalances, key: number): Promise<PublishedBalances> {
    const signer = localSigner(exchange.anvil.keys[key] as Hex);
    const roots = value.tokens.map(({ token, balances }) => ({
      token,
      ...SumTree.build(
        balances.map((balance, index) => ({ client: value.clients[index] as Address, balance })),
      ).root(),
    }));
    const message = { round: value.round, rootsHash: rootsHash(roots) };
    const { domain } = await exchange.reader.constants();
    const signature = await signer.signMessage(domain, hashPublishedBalances(message));
    return { ...value, operator: signer.address, signature };
  }

  it.each<[string, (value: PublishedBalances) => PublishedBalances, RegExp]>([
    [
      "another balance",
      (value) => ({
        ...value,
        tokens: value.tokens.map((one) => ({
          ...one,
          balances: one.balances.map((balance) => balance + 1n),
        })),
      }),
      /are not those that round 2 committed/,
    ],
    [
      "clients in another order",
      (value) => ({ ...value, clients: [...value.clients].reverse() }),
      /are not those that round 2 committed/,
    ],
    [
      "a token left out",
      (value) => ({ ...value, tokens: value.tokens.slice(1) }),
      /has not the tokens of round 2/,
    ],
    ["a round to come", (value) => ({ ...value, round: 3 }), /round 3 is not committed/],
  ])(
    "public balances with %s are refused, though an operator signed them",
    async (_, change, why) => {
      const changed = await signedAnew(change(published), 1);
      await expect(check(changed)).rejects.toThrow(why);
    },
  );

  it("public balances signed by no operator, or of no such form, are refused", async () => {
    await expect(check(await signedAnew(published, 5))).rejects.toThrow(/no operator of round 2/);
    await check(await signedAnew(published, 1));
    const more = { ...published, clients: published.clients.slice(1) };
    await expect(check(more)).rejects.toThrow(/more leaves than clients/);
    expect(() => readPublishedBalances({ ...published, round: "2" })).toThrow(/round/);
  });

  it("public balances are mirrored as they are committed, and get a client out that kept nothing", async () => {
    const kept = await runCli(["mirror", "keep", "--to", mirror, "--once", "--config", config]);
    expect(kept, kept.stderr).toMatchObject({ code: 0 });
    expect(kept.stderr).toContain("round 1: 2 clients, as committed");
    const file = gunzipSync(readFileSync(join(mirror, "round-2.json.gz"))).toString("utf8");
    expect(readPublishedBalances(JSON.parse(file))).toEqual(published);
    await exchange.toQuarter(3, 1);
    await exchange.stopOperator();
    const { anvil, schedule, mediator, weth } = exchange;
    await anvil.mineTo(firstBlockOf(schedule, 4, 1));
    const gone = await runCli(["mirror", "keep", "--to", mirror, "--once", "--config", config]);
    expect(gone.code).toBe(2);

    const prove = ["mirror", "prove", "--to", mirror, "--client", ada, "--config", config];
    const { stdout, code, stderr } = await runCli([...prove, "--round", "2"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const evidence = new MemoryEvidence();
    expect(await mergeEvidence(evidence, stdout.trim().split("\n"))).toMatchObject({ added: 2 });
    const client = await ExitClient.open({
      rpc: anvil.url,
      mediator,
      signer: anvil.keys[2] as Hex,
      evidence,
      pollMs: 15,
    });
    const { recovered, isDone } = await exitStep(client);
    expect(recovered).toContainEqual({ what: "balance", token: weth, amount: 10n * WETH });
    expect(isDone).toBe(true);
  });
});

it("balances are published by nobody who was not told to", async () => {
  const exchange = await startExchange();
  try {
    await exchange.toQuarter(1, 1);
    const api = new Api(exchange.url);
    await expect(api.call("fetchPublicBalances", { params: { round: 1 } })).rejects.toMatchObject({
      code: "NotFound",
    });
  } finally {
    await exchange.stop();
  }
});
