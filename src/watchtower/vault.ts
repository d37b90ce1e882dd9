/** The evidence of many clients in a folder: a file each, and their delegations beside it. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseAddress } from "../base/address.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { SignedDelegation } from "../chain/contracts/mediatorCalls.ts";
import { FileEvidence } from "../client/node/fileEvidence.ts";

const delegationFile = z.strictObject({
  untilRound: z.number().int().min(0),
  signature: z.string().regex(/^0x([0-9a-f]{2})*$/),
});

export interface Entrusted {
  readonly client: Address;
  readonly store: FileEvidence;
  readonly delegation: SignedDelegation | undefined;
}

export class Vault {
  readonly #folder: string;
  readonly #clients = new Map<Address, Entrusted>();
  /** One for each client, so that two deliveries at once share a store. */
  readonly #opening = new Map<Address, Promise<Entrusted>>();
  /** Delegations are written one after the other. */
  #written: Promise<void> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads back all that was entrusted. Throws `EvidenceDamaged`. */
  static async open(folder: string): Promise<Vault> {
    mkdirSync(folder, { recursive: true });
    const vault = new Vault(folder);
    for (const name of readdirSync(folder)) {
      const client = parseAddress(name);
      if (client.ok) await vault.of(client.value);
    }
    return vault;
  }

  get clients(): readonly Entrusted[] {
    return [...this.#clients.values()];
  }

  has(client: Address): boolean {
    return this.#clients.has(client);
  }

  /** Begins a file where there is none. */
  async of(client: Address): Promise<Entrusted> {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const opening = this.#opening.get(client) ?? this.#open(client);
    this.#opening.set(client, opening);
    return opening.finally(() => this.#opening.delete(client));
  }

  async #open(client: Address): Promise<Entrusted> {
    const folder = join(this.#folder, client);
    mkdirSync(folder, { recursive: true });
    const store = await FileEvidence.open(join(folder, "evidence.jsonl"));
    const entrusted = { client, store, delegation: readDelegation(folder) };
    this.#clients.set(client, entrusted);
    return entrusted;
  }

  /** Resolves once it is on the disk. An earlier end never replaces a later one. */
  delegate(client: Address, delegation: SignedDelegation): Promise<void> {
    const written = this.#written.then(() => this.#write(client, delegation));
    this.#written = written.catch(() => {});
    return written;
  }

  async #write(client: Address, delegation: SignedDelegation): Promise<void> {
    const known = await this.of(client);
    if (known.delegation !== undefined && known.delegation.untilRound > delegation.untilRound)
      return;
    const file = join(this.#folder, client, "delegation.json");
    const handle = await open(`${file}.next`, "w");
    try {
      await handle.writeFile(`${JSON.stringify(delegation)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.next`, file);
    this.#clients.set(client, { ...known, delegation });
  }

  async close(): Promise<void> {
    for (const { store } of this.#clients.values()) await store.close();
  }
}

function readDelegation(folder: string): SignedDelegation | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, "delegation.json"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const { untilRound, signature } = delegationFile.parse(JSON.parse(text));
  return { untilRound, signature: signature as Hex };
}
