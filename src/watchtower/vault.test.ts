import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toAddress } from "../base/address.ts";
import { Vault } from "./vault.ts";

const CLIENT = toAddress(`0x${"ad".repeat(20)}`);
const until = (untilRound: number) => ({ untilRound, signature: "0xabcd" as const });

let folder: string;
let vault: Vault;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-vault-"));
  vault = await Vault.open(folder);
});
afterEach(async () => {
  await vault.close();
  rmSync(folder, { recursive: true });
});

it("deliveries of a new client at once share one store", async () => {
  const [one, other] = await Promise.all([vault.of(CLIENT), vault.of(CLIENT)]);
  expect(one.store).toBe(other.store);
  expect(vault.clients).toHaveLength(1);
});

it("a later end of a delegation stays, in whichever order it comes, over a restart", async () => {
  await Promise.all([5, 9, 7].map((round) => vault.delegate(CLIENT, until(round))));
  expect(vault.clients[0]?.delegation).toEqual(until(9));
  await vault.close();
  vault = await Vault.open(folder);
  expect(vault.clients[0]?.delegation).toEqual(until(9));
});
