import { expect, test } from "vitest";
import { within } from "./within.ts";

test("a time limit gives what the work gives, or fails as it does", async () => {
  expect(await within(60_000, Promise.resolve(7))).toBe(7);
  await expect(within(60_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
});

test("a time limit waits no longer than it may", async () => {
  expect(await within(1, new Promise(() => {}))).toBeUndefined();
});
