/** The doctor's checks of this machine: files' modes, the storage's disk, the port. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { type Finding, failure, fine, warning } from "./finding.ts";

const GROUP_OR_OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Endpoints hold secrets in their URLs, and anybody who may write the storage may write history.
 */
export function checkModes(configFile: string, storage: string): Finding[] {
  if (process.platform === "win32") return [];
  const findings: Finding[] = [];
  const ours = statSync(configFile).mode & 0o777;
  findings.push(
    (ours & GROUP_OR_OTHERS) === 0
      ? fine("file modes", `${configFile} is for this user only`)
      : warning(
          "file modes",
          `${configFile} has mode ${ours.toString(8)}: others may read endpoints and their secrets`,
          `chmod 600 ${configFile}`,
        ),
  );
  if (!existsSync(storage)) return findings;
  const mode = statSync(storage).mode & 0o777;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    findings.push(
      failure(
        "file modes",
        `${storage} has mode ${mode.toString(8)}: others may replace the journal`,
        `chmod 700 ${storage}`,
      ),
    );
  }
  return findings;
}

const BYTES_PER_MB = 1024 * 1024;
const MIN_FREE_MB = 256;
const WANTED_FREE_MB = 2048;
const FLUSHES = 20;
const SLOW_FLUSH_MS = 50;

/** Free space, the kind of file system, and real writes that are flushed to the disk. */
export function checkDisk(storage: string): Finding[] {
  const folder = nearestFolder(storage);
  const { bavail, bsize, type } = statfsSync(folder);
  return [
    judgeFreeSpace(folder, Math.floor((bavail * bsize) / BYTES_PER_MB)),
    judgeFileSystem(folder, type),
    tryFlushes(folder),
  ];
}

/** The storage folder, or where it will be made. */
function nearestFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

export function judgeFreeSpace(folder: string, freeMb: number): Finding {
  const detail = `${freeMb} MB free in ${folder}`;
  if (freeMb < MIN_FREE_MB) {
    return failure("disk space", detail, `Free at least ${WANTED_FREE_MB} MB.`);
  }
  if (freeMb < WANTED_FREE_MB) {
    return warning("disk space", detail, `Free at least ${WANTED_FREE_MB} MB.`);
  }
  return fine("disk space", detail);
}

/** By the number that statfs gives on Linux. */
const DOUBTFUL_FILE_SYSTEMS: Readonly<Record<number, readonly [string, string]>> = {
  16914836: ["tmpfs", "it is memory, and forgets everything at a restart"],
  2240043254: ["ramfs", "it is memory, and forgets everything at a restart"],
  26985: ["nfs", "locks and flushes may not reach the server"],
  4283649346: ["cifs", "locks and flushes may not reach the server"],
  4266872130: ["smb2", "locks and flushes may not reach the server"],
  1702057286: ["fuse", "whether flushes are kept depends on who serves it"],
  2035054128: ["overlayfs", "it goes away with its container"],
};

export function judgeFileSystem(folder: string, type: number): Finding {
  const doubt = DOUBTFUL_FILE_SYSTEMS[type];
  if (process.platform !== "linux" || doubt === undefined) {
    return fine("file system", `type 0x${type.toString(16)}`);
  }
  const [name, why] = doubt;
  const hint = "Name a storage folder on a local disk (ext4, xfs, zfs, btrfs).";
  return warning("file system", `${folder} is on ${name}: ${why}`, hint);
}

function tryFlushes(folder: string): Finding {
  try {
    return judgeFlushes(medianFlush(folder));
  } catch (error) {
    const detail = `cannot write in ${folder} (${(error as NodeJS.ErrnoException).code ?? error})`;
    return failure("disk flush", detail, "Make it a folder that this user may write to.");
  }
}

/** Milliseconds. */
function medianFlush(folder: string): number {
  const scratch = mkdtempSync(join(folder, ".quarterdeck-doctor-"));
  const descriptor = openSync(join(scratch, "flushed"), "w");
  try {
    const block = Buffer.alloc(4096, 1);
    const times = Array.from({ length: FLUSHES }, () => {
      const began = performance.now();
      writeSync(descriptor, block);
      fsyncSync(descriptor);
      return performance.now() - began;
    });
    return times.toSorted((a, b) => a - b)[FLUSHES >> 1] as number;
  } finally {
    closeSync(descriptor);
    rmSync(scratch, { recursive: true });
  }
}

/** `ms`: the median of flushes. Every answer to a client waits for one. */
export function judgeFlushes(ms: number): Finding {
  const detail = `a flush takes ${ms.toFixed(1)} ms`;
  if (ms <= SLOW_FLUSH_MS) return fine("disk flush", detail);
  return warning("disk flush", detail, "Use a faster disk, or one with fewer users.");
}

/** Whether the operator's port can be opened now. */
export function checkPort(host: string, port: number): Promise<Finding> {
  if (port === 0) return Promise.resolve(fine("port", "any free one"));
  return new Promise((answer) => {
    const server = createServer();
    server.once("error", ({ code }: NodeJS.ErrnoException) =>
      answer(
        failure(
          "port",
          code === "EADDRINUSE"
            ? `${port} on ${host} is in use`
            : `${host}:${port} cannot be opened (${code})`,
          "Stop what uses it, or set `port` and `host` to what this user may open.",
        ),
      ),
    );
    server.listen({ host, port }, () =>
      server.close(() => answer(fine("port", `${port} on ${host} is free`))),
    );
  });
}
