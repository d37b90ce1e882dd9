/**
 * Two operators on one journal. The endpoint of the one that leads goes on answering and shows no
 * new block any more, which looks to it as if the chain stood still: the other takes the lead, and
 * the exchange does not halt for it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import type { Log } from "../src/base/log.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { MediatorReader } from "../src/chain/contracts/mediator.ts";
import { localSigner } from "../src/chain/signer.ts";
import { KEY_VARIABLE, parseConfig } from "../src/operator/config/config.ts";
import { type RunningOperator, startOperator } from "../src/operator/node/node.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { type Anvil, startAnvil } from "./support/chain/anvil.ts";
import { startPostgres } from "./support/database/postgres.ts";
import { until } from "./support/exchange/exchange.ts";
import { type HttpProxy, type RpcAnswer, startHttpProxy } from "./support/faults/proxy.ts";

const PACE_MS = 250;
const log: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: async () => {} };

interface Approved {
  readonly address: Address;
  readonly name: string;
  readonly uri: string;
}

interface Member {
  readonly operator: RunningOperator;
  readonly proxy: HttpProxy;
}

/** From now on everything is answered as it is answered the first time. */
function freeze(proxy: HttpProxy): void {
  const answers = new Map<string, Promise<RpcAnswer>>();
  proxy.meddle = (call, forward) => {
    const question = JSON.stringify(call);
    const answer = answers.get(question) ?? forward();
    answers.set(question, answer);
    return answer;
  };
}

async function isLeading({ operator }: Member): Promise<boolean> {
  return /^quarterdeck_leading 1$/m.test(await operator.api.metrics());
}

async function startBoth(anvil: Anvil) {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.remove());
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-frozen-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const keys = anvil.keys.slice(1, 3) as [Hex, Hex];
  const [first, second] = keys.map((key, i) => ({
    address: localSigner(key).address,
    name: `operator-${i}`,
    uri: `http://127.0.0.1:${i + 1}`,
  })) as [Approved, Approved];
  const { mediator, tokens } = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: first,
    slots: { genesisBlocks: 40, slotBlocks: 12, others: [second] },
    roundSize: 160,
    disputeBond: 0n,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
  const schema = postgres.schema();
  const members: Member[] = [];
  for (const [i, key] of keys.entries()) {
    const proxy = await startHttpProxy(anvil.url);
    onTestFinished(() => proxy.stop());
    const json = {
      rpc: [proxy.url],
      mediator,
      confirmations: 1,
      pollMs: 15,
      markets: [{ base: tokens[0], quote: tokens[1], lot: "1000000000000000", tick: "10" }],
      database: { url: postgres.url, schema, leaseMs: 200 },
      publicUrl: `http://127.0.0.1:${i + 1}`,
      storage: join(folder, `${i}`),
      logs: join(folder, `${i}`),
    };
    const operator = await startOperator(parseConfig(json, { [KEY_VARIABLE]: key }, "test"), log);
    onTestFinished(() => operator.stop());
    members.push({ operator, proxy });
  }
  return { members, reader: new MediatorReader(anvil.client, mediator) };
}

test("an endpoint that stands still costs its operator the lead, and the exchange nothing", async () => {
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  const { members, reader } = await startBoth(anvil);
  const { schedule } = await reader.constants();
  const opening = firstBlockOf(schedule, 1);
  await anvil.mineTo(opening - 2);
  await until("both follow", () =>
    members.every(({ operator }) => operator.api.clock().block >= opening - 3),
  );

  let leader: Member | undefined;
  await until("one leads", async () => {
    for (const member of members) if (await isLeading(member)) leader = member;
    return leader !== undefined;
  });
  const other = members.find((member) => member !== leader) as Member;
  freeze((leader as Member).proxy);
  for (let i = 0; i < 8; i++) {
    await anvil.mine();
    await sleep(PACE_MS);
  }
  await until("the other takes the blocks", () => other.operator.api.clock().block > opening);

  await until("the round is committed", async () => {
    await anvil.mine();
    await sleep(PACE_MS);
    const { halted, committedRound } = await reader.clock();
    expect(halted).toBe(false);
    return committedRound === 1;
  });
});
