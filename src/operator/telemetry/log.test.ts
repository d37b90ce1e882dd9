import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Log } from "../../base/log.ts";
import { openLog, withMoment } from "./log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-log-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function files(): string[] {
  return readdirSync(folder).sort();
}

function lines(): Record<string, unknown>[] {
  return files().flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );
}

/** Writes about `kilobytes`, letting the files roll in between. */
async function fill(log: Log, kilobytes: number): Promise<void> {
  for (let i = 0; i < kilobytes; i++) {
    log.info("filled", { i, text: "x".repeat(1000) });
    await log.flush();
    await sleep(1);
  }
}

describe("the log", () => {
  it("the log goes on in its files when the terminal breaks, and says so once", async () => {
    const terminal = new Writable({ write: (_part, _encoding, done) => done(new Error("EPIPE")) });
    const log = await openLog({ folder, terminal });
    log.info("one");
    await expect.poll(() => lines().map(({ msg }) => msg)).toContain("terminalGone");
    for (const event of ["two", "three"]) log.info(event);
    await log.flush();
    expect(lines().map(({ msg }) => msg)).toEqual(["one", "terminalGone", "two", "three"]);
  });

  it("the log drops lines for a terminal that nobody reads, and writes its files", async () => {
    let written = 0;
    const terminal = new Writable({
      // Never says that it is done.
      write: (part: Buffer) => {
        written += part.length;
      },
    });
    const log = await openLog({ folder, terminal });
    for (let i = 0; i < 1000; i++) log.info("long", { text: "x".repeat(1000) });
    await log.flush();
    expect(terminal.writableLength).toBeLessThan(300_000);
    expect(written).toBeLessThan(2000);
    expect(lines()).toHaveLength(1000);
  });

  it("the log names its field where a file is in the place of its folder", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await expect(openLog({ folder: file })).rejects.toThrow(/^logs: .*a file is in its place/);
  });

  it("the log writes one JSON line an event: level, time, money and errors as text", async () => {
    const log = await openLog({ folder });
    const wei = 2n ** 100n;
    log.info("paid", { wei, nested: { list: [wei] }, block: 7 });
    log.error("broke", { problem: new Error("no more") });
    await log.flush();
    expect(lines()).toMatchObject([
      { level: "info", msg: "paid", wei: `${wei}`, nested: { list: [`${wei}`] }, block: 7 },
      { level: "error", msg: "broke", problem: "no more" },
    ]);
    expect(lines()[0]?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
  });

  it("the log rolls by size, and deletes what is too old", async () => {
    const log = await openLog({ folder, maxFileSize: "10k", keptFiles: 3 });
    await fill(log, 100);
    // Old files go while the log goes on.
    await expect.poll(() => files().length).toBeLessThanOrEqual(1 + 3);
    expect(files().length).toBeGreaterThan(1);
    for (const name of files()) expect(statSync(join(folder, name)).size).toBeLessThan(20_000);
    expect(lines().some(({ i }) => i === 99)).toBe(true);
    expect(lines().some(({ i }) => i === 0)).toBe(false);
  });

  it("the log deletes files of other processes too: restarts do not fill the disk", async () => {
    for (let i = 1; i <= 8; i++) {
      writeFileSync(join(folder, `operator.${i}.log`), '{"old":true}\n'.repeat(1000));
    }
    writeFileSync(join(folder, "notes.txt"), "keep me");
    const log = await openLog({ folder, maxFileSize: "10k", keptFiles: 3 });
    await fill(log, 30);
    const own = () => files().filter((name) => name.startsWith("operator"));
    await expect.poll(() => own().length).toBeLessThanOrEqual(1 + 3);
    expect(files()).toContain("notes.txt");
  });

  it.skipIf(!existsSync("/dev/full"))("the log ends nothing when a disk is full", async () => {
    symlinkSync("/dev/full", join(folder, "operator.1.log"));
    const complaints = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      const log = await openLog({ folder });
      for (let i = 0; i < 20; i++) {
        log.info("lost", { i });
        await log.flush();
      }
      const said = complaints.mock.calls.map(([text]) => String(text));
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(/the log cannot be written .*ENOSPC/);
    } finally {
      complaints.mockRestore();
    }
  });

  it("the log is one readable line in a terminal, whatever a text holds", async () => {
    let shown = "";
    const terminal = new Writable({
      write(part, _encoding, done) {
        shown += part;
        done();
      },
    });
    const log = await openLog({ folder, terminal });
    log.warn("unhealthy", { check: "disk", detail: "3 MiB free", wei: 5n });
    log.info("forged", { text: "a\nb\u001b[2K" });
    await log.flush();
    const [first, second, rest] = shown.split("\n");
    expect(first).toMatch(/^\d\d:\d\d:\d\d WARN {2}unhealthy check=disk detail=3 MiB free wei=5$/);
    expect(second).toMatch(/INFO {2}forged text="a\\nb\\u001b\[2K"$/);
    expect(rest).toBe("");
  });

  it("the log carries block, round and quarter where a line brings none", async () => {
    const log = await openLog({ folder });
    const dated = withMoment(log, () => ({ block: 9, round: 2, quarter: 1 }));
    dated.warn("unhealthy", { check: "disk" });
    dated.info("said", { block: 11 });
    await dated.flush();
    expect(lines()).toMatchObject([
      { check: "disk", block: 9, round: 2, quarter: 1 },
      { block: 11, round: 2, quarter: 1 },
    ]);
  });
});
