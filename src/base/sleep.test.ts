import { expect, it } from "vitest";
import { sleep } from "./sleep.ts";

it("a sleep ends by itself, and leaves nothing at the signal", async () => {
  const stop = new AbortController();
  await sleep(1, stop.signal);
  stop.abort(new Error("too late"));
  expect(await sleep(1)).toBeUndefined();
});

it("a sleep ends with the signal, also where that came first", async () => {
  const stop = new AbortController();
  const waiting = sleep(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(sleep(60_000, stop.signal)).rejects.toThrow("enough");
});
