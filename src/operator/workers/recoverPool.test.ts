import { afterEach, expect, test } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import { type Address, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { type Recovery, recoverAccount } from "../../protocol/signatures.ts";
import { packRecoveries, unpackRecoveries } from "./recoverMessages.ts";
import { RecoverPool, type RecoverPoolOptions } from "./recoverPool.ts";

const { curve } = loadCurve();
const pools: RecoverPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function poolOf(options: Partial<RecoverPoolOptions> = {}): RecoverPool {
  const pool = new RecoverPool({ threads: 2, curve, ...options });
  pools.push(pool);
  return pool;
}

function recovered(pool: RecoverPool, recoveries: readonly Recovery[]) {
  return new Promise<readonly (Address | undefined)[]>((resolve) => {
    pool.recoverAll(recoveries, resolve);
  });
}

/** Every third has an r that is no point's: nobody can have signed it. */
function recoveriesOf(count: number): Recovery[] {
  return Array.from({ length: count }, (_, n) => {
    const digest = keccak256(Uint8Array.of(n >> 8, n));
    const key = keccak256(Uint8Array.of(1, n >> 8, n));
    const signature = nobleCurve.sign(digest, key);
    const r = n % 3 === 2 ? hexToBytes(`0x${"ff".repeat(32)}`) : signature.r;
    return { ...signature, r, digest };
  });
}

function expected(recoveries: readonly Recovery[]): (Address | undefined)[] {
  return recoveries.map((one) => recoverAccount(nobleCurve, one));
}

test("a recovery is packed and unpacked as it was", () => {
  const recoveries = recoveriesOf(5);
  expect(unpackRecoveries(packRecoveries(recoveries))).toEqual(recoveries);
});

test("threads give the accounts that the curve gives, to each who asked, in order", async () => {
  const recoveries = recoveriesOf(60);
  const accounts = expected(recoveries);
  expect(accounts.filter((one) => one === undefined)).toHaveLength(20);
  const pool = poolOf();
  for (let pass = 0; pass < 3; pass++) {
    const sizes = [1, 7, 0, 30, 2, 20];
    const starts = sizes.map((_, n) => sizes.slice(0, n).reduce((sum, size) => sum + size, 0));
    const answers = starts.map((start, n) =>
      recovered(pool, recoveries.slice(start, start + (sizes[n] ?? 0))),
    );
    expect(pool.pending).toBe(60);
    expect((await Promise.all(answers)).flat()).toEqual(accounts);
    expect(pool.pending).toBe(0);
  }
});

test("a pool without threads, or with little to do, recovers here", async () => {
  const recoveries = recoveriesOf(30);
  const alone = poolOf({ threads: 0 });
  expect(await recovered(alone, recoveries)).toEqual(expected(recoveries));
  const broken = new URL("./noSuchModule.ts", import.meta.url);
  const few = poolOf({ module: broken });
  expect(await recovered(few, recoveries.slice(0, 3))).toEqual(expected(recoveries.slice(0, 3)));
});

test("a lost thread is told, and what it was asked is recovered here", async () => {
  const lost: number[] = [];
  const module = new URL("./noSuchModule.ts", import.meta.url);
  const pool = poolOf({ module, onLost: (_, left) => lost.push(left) });
  const recoveries = recoveriesOf(30);
  expect(await recovered(pool, recoveries)).toEqual(expected(recoveries));
  await expect.poll(() => lost).toEqual([1, 0]);
  expect(await recovered(pool, recoveries)).toEqual(expected(recoveries));
});

test("a closed pool answers what is under way, and all that comes later", async () => {
  const pool = poolOf();
  const recoveries = recoveriesOf(40);
  const before = recovered(pool, recoveries);
  await new Promise((resolve) => setImmediate(resolve));
  await pool.close();
  expect(await before).toEqual(expected(recoveries));
  expect(await recovered(pool, recoveries)).toEqual(expected(recoveries));
});

test("a thread answers many questions in parts, and small ones beside them too", async () => {
  const pool = poolOf({ threads: 1 });
  const recoveries = recoveriesOf(80);
  const done: number[] = [];
  const accounts = expected(recoveries);
  const answers = recoveries.map((one, at) =>
    recovered(pool, [one]).then((found) => {
      done.push(at);
      return found;
    }),
  );
  // A second tick with little to ask, while the thread is at work.
  await new Promise((resolve) => setImmediate(resolve));
  const late = recovered(pool, recoveries.slice(0, 2));
  expect((await Promise.all(answers)).flat()).toEqual(accounts);
  expect(await late).toEqual(accounts.slice(0, 2));
  expect(done).toEqual(recoveries.map((_, at) => at));
  expect(pool.pending).toBe(0);
});
