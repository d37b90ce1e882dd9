/** Whether a folder's file system has room: bytes, inodes, and for how long. */
import { statfs } from "node:fs/promises";
import { type Check, problemOf, type Reading } from "../health/check.ts";
import { Decline, leftSeconds } from "../health/forecast.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface DiskOptions {
  /** The folder's name for checks and labels: "storage" or "logs". */
  readonly folder: string;
  readonly path: string;
  readonly diskFreeBytes: Levels;
  readonly diskFreeInodes: Levels;
  readonly diskLeftDays: Levels;
  readonly metrics: Metrics;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

const MIB = 1024 ** 2;

export function diskCheck(options: DiskOptions): Check {
  const { folder, path, metrics } = options;
  const decline = new Decline();
  const name = `disk.${folder}`;
  const reading = (check: string, levels: Levels, value: number | undefined, detail: string) => ({
    check: `${check}.${folder}`,
    levels,
    value,
    detail,
    hint: `Free or add room on the file system of ${path}; never delete the journal.`,
  });
  return {
    name,
    probe: async (): Promise<Reading[]> => {
      let room: Room;
      try {
        room = await readRoom(path);
      } catch (error) {
        const detail = `cannot be read: ${problemOf(error)}`;
        return [
          reading("disk", options.diskFreeBytes, undefined, detail),
          reading("inodes", options.diskFreeInodes, undefined, detail),
          reading("diskForecast", options.diskLeftDays, undefined, detail),
        ];
      }
      const { bytes, inodes } = room;
      const days = decline.daysLeft(options.now(), bytes);
      metrics.set("disk_free_bytes", bytes, { folder });
      metrics.set("disk_free_inodes", inodes, { folder });
      const left = leftSeconds(days);
      metrics.set("disk_left_seconds", left, {
        folder,
      });
      const forecast =
        days === Number.POSITIVE_INFINITY ? "no end in sight" : `${days.toFixed(1)} days`;
      return [
        reading("disk", options.diskFreeBytes, bytes, `${Math.round(bytes / MIB)} MiB free`),
        reading("inodes", options.diskFreeInodes, inodes, `${inodes} inodes free`),
        reading("diskForecast", options.diskLeftDays, days, forecast),
      ];
    },
  };
}

interface Room {
  readonly bytes: number;
  /** Infinity where the file system has no fixed number of them. */
  readonly inodes: number;
}

async function readRoom(path: string): Promise<Room> {
  const { bavail, bsize, files, ffree } = await statfs(path);
  return { bytes: bavail * bsize, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree };
}
