/** Where the data of the local PostgreSQL can lie. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { NOBODY } from "../localPostgres.ts";

/** For what services keep; open to all users, and there after a restart of the machine. */
const SHARED_FOLDER = "/var/lib/quarterdeck";

/**
 * Below `storage`. PostgreSQL never runs as root; where we are, it runs as nobody, and where nobody
 * may not go (a home folder), the data lies in a folder of the system's, one for each `storage`.
 */
export function databaseFolder(storage: string): string {
  if (process.getuid?.() !== 0 || nobodyMayEnter(resolve(storage, ".."))) {
    return join(storage, "postgres");
  }
  const name = createHash("sha256").update(resolve(storage)).digest("hex").slice(0, 16);
  return join(SHARED_FOLDER, name);
}

function nobodyMayEnter(folder: string): boolean {
  const identity = { uid: NOBODY, gid: NOBODY };
  return spawnSync("ls", ["-d", `${folder}/.`], { ...identity, stdio: "ignore" }).status === 0;
}
