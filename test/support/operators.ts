/** An exchange with several operators, each a process of its own, on one journal in PostgreSQL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { Address, Hex } from "../../src/base/hex.ts";
import { deployExchange } from "../../src/chain/deploy.ts";
import { MediatorReader } from "../../src/chain/mediator.ts";
import { Submitter } from "../../src/chain/send.ts";
import { localSigner } from "../../src/chain/signer.ts";
import { encodeMint } from "../../src/chain/tokens.ts";
import { TurnReader } from "../../src/chain/turns.ts";
import { Api } from "../../src/client/api.ts";
import { ExchangeClient } from "../../src/client/client.ts";
import { MemoryEvidence } from "../../src/client/evidence.ts";
import { KEY_VARIABLE } from "../../src/operator/config.ts";
import type { Schedule } from "../../src/protocol/units.ts";
import { type Anvil, freePort, startAnvil } from "./anvil.ts";
import { CONFIRMATIONS, until } from "./exchange.ts";
import { type OperatorProcess, spawnOperator } from "./operatorProcess.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";
import { startTcpProxy, type TcpProxy } from "./proxy.ts";

/** What an operator can be cut off from. */
export type Line = "database" | "chain" | "clients";

/** One operator: a key, a folder and a place, whether its process runs or not. */
export interface TestOperator {
  readonly address: Address;
  /** Where clients reach it, as the manager says. */
  readonly url: string;
  /** Undefined before its first start. */
  readonly process: OperatorProcess | undefined;
  start(): Promise<void>;
  /**
   * Swallows what goes over the line, both ways, without closing it. The chain refuses: in the time
   * that an unanswered question takes, a test's blocks would end a deadline.
   */
  cut(line: Line): void;
  /** Lets it through again, over new connections. */
  mend(line: Line): void;
}

/** The head of the shared journal. */
export interface LeaseRow {
  readonly epoch: number;
  readonly sequence: number;
  readonly holder: string | null;
}

export interface Operators {
  readonly anvil: Anvil;
  readonly database: TestPostgres;
  readonly mediator: Address;
  readonly manager: Address;
  readonly weth: Address;
  readonly usdc: Address;
  readonly schedule: Schedule;
  readonly reader: MediatorReader;
  readonly turns: TurnReader;
  readonly all: readonly TestOperator[];
  readonly folder: string;
  lease(): Promise<LeaseRow>;
  /** Records that were written in an epoch after `sequence`. */
  recordsOf(epoch: number, sequence: number): Promise<number>;
  /** The operator that holds the lease and runs. */
  leader(): Promise<TestOperator>;
  /** A transaction of the manager's owner. */
  govern(what: string, data: Hex): Promise<void>;
  /** A client with a funded wallet, joined. `index` from 0. */
  client(index: number): Promise<ExchangeClient>;
  stop(): Promise<void>;
}

export interface OperatorsOptions {
  readonly roundSize: number;
  readonly slotBlocks: number;
  readonly leaseMs?: number;
}

const COUNT = 3;
const POLL_MS = 20;
/** A port where nothing listens. */
const NOBODY = 1;
/** Keys of the local chain: 0 is the owner's, then the operators', then the clients'. */
const FIRST_CLIENT = 1 + COUNT;
const MAX_FEE = 10n ** 12n;

export async function startOperators(options: OperatorsOptions): Promise<Operators> {
  const [anvil, database] = await Promise.all([startAnvil(), startPostgres()]);
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-operators-"));
  const schema = database.schema();
  const keys = anvil.keys.slice(1, FIRST_CLIENT);
  const places = await Promise.all(keys.map(() => placeOf(anvil, database)));
  const [first, ...others] = keys.map((key, i) => ({
    address: localSigner(key).address,
    name: `Operator ${i}`,
    uri: urlOf((places[i] as Place).clients.port),
  }));
  const deployed = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: first as NonNullable<typeof first>,
    slots: { genesisBlocks: options.slotBlocks, slotBlocks: options.slotBlocks, others },
    roundSize: options.roundSize,
    disputeBond: 0n,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
  const [weth, usdc] = deployed.tokens as [Address, Address];
  const { mediator, manager } = deployed;
  const reader = new MediatorReader(anvil.client, mediator);
  const { schedule } = await reader.constants();
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  const all = keys.map((key, i) => {
    const place = places[i] as Place;
    const file = {
      rpc: [urlOf(place.chain.port)],
      mediator,
      markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
      confirmations: CONFIRMATIONS,
      port: place.port,
      publicUrl: urlOf(place.clients.port),
      storage: join(folder, `storage-${i}`),
      logs: join(folder, `logs-${i}`),
      pollMs: POLL_MS,
      maxTries: 100,
      database: { schema, ...(options.leaseMs !== undefined && { leaseMs: options.leaseMs }) },
    };
    const url = new URL(database.url);
    url.port = String(place.database.port);
    const environment = { [KEY_VARIABLE]: key, QUARTERDECK_DATABASE: url.href };
    const spawn = () =>
      spawnOperator(join(folder, `operator-${i}.json`), file, key, { environment });
    return testOperator(localSigner(key).address, place, spawn);
  });
  const lease = async () => {
    const [row] = await sql<{ epoch: string; sequence: string; holder: string | null }[]>`
      SELECT epoch, sequence, CASE WHEN expires_at > now() THEN holder END AS holder
      FROM ${sql(schema)}.head`;
    if (row === undefined) throw new Error("the journal has no head");
    return { ...row, epoch: Number(row.epoch), sequence: Number(row.sequence) };
  };
  const chainId = await anvil.client.getChainId();
  const submitterOf = (key: Hex) =>
    new Submitter({
      ...{ client: anvil.client, signer: localSigner(key), chainId },
      ...{ maxFeePerGas: MAX_FEE, pollMs: POLL_MS },
    });
  await Promise.all(all.map((operator) => operator.start()));
  // The last token's listing becomes final with the next blocks.
  await anvil.mine(CONFIRMATIONS);
  await Promise.all(all.map(({ url }) => follows(url, anvil)));
  return {
    ...{ anvil, database, mediator, manager, weth, usdc, schedule, reader, all, folder, lease },
    turns: new TurnReader(anvil.client, manager),
    recordsOf: async (epoch, sequence) => {
      const rows = await sql`SELECT 1 FROM ${sql(schema)}.record
        WHERE epoch = ${epoch} AND sequence > ${sequence}`;
      return rows.length;
    },
    leader: async () => {
      let found: TestOperator | undefined;
      await until("somebody leads", async () => {
        const { holder } = await lease();
        found = all.find(({ address }) => address === holder);
        return found !== undefined;
      });
      return found as TestOperator;
    },
    govern: async (what, data) => {
      await submitterOf(anvil.keys[0] as Hex).send({ what, to: manager, data });
    },
    client: async (index) => {
      const privateKey = anvil.keys[FIRST_CLIENT + index] as Hex;
      const submitter = submitterOf(privateKey);
      const { address } = localSigner(privateKey);
      for (const [to, amount] of [
        [weth, 1000n * 10n ** 18n],
        [usdc, 1_000_000n * 10n ** 6n],
      ] as const) {
        await submitter.send({ what: "mint", to, data: encodeMint(address, amount) });
      }
      return ExchangeClient.join({
        ...{ operator: all.map(({ url }) => url), rpc: [anvil.url], mediator, privateKey },
        ...{ evidence: new MemoryEvidence(), pollMs: POLL_MS },
      });
    },
    stop: async () => {
      await Promise.all(all.map((operator) => operator.process?.kill("SIGKILL")));
      for (const place of places) for (const line of LINES) place[line].stop();
      await sql.end({ timeout: 0 });
      await Promise.all([anvil.stop(), database.remove()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const LINES: readonly Line[] = ["database", "chain", "clients"];

/** The port of an operator, and what stands between it and everybody else. */
type Place = { readonly port: number } & Readonly<Record<Line, TcpProxy>>;

async function placeOf(anvil: Anvil, database: TestPostgres): Promise<Place> {
  const port = await freePort();
  return {
    port,
    database: await startTcpProxy(database.port),
    chain: await startTcpProxy(Number(new URL(anvil.url).port)),
    clients: await startTcpProxy(port),
  };
}

/** Ready is also who trails a few blocks, in which a new chain may have listed all its tokens. */
async function follows(url: string, anvil: Anvil): Promise<void> {
  const head = await anvil.blockNumber();
  await until("the operator follows", async () => {
    return (await new Api(url).call("fetchClock")).block >= head - CONFIRMATIONS;
  });
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function testOperator(address: Address, place: Place, spawn: () => OperatorProcess): TestOperator {
  const chainPort = place.chain.target;
  let running: OperatorProcess | undefined;
  return {
    address,
    url: urlOf(place.clients.port),
    get process() {
      return running;
    },
    start: async () => {
      const operator = spawn();
      running = operator;
      let ended = false;
      operator.ended.then(() => {
        ended = true;
      });
      await until("the operator is ready", async () => {
        if (ended) throw new Error(`the operator ended: ${operator.complaint()}`);
        const answer = await fetch(`${operator.url}/health/ready`).catch(() => undefined);
        return answer?.ok === true;
      });
    },
    cut: (line) => {
      if (line === "chain") {
        place.chain.target = NOBODY;
        place.chain.cut();
      } else {
        place[line].deaf = true;
      }
    },
    mend: (line) => {
      place[line].deaf = false;
      place.chain.target = chainPort;
      // What was swallowed is missing in the midst of a stream.
      place[line].cut();
    },
  };
}
