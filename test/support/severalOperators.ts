/**
 * An exchange whose operators take turns: processes of their own on one PostgreSQL and one chain,
 * which makes a block every quarter of a second. They can be killed, paused and started again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address, Hex } from "../../src/base/hex.ts";
import { deployExchange } from "../../src/chain/deploy.ts";
import { MediatorReader } from "../../src/chain/mediator.ts";
import { Submitter } from "../../src/chain/send.ts";
import { localSigner } from "../../src/chain/signer.ts";
import { encodeMint } from "../../src/chain/tokens.ts";
import { TurnReader } from "../../src/chain/turns.ts";
import { ExchangeClient } from "../../src/client/client.ts";
import { MemoryEvidence } from "../../src/client/evidence.ts";
import type { Schedule } from "../../src/protocol/units.ts";
import { type Anvil, freePort, startAnvil } from "./anvil.ts";
import { until } from "./exchange.ts";
import { type OperatorProcess, startOperatorProcess } from "./operatorProcess.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";

const BLOCK_SECONDS = 0.25;
const ROUND_SIZE = 160;
const GENESIS_BLOCKS = 40;
const SLOT_BLOCKS = 12;
/** Keys of the chain: the owner's, then the operators', then the clients'. */
const OWNER = 0;
const FIRST_OPERATOR = 1;
const FIRST_CLIENT = 5;

export interface Member {
  readonly name: string;
  readonly address: Address;
  readonly url: string;
  /** Undefined while it does not run. */
  readonly process: OperatorProcess | undefined;
  start(): Promise<void>;
  kill(): Promise<void>;
}

export interface OperatorsExchange {
  readonly anvil: Anvil;
  readonly postgres: TestPostgres;
  readonly reader: MediatorReader;
  readonly turns: TurnReader;
  readonly schedule: Schedule;
  readonly members: readonly Member[];
  /** A client with deposits of both tokens, joined. `index` from 0. */
  client(index: number): Promise<ExchangeClient>;
  /** The member that takes orders now, as the members say. */
  leader(): Promise<Member>;
  /** Sends a transaction of the manager's owner to the manager. */
  asOwner(what: string, data: Hex): Promise<void>;
  stop(): Promise<void>;
}

export async function startOperatorsExchange(
  options: { readonly leaseMs?: number } = {},
): Promise<OperatorsExchange> {
  const [postgres, anvil] = await Promise.all([
    startPostgres(),
    startAnvil({ blockTime: BLOCK_SECONDS }),
  ]);
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-operators-"));
  const ports = [await freePort(), await freePort(), await freePort()];
  const approved = ports.map((port, i) => ({
    address: anvil.addresses[FIRST_OPERATOR + i] as Address,
    name: `operator-${i}`,
    uri: `http://127.0.0.1:${port}`,
  }));
  const [first, ...others] = approved as [(typeof approved)[0], ...typeof approved];
  const deployed = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[OWNER] as Hex),
    operator: first,
    slots: { genesisBlocks: GENESIS_BLOCKS, slotBlocks: SLOT_BLOCKS, others },
    roundSize: ROUND_SIZE,
    disputeBond: 0n,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
  const { mediator, manager } = deployed;
  const [weth, usdc] = deployed.tokens as [Address, Address];
  const reader = new MediatorReader(anvil.client, mediator);
  const { schedule } = await reader.constants();
  const file = {
    rpc: [anvil.url],
    mediator,
    markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
    confirmations: 1,
    pollMs: 50,
    database: { url: postgres.url, schema: postgres.schema(), ...options },
  };

  const members = approved.map(({ address, name, uri }, i): Member => {
    let operator: OperatorProcess | undefined;
    const config = {
      ...file,
      port: ports[i] as number,
      publicUrl: uri,
      storage: join(folder, name, "storage"),
      logs: join(folder, name, "logs"),
    };
    return {
      name,
      address,
      url: uri,
      get process() {
        return operator;
      },
      start: async () => {
        const path = join(folder, `${name}.json`);
        operator = await startOperatorProcess(path, config, anvil.keys[FIRST_OPERATOR + i] as Hex);
      },
      kill: async () => {
        await operator?.kill("SIGKILL");
        operator = undefined;
      },
    };
  });
  await Promise.all(members.map((member) => member.start()));

  const sendAs = (key: Hex) => {
    const signer = localSigner(key);
    const { client, chainId } = anvil;
    const submitter = new Submitter({
      ...{ client, signer, chainId, maxFeePerGas: 10n ** 12n, pollMs: 50 },
    });
    return (what: string, to: Address, data: Hex) => submitter.send({ what, to, data });
  };

  return {
    ...{ anvil, postgres, reader, schedule, members },
    turns: new TurnReader(anvil.client, manager),
    asOwner: async (what, data) => {
      await sendAs(anvil.keys[OWNER] as Hex)(what, manager, data);
    },
    client: async (index) => {
      const privateKey = anvil.keys[FIRST_CLIENT + index] as Hex;
      const { address } = localSigner(privateKey);
      const send = sendAs(privateKey);
      await send("mint", weth, encodeMint(address, 1000n * 10n ** 18n));
      await send("mint", usdc, encodeMint(address, 1_000_000n * 10n ** 6n));
      const client = await ExchangeClient.join({
        operator: members.map(({ url }) => url),
        rpc: [anvil.url],
        ...{ mediator, privateKey, evidence: new MemoryEvidence(), pollMs: 50 },
        patienceMs: 30_000,
      });
      await client.deposit("WETH", "100");
      await client.deposit("USDC", "100000");
      await until("its deposits are credited", async () => {
        const balances = await client.fetchBalance();
        return balances.length === 2 && balances.every(({ total }) => total > 0n);
      });
      return client;
    },
    leader: async () => {
      let found: Member | undefined;
      await until("somebody leads", async () => {
        const alive = members.filter(({ process }) => process !== undefined);
        const leading = await Promise.all(alive.map(isLeading));
        found = alive[leading.indexOf(true)];
        return found !== undefined;
      });
      return found as Member;
    },
    stop: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await anvil.stop();
      await postgres.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Who leads refuses a bad order by what is in it, and who does not by sending it elsewhere. */
async function isLeading({ url }: Member): Promise<boolean> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(1000) });
    return /^quarterdeck_leading 1$/m.test(await response.text());
  } catch {
    return false;
  }
}
