/** One of several operators: a process that can be killed, paused, cut off and started again. */
import { join } from "node:path";
import type { Address, Hex } from "../../../src/base/hex.ts";
import { KEY_VARIABLE } from "../../../src/operator/config/config.ts";
import { type Anvil, freePort } from "../chain/anvil.ts";
import type { TestPostgres } from "../database/postgres.ts";
import { startTcpProxy, type TcpProxy } from "../faults/proxy.ts";
import { type OperatorProcess, startOperatorProcess } from "./operatorProcess.ts";

/** What an operator can be cut off from. */
export type Line = "database" | "chain" | "clients";

const LINES: readonly Line[] = ["database", "chain", "clients"];

/** A key, a folder and a place, whether its process runs or not. */
export interface Member {
  readonly name: string;
  readonly address: Address;
  /** Where clients reach it, as the manager says. */
  readonly url: string;
  /** Undefined while it does not run. */
  readonly process: OperatorProcess | undefined;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** With SIGKILL. */
  kill(): Promise<void>;
  /**
   * Swallows what goes over the line, both ways, without closing it. The chain refuses: in the time
   * that an unanswered question takes, a test's blocks would end a deadline.
   */
  cut(line: Line): void;
  /** Lets it through again, over new connections. */
  repair(line: Line): void;
  /** From now on its chain is what answers at `port`. */
  askChainAt(port: number): void;
}

/** The port of an operator, and what stands between it and everybody else. */
export type Place = { readonly port: number } & Readonly<Record<Line, TcpProxy>>;

/** A port where nothing listens. */
const NOBODY = 1;

export async function findPlace(anvil: Anvil, database: TestPostgres): Promise<Place> {
  const port = await freePort();
  return {
    port,
    database: await startTcpProxy(database.port),
    chain: await startTcpProxy(portOf(anvil.url)),
    clients: await startTcpProxy(port),
  };
}

export function leavePlace(place: Place): void {
  for (const line of LINES) place[line].stop();
}

export interface MemberOptions {
  readonly name: string;
  readonly address: Address;
  readonly key: Hex;
  readonly place: Place;
  /** Holds its configuration, storage and logs. */
  readonly folder: string;
  /** Of the configuration what is the same for all. */
  readonly shared: Readonly<Record<string, unknown>>;
  readonly databaseUrl: string;
}

export function createMember(options: MemberOptions): Member {
  const { name, address, key, place, folder } = options;
  const chainPort = place.chain.target;
  const url = urlOf(place.clients.port);
  const database = new URL(options.databaseUrl);
  database.port = String(place.database.port);
  const environment = { [KEY_VARIABLE]: key, QUARTERDECK_DATABASE: database.href };
  const config = {
    ...options.shared,
    // A request over a WebSocket costs a tenth of the processor time of one over HTTP.
    rpc: [`ws://127.0.0.1:${place.chain.port}`],
    port: place.port,
    publicUrl: url,
    storage: join(folder, name, "storage"),
    logs: join(folder, name, "logs"),
  };
  let running: OperatorProcess | undefined;
  const askChainAt = (port: number) => {
    place.chain.target = port;
    place.chain.cut();
  };
  return {
    name,
    address,
    url,
    askChainAt,
    get process() {
      return running;
    },
    start: async () => {
      const file = join(folder, `${name}.json`);
      running = await startOperatorProcess(file, config, key, { environment });
    },
    kill: async () => {
      await running?.kill("SIGKILL");
      running = undefined;
    },
    cut: (line) => {
      if (line === "chain") askChainAt(NOBODY);
      else place[line].deaf = true;
    },
    repair: (line) => {
      place[line].deaf = false;
      place.chain.target = chainPort;
      // What was swallowed is missing in the midst of a stream.
      place[line].cut();
    },
  };
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export function portOf(url: string): number {
  return Number(new URL(url).port);
}
