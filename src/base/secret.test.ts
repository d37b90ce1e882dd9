import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "./secret.ts";

test("a secret is given out on purpose only", () => {
  const held = { secret: new Secret("correct horse") };
  expect(held.secret.reveal()).toBe("correct horse");
  const seen = [
    String(held.secret),
    `${held.secret}`,
    JSON.stringify(held),
    inspect(held, { depth: 9, showHidden: true, getters: true }),
    JSON.stringify(Object.entries(held.secret)),
    JSON.stringify(structuredClone(held)),
  ];
  for (const text of seen) expect(text).not.toContain("horse");
  expect(JSON.stringify(held)).toBe('{"secret":"[secret]"}');
});
