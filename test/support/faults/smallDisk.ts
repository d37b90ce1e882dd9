/** A file system of its own that is small enough to be filled, where this user may mount one. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface SmallDisk {
  readonly folder: string;
  /** Leaves `bytes` free. */
  fill(bytes: number): void;
  /** Gives free again what `fill` took. */
  empty(): void;
  /** Only while nobody has a file of it open for writing. */
  setReadOnly(readOnly: boolean): void;
  unmount(): void;
}

const FILLER = "filler";

/** Why this machine lets us mount nothing; undefined where it does. */
export function whyNoMount(scratch: string): string | undefined {
  try {
    mountSmallDisk(scratch, 64 * 1024).unmount();
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split("\n").at(-1);
  }
}

/** Mounts `bytes` of memory at a new folder within `parent`. Throws where that is not allowed. */
export function mountSmallDisk(parent: string, bytes: number): SmallDisk {
  const folder = mkdtempSync(join(parent, "quarterdeck-disk-"));
  const mount = (options: string, ...more: string[]) =>
    execFileSync("mount", ["-o", options, ...more, folder], { stdio: "pipe" });
  try {
    mount(`size=${bytes}`, "-t", "tmpfs", "tmpfs");
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const empty = () => rmSync(join(folder, FILLER), { force: true });
  return {
    folder,
    fill: (left) => {
      empty();
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(join(folder, FILLER), new Uint8Array(Math.max(0, bavail * bsize - left)));
    },
    empty,
    setReadOnly: (readOnly) => mount(readOnly ? "remount,ro" : "remount,rw"),
    unmount: () => {
      // Lazily: whoever still has a file of it open may go on with that.
      execFileSync("umount", ["-l", folder]);
      rmdirSync(folder);
    },
  };
}

/** A command that runs another one in which no file may grow beyond so many KiB. */
export function withFileLimit(kibibytes: number): readonly string[] {
  return ["bash", "-c", `ulimit -f ${kibibytes}; exec "$@"`, "bash"];
}
