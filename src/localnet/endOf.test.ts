import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { endOf } from "./endOf.ts";

const run = (line: string) => spawn("sh", ["-c", line], { stdio: ["ignore", "ignore", "pipe"] });

test("an end is told once all is read that was printed", async () => {
  const child = run("head -c 60000 /dev/zero >&2; exit 3");
  const end = endOf(child);
  let bytes = 0;
  // Nobody reads before it has ended.
  child.once("exit", () => child.stderr.on("data", (part) => (bytes += part.length)));
  expect(await end).toBe(3);
  expect(bytes).toBe(60_000);
});

test("an end is told where a child of the child holds its pipe open", async () => {
  const child = run("sleep 20 & kill -KILL $$");
  child.stderr.resume();
  expect(await endOf(child)).toBe("SIGKILL");
});

test("an end of a child that could not be started is never told, nor thrown", async () => {
  const child = spawn("/nowhere/at/all");
  const told = endOf(child).then(
    () => "an end",
    () => "a failure",
  );
  await once(child, "close").catch(() => {});
  expect(await Promise.race([told, sleep(100, "nothing")])).toBe("nothing");
});
