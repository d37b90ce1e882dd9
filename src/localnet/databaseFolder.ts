/** Where the data of the local PostgreSQL can lie. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { NOBODY } from "./localPostgres.ts";

/** For what services keep; open to all users, and there after a restart of the machine. */
const SHARED_FOLDER = "/var/lib/quarterdeck";

/**
 * Below `storage`. PostgreSQL never runs as root; where we are, it runs as nobody, and where nobody
 * may not go (a home folder), the data lies in a folder of the system's, one for each `storage`.
 * The folder in which `storage` lies is made if it is not there: the next start must find the same.
 */
export function databaseFolder(storage: string): string {
  const parent = resolve(storage, "..");
  mkdirSync(parent, { recursive: true });
  if (process.getuid?.() !== 0 || nobodyMayEnter(parent)) {
    return join(storage, "postgres");
  }
  const name = createHash("sha256").update(resolve(storage)).digest("hex").slice(0, 16);
  return join(SHARED_FOLDER, name);
}

function nobodyMayEnter(folder: string): boolean {
  const identity = { uid: NOBODY, gid: NOBODY };
  return spawnSync("ls", ["-d", `${folder}/.`], { ...identity, stdio: "ignore" }).status === 0;
}
