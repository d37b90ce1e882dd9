import { expect, test } from "vitest";
import { Remembered } from "./remembered.ts";

test("the newest values are remembered, at least as many as asked for and at most twice", () => {
  const remembered = new Remembered<number, string>(10);
  for (let key = 0; key < 100; key++) {
    remembered.set(key, String(key));
    const known = Array.from({ length: key + 1 }, (_, one) => remembered.get(one));
    const count = known.filter((one) => one !== undefined).length;
    expect(count).toBeLessThanOrEqual(20);
    expect(known.slice(-10)).toEqual(
      Array.from({ length: Math.min(10, key + 1) }, (_, at) => String(Math.max(0, key - 9) + at)),
    );
  }
});

test("a value that was set again, or deleted, is not the one before", () => {
  const remembered = new Remembered<string, number>(1);
  remembered.set("a", 1);
  remembered.set("a", 2);
  expect(remembered.get("a")).toBe(2);
  remembered.delete("a");
  expect(remembered.get("a")).toBeUndefined();
});
