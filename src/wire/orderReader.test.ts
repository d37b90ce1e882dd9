/** The readers by hand give what the schemas give, and the writers what `toJson` writes. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checksumAddress } from "../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import { bytesToHex } from "../base/hex.ts";
import { refuse } from "../protocol/refusals.ts";
import { SELF_TRADES, TIMES_IN_FORCE } from "../protocol/trading/terms.ts";
import { readBody, readWrite } from "./orderReader.ts";
import { answerText } from "./orderWriter.ts";
import { ORDER_ROUTES } from "./routes/orders.ts";
import { MAX_ITEMS } from "./schemas/batch.ts";
import { MAX_PATH } from "./schemas/signature.ts";
import { toJson } from "./schemas/values.ts";
import { errorBody } from "./sentences.ts";
import { streamRequest } from "./stream.ts";

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(bytesToHex);
const address = hex(20).map(checksumAddress);
const count = fc.maxSafeNat();
const id = fc.bigInt({ min: 0n, max: UINT64_MAX });
const amount = fc.bigInt({ min: 0n, max: UINT128_MAX });
const signature = fc.record({
  r: hex(32),
  vs: hex(32),
  path: fc.array(hex(32), { maxLength: MAX_PATH }),
});
const order = fc.record({
  owner: address,
  round: count,
  id,
  sellToken: address,
  sellAmount: amount,
  buyToken: address,
  buyAmount: amount,
  intent: fc.constantFrom("buyAll" as const, "sellAll" as const),
});
const tag = fc.option(
  fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 36,
  }),
);
const block = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const terms = fc.record({
  timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
  goodTillBlock: block,
  selfTrade: fc.constantFrom(...SELF_TRADES),
  tag,
});
const signedTerms = fc.tuple(terms, signature).map(([all, of]) => ({ ...all, signature: of }));
const placement = fc.record(
  { order, signature, terms: signedTerms },
  { requiredKeys: ["order", "signature"] },
);
const cancel = fc.record({ cancel: fc.record({ owner: address, round: count, id }), signature });
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 });

const BODIES = {
  placeOrder: placement,
  placeOrders: list(placement).map((orders) => ({ orders })),
  cancelOrder: cancel,
  cancelOrders: list(cancel).map((cancels) => ({ cancels })),
} as const;
type Name = keyof typeof BODIES;
const NAMES = Object.keys(BODIES) as Name[];

const body = fc
  .constantFrom(...NAMES)
  .chain((name) => fc.tuple(fc.constant(name), BODIES[name] as fc.Arbitrary<object>));

/** As it comes from outside. */
const jsonOf = (value: unknown) => JSON.parse(toJson(value));

test("a body in the usual form is read by hand, as its schema reads it", () => {
  fc.assert(
    fc.property(body, ([name, value]) => {
      const json = jsonOf(value);
      expect(readBody(name, json)).toEqual(value);
      expect(ORDER_ROUTES[name].body.parse(json)).toEqual(value);
    }),
  );
});

/** A value that may stand in a place of another: near misses, and other things altogether. */
const odd = (before: unknown): fc.Arbitrary<unknown> => {
  const text = String(before);
  return fc.oneof(
    fc.constantFrom<unknown>(
      text.toUpperCase(),
      text.toLowerCase(),
      `${text}0`,
      text.slice(0, -1),
      ` ${text}`,
      `${text}\n`,
      Number(text),
      [before],
      { 0: before },
      [],
    ),
    fc.constantFrom<unknown>(null, true, 0, -0, -1, 1.5, 1e300, "0", "00", "-1", "", "0x", {}),
    fc.constantFrom<unknown>(`${UINT64_MAX + 1n}`, `${UINT128_MAX + 1n}`, "s", "v", "__proto__"),
    fc.string({ maxLength: 40 }),
  );
};

type Json = Record<string, unknown>;

/** One field of it, somewhere, is another, is gone, or is there beside the others. */
function spoilt(json: unknown): fc.Arbitrary<unknown> {
  if (typeof json !== "object" || json === null) return odd(json);
  const fields = json as Json;
  const keys = Object.keys(fields);
  const changed = (key: string) =>
    spoilt(fields[key]).map((value): unknown =>
      Array.isArray(json)
        ? json.map((item, at) => (String(at) === key ? value : item))
        : { ...fields, [key]: value },
    );
  const without = (key: string) =>
    fc.constant(Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key)));
  const added = fc
    .tuple(fc.constantFrom("s", "v", "path", "terms", "more", "toString"), odd(json))
    .map(([key, value]) => ({ ...fields, [key]: value }));
  const choices: fc.Arbitrary<unknown>[] = [added, odd(json)];
  for (const key of keys) choices.push(changed(key), changed(key), without(key));
  return fc.oneof(...choices);
}

test("a reader gives of any body what the schema gives, and of a wrong one nothing", () => {
  const seen = { read: 0, left: 0, refused: 0 };
  const any = body.chain(([name, value]) =>
    fc.tuple(fc.constant(name), spoilt(jsonOf(value)), fc.nat({ max: 80 })),
  );
  fc.assert(
    fc.property(any, ([name, json, wordLength]) => {
      const schema = ORDER_ROUTES[name].body.safeParse(json);
      const read = readBody(name, json);
      if (read !== undefined) expect([true, read]).toEqual([schema.success, schema.data]);
      seen[read !== undefined ? "read" : schema.success ? "left" : "refused"] += 1;
      const word = [7, "w".repeat(wordLength), -1, null][wordLength % 4];
      const message = { kind: name, id: word, body: json };
      const whole = streamRequest.safeParse(message);
      const readWhole = readWrite(message);
      if (readWhole !== undefined) expect([true, readWhole]).toEqual([whole.success, whole.data]);
      else if (whole.success) expect(read).toBeUndefined();
    }),
    { numRuns: 1500 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(2);
});

test("a list that is empty, or longer than a request may be, is the schema's to refuse", () => {
  const [one] = fc.sample(BODIES.placeOrder, 1);
  for (const length of [0, MAX_ITEMS, MAX_ITEMS + 1]) {
    const json = jsonOf({ orders: Array.from({ length }, () => one) });
    const { success } = ORDER_ROUTES.placeOrders.body.safeParse(json);
    expect([length, readBody("placeOrders", json) !== undefined]).toEqual([length, success]);
  }
});

test("a kind that is none, or is read by its schema alone, is left to the schema", () => {
  for (const kind of ["toString", "__proto__", "replaceOrder", "subscribe", ""]) {
    expect(readBody(kind, {})).toBeUndefined();
    expect(readWrite({ kind, id: 1, body: {} })).toBeUndefined();
  }
  for (const message of [null, [], 7, "x", { kind: "placeOrder", id: 1 }]) {
    expect(readWrite(message)).toBeUndefined();
  }
});

const fill = fc.record({
  fill: fc.record({
    orderHash: hex(32),
    owner: address,
    round: count,
    sold: amount,
    bought: amount,
    sequence: id,
  }),
  signature,
});
const orderAnswer = fc
  .tuple(
    order,
    fc.record({
      orderHash: hex(32),
      state: fc.constantFrom("queued", "open", "filled", "refused"),
      reason: fc.constantFrom(null, "owner", "roundEnded"),
      terms,
      timeMs: fc.option(count),
      sold: amount,
      bought: amount,
      asOf: count,
      fill: fc.option(fill),
    }),
  )
  .map(([of, rest]) => ({ ...of, ...rest }));

test("an answer written by hand is the text that toJson writes", () => {
  const { error } = errorBody(refuse("Overloaded", { retryAfterMs: 5 }));
  const item = fc.oneof(
    orderAnswer.map((one) => ({ order: one, error: null })),
    fc.constant({ order: null, error }),
  );
  fc.assert(
    fc.property(orderAnswer, fc.array(item, { maxLength: 4 }), (one, items) => {
      expect(answerText("placeOrder", one)).toBe(toJson(one));
      expect(answerText("cancelOrder", one)).toBe(toJson(one));
      expect(answerText("placeOrders", items)).toBe(toJson(items));
      expect(answerText("cancelAllOrders", [one])).toBe(toJson([one]));
    }),
  );
});
