import { scryptSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { portableScrypt } from "./scrypt.ts";

test("scrypt gives what OpenSSL gives, where that gives anything", async () => {
  const bytes = (least: number) => fc.uint8Array({ minLength: least, maxLength: 50 });
  const costs = fc.record({
    n: fc.integer({ min: 1, max: 8 }).map((bits) => 2 ** bits),
    r: fc.integer({ min: 1, max: 9 }),
    p: fc.integer({ min: 1, max: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(bytes(0), bytes(1), costs, async (password, salt, { n, r, p }) => {
      const wanted = scryptSync(password, salt, 32, { N: n, r, p });
      const found = await portableScrypt(password, salt, { n, r, p }, 32);
      expect(Buffer.from(found).equals(wanted)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
