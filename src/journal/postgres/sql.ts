/**
 * Statements as templates: values travel beside the text as parameters, and never in it. `{schema}`
 * in a text stands for the schema that holds the tables: which one a statement works on is no
 * matter of the session.
 */
import { createHash } from "node:crypto";
import pg from "pg";

export type SqlValue = string | number | Uint8Array | null;

/** The rows that a statement gave; `count`: of those that it changed, or gave. */
export type Rows<Row> = readonly Row[] & { readonly count: number };

/** Rejects with the server's error, the network's, or `IncompleteAnswer`. */
export type Sql = <All extends readonly object[] = readonly object[]>(
  texts: TemplateStringsArray,
  ...values: readonly SqlValue[]
) => Promise<Rows<All[number]>>;

/** The server reported more rows than came. */
export class IncompleteAnswer extends Error {
  override readonly name = "IncompleteAnswer";
}

const BIGINT = 20;
const BYTES = 17;

/** Sequences, epochs and sizes stay far below 2^53; anything else is not ours. */
function parseBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is no sequence.`);
  return value;
}

function parseBytes(text: string): Buffer {
  const isHex = text.startsWith("\\x");
  const bytes = isHex ? Buffer.from(text.slice(2), "hex") : undefined;
  // A buffer ends at the first letter that is no digit.
  if (bytes !== undefined && bytes.length * 2 + 2 === text.length) return bytes;
  throw new RangeError("bytes that are not in hexadecimal form.");
}

export const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (oid === BIGINT) return parseBigint;
    if (oid === BYTES) return parseBytes;
    return format === "binary"
      ? pg.types.getTypeParser(oid, "binary")
      : pg.types.getTypeParser(oid, "text");
  }) as typeof pg.types.getTypeParser,
};

interface Statement {
  readonly text: string;
  /** Made of the text: no two statements share one, in whichever session the name is used. */
  readonly name: string;
}

/** Statements that `client` is asked, one after the other. */
export function sqlOf(client: pg.Client, schema: string): Sql {
  const known = new WeakMap<TemplateStringsArray, Statement>();
  const statementOf = (texts: TemplateStringsArray): Statement => {
    const found = known.get(texts);
    if (found !== undefined) return found;
    const text = texts
      .map((part, i) => (i === 0 ? part : `$${i}${part}`))
      .join("")
      .replaceAll("{schema}", pg.escapeIdentifier(schema));
    const name = createHash("sha256").update(text).digest("hex").slice(0, 40);
    known.set(texts, { text, name });
    return { text, name };
  };
  return async <All extends readonly object[]>(
    texts: TemplateStringsArray,
    ...values: readonly SqlValue[]
  ) => {
    const { text, name } = statementOf(texts);
    // Without parameters a text goes as it is: settings and tables take no prepared form.
    const question = values.length === 0 ? { text } : { text, name, values: [...values] };
    const { rows, rowCount, fields } = await client.query<All[number]>(question);
    const count = rowCount ?? 0;
    if (fields.length > 0 && rows.length !== count) {
      throw new IncompleteAnswer(`${rows.length} of ${count} rows came`);
    }
    // No element, and so no part of what two lists of rows are compared by.
    Object.defineProperty(rows, "count", { value: count });
    return rows as readonly All[number][] as Rows<All[number]>;
  };
}

/** `bytea[]` in the server's own binary form: one parameter for any number of values. */
export function bytesArray(values: readonly Uint8Array[]): Buffer {
  return binaryArray(BYTES, values);
}

/** `bigint[]`, likewise. */
export function bigintArray(values: readonly number[]): Buffer {
  const elements = values.map((value) => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(BigInt(value));
    return bytes;
  });
  return binaryArray(BIGINT, elements);
}

/** Dimensions, whether there are nulls, the elements' type; length, lower bound; the elements. */
function binaryArray(type: number, elements: readonly Uint8Array[]): Buffer {
  const size = elements.reduce((sum, { length }) => sum + 4 + length, 20);
  const target = Buffer.allocUnsafe(size);
  let at = 0;
  for (const field of [1, 0, type, elements.length, 1]) at = target.writeInt32BE(field, at);
  for (const element of elements) {
    at = target.writeInt32BE(element.length, at);
    target.set(element, at);
    at += element.length;
  }
  return target;
}
