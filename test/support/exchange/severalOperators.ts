/**
 * An exchange whose operators take turns: processes of their own on one PostgreSQL and one chain.
 * They can be killed, paused, cut off and started again.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { keccak256 } from "viem";
import type { Address, Hex } from "../../../src/base/hex.ts";
import { deployExchange } from "../../../src/chain/contracts/deploy.ts";
import { MediatorReader } from "../../../src/chain/contracts/mediator.ts";
import { encodeClaimFor, SlotReader } from "../../../src/chain/contracts/roundRobinManager.ts";
import { encodeMint } from "../../../src/chain/contracts/tokens.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { Submitter } from "../../../src/chain/submit/submitter.ts";
import { Api } from "../../../src/client/api.ts";
import { ExchangeClient } from "../../../src/client/client.ts";
import { MemoryEvidence } from "../../../src/client/evidence/evidence.ts";
import { KEY_VARIABLE } from "../../../src/operator/config/config.ts";
import type { Schedule } from "../../../src/protocol/units.ts";
import { type Anvil, startAnvil } from "../chain/anvil.ts";
import { startPostgres, type TestPostgres } from "../database/postgres.ts";
import { type Meddle, startHttpProxy } from "../faults/proxy.ts";
import { type Ended, runCli } from "./cli.ts";
import { CONFIRMATIONS, until } from "./exchange.ts";
import {
  createMember,
  findPlace,
  leavePlace,
  type Member,
  type Place,
  portOf,
  urlOf,
} from "./member.ts";

export type { Line, Member } from "./member.ts";

/** The head of the shared journal. */
export interface LeaseRow {
  readonly epoch: number;
  readonly sequence: number;
  /** Undefined while nobody holds it. */
  readonly holder: Address | undefined;
}

/** A record of the shared journal, and in which epoch it was written. */
export interface RecordRow {
  readonly sequence: number;
  readonly epoch: number;
  readonly payload: Uint8Array;
}

export interface OperatorsExchange {
  readonly anvil: Anvil;
  readonly postgres: TestPostgres;
  readonly mediator: Address;
  readonly manager: Address;
  readonly weth: Address;
  readonly usdc: Address;
  readonly reader: MediatorReader;
  readonly slotReader: SlotReader;
  readonly schedule: Schedule;
  readonly members: readonly Member[];
  /** Goes with the exchange. */
  readonly folder: string;
  /** A client with deposits of both tokens, joined. `index` from 0. */
  client(index: number): Promise<ExchangeClient>;
  lease(): Promise<LeaseRow>;
  /** Records after `sequence`, in order. */
  records(sequence: number): Promise<RecordRow[]>;
  /** The member that holds the lease, and runs. */
  leader(): Promise<Member>;
  /**
   * From now on every node that an operator asks takes its claims of slots, and no block ever has
   * them; until what this resolves with is called.
   */
  holdClaims(): Promise<() => void>;
  /** Runs `quarterdeck operators …` as the manager's owner. */
  operators(...args: readonly string[]): Promise<Ended>;
  /** Sends a transaction of the manager's owner to the manager. */
  asOwner(what: string, data: Hex): Promise<void>;
  stop(): Promise<void>;
}

export interface OperatorsOptions {
  /** Seconds between two blocks; 0: a block for each transaction, and those that are mined. */
  readonly blockSeconds?: number;
  readonly slotBlocks?: number;
  readonly leaseMs?: number;
  /** The operators' limit. */
  readonly ordersPerClientAndRound?: number;
}

const BLOCK_SECONDS = 0.25;
const ROUND_SIZE = 160;
const GENESIS_BLOCKS = 40;
const SLOT_BLOCKS = 12;
const POLL_MS = 50;
/** One that is cut off from the chain tries again for as long as a test takes. */
const MAX_TRIES = 100;
const MAX_FEE = 10n ** 12n;
const CLIENT_PATIENCE_MS = 30_000;
/** Keys of the chain: the owner's, then the operators', then the clients'. */
const OWNER = 0;
const FIRST_OPERATOR = 1;
const COUNT = 3;
const FIRST_CLIENT = FIRST_OPERATOR + COUNT;

export async function startOperatorsExchange({
  blockSeconds = BLOCK_SECONDS,
  slotBlocks = SLOT_BLOCKS,
  leaseMs,
  ordersPerClientAndRound,
}: OperatorsOptions = {}): Promise<OperatorsExchange> {
  const chain = blockSeconds === 0 ? {} : { blockTime: blockSeconds };
  const [database, anvil] = await Promise.all([startPostgres(), startAnvil(chain)]);
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-operators-"));
  const schema = database.schema();
  const places: Place[] = [];
  for (let i = 0; i < COUNT; i++) places.push(await findPlace(anvil, database));
  const deployed = await deploy(anvil, places, slotBlocks);
  const { mediator, manager, tokens } = deployed;
  const [weth, usdc] = tokens as [Address, Address];
  const reader = new MediatorReader(anvil.client, mediator);
  const { schedule } = await reader.constants();
  const members = places.map((place, i) =>
    createMember({
      name: nameOf(i),
      address: anvil.addresses[FIRST_OPERATOR + i] as Address,
      key: anvil.keys[FIRST_OPERATOR + i] as Hex,
      place,
      folder,
      shared: {
        ...sharedSettings(deployed, schema, leaseMs),
        ...(ordersPerClientAndRound !== undefined && { ordersPerClientAndRound }),
        page: { rpc: [anvil.url], operators: places.map(({ clients }) => urlOf(clients.port)) },
      },
      databaseUrl: database.url,
    }),
  );
  await Promise.all(members.map((member) => member.start()));
  // The last token's listing becomes final with the next blocks.
  const settle = () => (blockSeconds === 0 ? anvil.mine(CONFIRMATIONS) : undefined);
  await settle();
  await Promise.all(members.map(({ url }) => follows(url, anvil)));
  const connections = connectionsTo(database.url);
  const journal = sharedJournal(connections, schema);
  return {
    anvil,
    postgres: database,
    mediator,
    manager,
    weth,
    usdc,
    reader,
    schedule,
    members,
    ...journal,
    folder,
    slotReader: new SlotReader(anvil.client, manager),
    leader: () => leaderOf(members, journal.lease),
    holdClaims: async () => {
      const proxy = await startHttpProxy(anvil.url, holdClaims);
      for (const member of members) member.askChainAt(portOf(proxy.url));
      return () => {
        for (const member of members) member.repair("chain");
        proxy.stop();
      };
    },
    operators: (...args) => {
      const config = join(folder, "owner.json");
      writeFileSync(config, JSON.stringify({ rpc: [anvil.url], mediator, pollMs: POLL_MS }));
      const environment = { [KEY_VARIABLE]: anvil.keys[OWNER] as string };
      return runCli(["operators", ...args, "--config", config], environment);
    },
    asOwner: async (what, data) => {
      await submitterOf(anvil, anvil.keys[OWNER] as Hex).send({ what, to: manager, data });
    },
    client: (index) => joinFunded({ anvil, members, settle, weth, usdc, mediator }, index),
    stop: async () => {
      await Promise.all(members.map((member) => member.kill()));
      places.forEach(leavePlace);
      await connections.end();
      await anvil.stop();
      await database.remove();
      if (!process.env.KEEP) rmSync(folder, { recursive: true, force: true });
      else console.log(folder);
    },
  };
}

/** What the configurations of all operators have in common. */
function sharedSettings(
  { mediator, tokens: [base, quote] }: Awaited<ReturnType<typeof deploy>>,
  schema: string,
  leaseMs: number | undefined,
) {
  return {
    mediator,
    markets: [{ base, quote, lot: "1000000000000000", tick: "10" }],
    confirmations: CONFIRMATIONS,
    pollMs: POLL_MS,
    maxTries: MAX_TRIES,
    database: { schema, ...(leaseMs !== undefined && { leaseMs }) },
  };
}

/** The first member of whom the lease says that it leads. */
async function leaderOf(
  members: readonly Member[],
  lease: OperatorsExchange["lease"],
): Promise<Member> {
  let found: Member | undefined;
  await until("somebody leads", async () => {
    const { holder } = await lease();
    found = members.find(({ address, process }) => process && address === holder);
    return found !== undefined;
  });
  return found as Member;
}

interface ClientParts
  extends Pick<OperatorsExchange, "anvil" | "members" | "mediator" | "weth" | "usdc"> {
  readonly settle: () => Promise<void> | undefined;
}

/** The client of that number, with deposits of both tokens. */
async function joinFunded(
  { anvil, members, settle, weth, usdc, mediator }: ClientParts,
  index: number,
): Promise<ExchangeClient> {
  const signer = anvil.keys[FIRST_CLIENT + index] as Hex;
  await mint(anvil, signer, { [weth]: 1000n * 10n ** 18n, [usdc]: 10n ** 12n });
  const client = await ExchangeClient.join({
    operator: members.map(({ url }) => url),
    rpc: [anvil.url.replace("http", "ws")],
    mediator,
    signer,
    evidence: new MemoryEvidence(),
    pollMs: POLL_MS,
    retryTimeoutMs: CLIENT_PATIENCE_MS,
  });
  await fund(client, settle);
  return client;
}

function nameOf(index: number): string {
  return `operator-${index}`;
}

function deploy(anvil: Anvil, places: readonly Place[], slotBlocks: number) {
  const approved = places.map(({ clients }, i) => ({
    address: anvil.addresses[FIRST_OPERATOR + i] as Address,
    name: nameOf(i),
    uri: urlOf(clients.port),
  }));
  const [first, ...others] = approved as [(typeof approved)[0], ...typeof approved];
  return deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[OWNER] as Hex),
    operator: first,
    slots: { genesisBlocks: GENESIS_BLOCKS, slotBlocks, others },
    roundSize: ROUND_SIZE,
    disputeBond: 0n,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
}

/** The database goes away in some stories, a connection with it: the next query makes another. */
function connectionsTo(url: string): pg.Pool {
  const connections = new pg.Pool({ connectionString: url, max: 2 });
  connections.on("error", () => {});
  return connections;
}

/** The shared journal as its database holds it. */
function sharedJournal(connections: pg.Pool, schema: string) {
  return {
    lease: async (): Promise<LeaseRow> => {
      const { rows } = await connections.query<{
        epoch: string;
        sequence: string;
        holder: Address | null;
      }>(`SELECT epoch, sequence, CASE WHEN expires_at > now() THEN holder END AS holder
          FROM ${schema}.head`);
      const [row] = rows;
      if (row === undefined) throw new Error("the journal has no head");
      const { epoch, sequence, holder } = row;
      return { epoch: Number(epoch), sequence: Number(sequence), holder: holder ?? undefined };
    },
    records: async (after: number): Promise<RecordRow[]> => {
      const { rows } = await connections.query<{
        epoch: string;
        sequence: string;
        payload: Uint8Array;
      }>(
        `SELECT epoch, sequence, payload FROM ${schema}.record
         WHERE sequence > $1 ORDER BY sequence`,
        [after],
      );
      return rows.map(({ epoch, sequence, payload }) => ({
        epoch: Number(epoch),
        sequence: Number(sequence),
        payload,
      }));
    },
  };
}

/** The first bytes of its data, as they stand in a raw transaction. */
const CLAIM = encodeClaimFor(0).slice(2, 10);

const holdClaims: Meddle = async ({ method, params }, forward) => {
  const raw = params[0] as Hex;
  if (method !== "eth_sendRawTransaction" || !raw.includes(CLAIM)) return forward();
  return { result: keccak256(raw) };
};

function submitterOf({ client, chainId }: Anvil, key: Hex): Submitter {
  const signer = localSigner(key);
  return new Submitter({ client, signer, chainId, maxFeePerGas: MAX_FEE, pollMs: POLL_MS });
}

async function mint(anvil: Anvil, key: Hex, amounts: Readonly<Record<Address, bigint>>) {
  const submitter = submitterOf(anvil, key);
  const { address } = localSigner(key);
  for (const [to, amount] of Object.entries(amounts)) {
    const data = encodeMint(address, amount);
    await submitter.send({ what: "mint", to: to as Address, data });
  }
}

/** Ready is also who trails a few blocks, in which a new chain may have listed all its tokens. */
async function follows(url: string, anvil: Anvil): Promise<void> {
  const head = await anvil.blockNumber();
  await until("the operator follows", async () => {
    return (await new Api(url).call("fetchClock")).block >= head - CONFIRMATIONS;
  });
}

/** Deposits, and waits until an operator has credited both tokens. */
async function fund(client: ExchangeClient, settle: () => Promise<void> | undefined) {
  await client.deposit("WETH", "100");
  await client.deposit("USDC", "100000");
  await settle();
  await until("its deposits are credited", async () => {
    const balances = await client.fetchBalance();
    return balances.length === 2 && balances.every(({ total }) => total > 0n);
  });
}
