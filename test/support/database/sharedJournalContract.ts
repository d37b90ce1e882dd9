/**
 * What every journal that several operators share must do, whichever database it lies in: the
 * PostgreSQL one, and the simulated one of sim/, which could lie otherwise.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { FencedOff, JournalStopped } from "../../../src/journal/errors.ts";
import {
  type Attestation,
  type JournalReader,
  type JournalRecord,
  KEPT_ATTESTED_ROUNDS,
  type SharedJournal,
} from "../../../src/journal/journal.ts";
import { EMPTY_HEAD } from "../../../src/journal/record.ts";
import { acquire } from "./sharedJournal.ts";

export interface SharedJournals {
  /** The name of a journal that is not there yet. */
  readonly newJournal: () => string;
  /** As the operator of that name sees it, "ada" if none is given. */
  readonly open: (
    journal: string,
    operator?: string,
    more?: { readonly leaseMs?: number },
  ) => Promise<SharedJournal>;
  /** Milliseconds that a lease lasts. */
  readonly leaseMs: number;
}

function bytes(...texts: string[]): Uint8Array[] {
  return texts.map(one);
}

function one(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function readAll(journal: JournalReader, from = 1, limit?: number): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const batch of journal.read(from, limit)) records.push(...batch);
  return records;
}

function texts(records: readonly JournalRecord[]): string[] {
  return records.map(({ payload }) => new TextDecoder().decode(payload));
}

function attestation(operator: string, round = 3, roots = "01", signature = "02"): Attestation {
  return {
    round,
    operator,
    rootsHash: `0x${roots.repeat(32)}`,
    signature: `0x${signature.repeat(64)}`,
  };
}

const STATE = `0x${"5e".repeat(32)}` as const;

export function describeSharedJournal({ newJournal, open, leaseMs }: SharedJournals): void {
  describe("a shared journal", () => {
    test("a shared journal is empty when new, and can be opened by several at once", async () => {
      const name = newJournal();
      const journals = await Promise.all(
        ["ada", "bob", "cy"].map((operator) => open(name, operator)),
      );
      for (const journal of journals) {
        expect(journal.head).toEqual(EMPTY_HEAD);
        expect(await journal.poll()).toEqual({ head: EMPTY_HEAD, holder: undefined });
        expect(await readAll(journal)).toEqual([]);
      }
    });

    test("a shared journal keeps any bytes, in order, chained, and shown to others", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const writer = await acquire(ada);
      const payloads = [
        new Uint8Array(),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        ...bytes('quotes " and \\ and {braces}, too', "NULL"),
      ];
      expect(await writer.append(payloads)).toEqual({ first: 1, last: 4 });
      expect(await writer.append(bytes("five"))).toEqual({ first: 5, last: 5 });

      const records = await readAll(bob);
      expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
      expect(records.slice(0, 4).map(({ payload }) => Uint8Array.from(payload))).toEqual(payloads);
      expect(new Set(records.map(({ hash }) => hash)).size).toBe(5);
      expect((await bob.poll()).head).toEqual(writer.head);
      expect(texts(await readAll(bob, 5))).toEqual(["five"]);
      expect(texts(await readAll(bob, 4, 1))).toEqual(["NULL"]);
      expect(await bob.verify()).toMatchObject({ head: writer.head, epoch: 1 });
    });

    test("appends that wait together come in the order of the calls", async () => {
      const writer = await acquire(await open(newJournal()));
      const calls = Array.from({ length: 300 }, (_, i) => writer.append(bytes(`${i}a`, `${i}b`)));
      const answers = await Promise.all(calls);
      expect(answers.map(({ first }) => first)).toEqual(answers.map((_, i) => 2 * i + 1));
      const found = texts(await readAll(writer));
      expect(found).toEqual(answers.flatMap((_, i) => [`${i}a`, `${i}b`]));
    });

    test("a shared journal lets one of many acquire it, and names the holder", async () => {
      const name = newJournal();
      const names = ["ada", "bob", "cy", "dee"];
      const journals = await Promise.all(names.map((operator) => open(name, operator)));
      const leases = await Promise.all(journals.map((journal) => journal.acquire()));
      const winners = names.filter((_, i) => leases[i] !== undefined);
      expect(winners).toHaveLength(1);
      const operator = winners[0] as string;
      for (const journal of journals) {
        const holder = { operator, url: `http://${operator}`, epoch: 1 };
        expect((await journal.poll()).holder).toEqual(holder);
      }
    });

    test("a shared journal is held as long as it is renewed, and free soon after", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const writer = await acquire(ada);
      for (let i = 0; i < 8; i++) {
        await sleep(leaseMs / 4);
        await writer.renew();
        expect(await bob.acquire()).toBeUndefined();
      }
      const successor = await acquire(bob);
      expect(successor.epoch).toBe(2);
      expect((await ada.poll()).holder?.operator).toBe("bob");
    });

    test("a writer that slept through its lease gets nothing in, and says by whom", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const sleeper = await acquire(ada);
      await sleeper.append(bytes("one"));
      const successor = await acquire(bob);
      // Whether or not the new one has written meanwhile.
      const late = sleeper.append(bytes("late"));
      await expect(late).rejects.toThrow(FencedOff);
      await expect(late).rejects.toMatchObject({ ownEpoch: 1, foundEpoch: 2 });
      await successor.append(bytes("two"));
      await expect(sleeper.append(bytes("later"))).rejects.toThrow(JournalStopped);
      await expect(sleeper.renew()).rejects.toThrow(JournalStopped);
      expect(texts(await readAll(bob))).toEqual(["one", "two"]);
    });

    test("a writer that slept and only renews is told as well", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const sleeper = await acquire(ada);
      await acquire(bob);
      await expect(sleeper.renew()).rejects.toThrow(FencedOff);
      await expect(sleeper.append(bytes("late"))).rejects.toThrow(JournalStopped);
    });

    test("an unheld lease still fences: the last writer goes on until somebody takes over", async () => {
      const writer = await acquire(await open(newJournal()));
      await sleep(leaseMs * 2);
      expect(await writer.append(bytes("one"))).toEqual({ first: 1, last: 1 });
    });

    test("two writers in a race: what is acknowledged is there once, and nothing else", async () => {
      const name = newJournal();
      const acknowledged: string[] = [];
      const work = async (operator: string) => {
        const journal = await open(name, operator, { leaseMs: 30 });
        for (let round = 0; round < 12; round++) {
          const writer = await acquire(journal);
          try {
            for (let i = 0; i < 5; i++) {
              const text = `${operator} ${round} ${i}`;
              await writer.append(bytes(text));
              acknowledged.push(text);
              if (i === 3) await sleep(45);
            }
          } catch (error) {
            if (!(error instanceof FencedOff)) throw error;
          }
        }
      };
      await Promise.all([work("ada"), work("bob"), work("cy")]);
      const journal = await open(name);
      const found = texts(await readAll(journal));
      expect(new Set(found).size).toBe(found.length);
      expect(found).toEqual(expect.arrayContaining(acknowledged));
      expect(acknowledged.length).toBeGreaterThan(30);
      expect((await journal.verify()).epoch).toBeGreaterThan(10);
    });

    test("a journal handed over waits for the one that was named, but not for ever", async () => {
      const name = newJournal();
      const [ada, bob, cy] = [await open(name), await open(name, "bob"), await open(name, "cy")];
      await (await acquire(ada)).handOver("cy");
      expect(await bob.acquire()).toBeUndefined();
      const second = await cy.acquire();
      expect(second?.epoch).toBe(2);
      await second?.handOver("nobody");
      expect(await bob.acquire()).toBeUndefined();
      expect((await acquire(bob)).epoch).toBe(3);
    });

    test("a journal that is closed is free at once", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const writer = await acquire(ada);
      const last = writer.append(bytes("last"));
      await writer.close();
      expect(await last).toEqual({ first: 1, last: 1 });
      await expect(writer.append(bytes("more"))).rejects.toThrow(JournalStopped);
      expect((await bob.acquire())?.epoch).toBe(2);
    });

    test("a journal can be taken from one writer before its lease ends, and no other", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const first = await acquire(ada);
      expect(await bob.acquire(first.epoch + 1)).toBeUndefined();
      const second = await bob.acquire(first.epoch);
      expect(second?.epoch).toBe(first.epoch + 1);
      await expect(first.append(bytes("late"))).rejects.toThrow(FencedOff);
      expect(await ada.acquire(first.epoch)).toBeUndefined();
    });

    test("a shared journal knows which operators live", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      await ada.heartbeat(7);
      const both = [
        { operator: "ada", url: "http://ada", sequence: 7 },
        { operator: "bob", url: "http://bob", sequence: 9 },
      ];
      expect(await bob.heartbeat(9)).toEqual(both);
      await sleep(leaseMs * 3);
      expect(await ada.heartbeat(8)).toEqual([{ ...both[0], sequence: 8 }]);
    });
  });

  describe("snapshots of a shared journal", () => {
    test("snapshots are read by others, in any size; three are kept", async () => {
      const name = newJournal();
      const writer = await acquire(await open(name));
      await writer.append(bytes("1", "2", "3", "4", "5"));
      const large = Uint8Array.from({ length: 700_000 }, (_, i) => i % 251);
      for (const sequence of [1, 2, 3]) await writer.saveSnapshot(sequence, one("s"), STATE);
      await writer.saveSnapshot(5, large, STATE);
      await writer.saveSnapshot(5, large, STATE);

      const reader = await open(name, "bob");
      expect(await reader.newestSnapshot()).toBe(5);
      expect(await (await open(newJournal())).newestSnapshot()).toBe(0);
      const newest = await reader.latestSnapshot();
      expect(newest).toMatchObject({ sequence: 5, stateHash: STATE });
      expect(Buffer.compare(newest?.bytes ?? new Uint8Array(), large)).toBe(0);
      expect((await reader.latestSnapshot(4))?.sequence).toBe(3);
      expect(await reader.latestSnapshot(1)).toBeUndefined();
      expect((await reader.verify()).snapshots).toEqual([2, 3, 5]);
      await expect(writer.saveSnapshot(5, one("other"), STATE)).rejects.toThrow("differ");
    });

    test("snapshots cannot be written by a writer that was fenced off", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name), await open(name, "bob")];
      const sleeper = await acquire(ada);
      await sleeper.append(bytes("one"));
      await acquire(bob);
      await expect(sleeper.saveSnapshot(1, one("s"), STATE)).rejects.toThrow(FencedOff);
      expect(await bob.latestSnapshot()).toBeUndefined();
    });
  });

  describe("attestations in a shared journal", () => {
    test("attestations are read by all, whoever writes the journal", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name, "ada"), await open(name, "bob")];
      await ada.acquire();
      expect(await bob.attestationsOf(3)).toEqual([]);
      await Promise.all([
        ada.publish(attestation("ada")),
        bob.publish(attestation("bob")),
        bob.publish(attestation("bob", 3, "0f")),
        bob.publish(attestation("bob", 4)),
      ]);
      const wanted = [attestation("ada"), attestation("bob"), attestation("bob", 3, "0f")];
      expect(await ada.attestationsOf(3)).toEqual(wanted);
      expect(await bob.attestationsOf(3)).toEqual(wanted);
    });

    test("attestations replace a wrong one under the same name, and are there once", async () => {
      const name = newJournal();
      const [ada, bob] = [await open(name, "ada"), await open(name, "bob")];
      await bob.publish(attestation("ada", 3, "01", "ff"));
      for (let i = 0; i < 3; i++) await ada.publish(attestation("ada"));
      expect(await bob.attestationsOf(3)).toEqual([attestation("ada")]);
    });

    test("attestations of old rounds are dropped", async () => {
      const ada = await open(newJournal(), "ada");
      await ada.publish(attestation("ada", 1));
      await ada.publish(attestation("ada", 2));
      await ada.publish(attestation("ada", 2 + KEPT_ATTESTED_ROUNDS));
      expect(await ada.attestationsOf(1)).toEqual([]);
      expect(await ada.attestationsOf(2)).toHaveLength(1);
    });
  });
}
