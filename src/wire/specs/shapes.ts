/** Every shape that has a name in the documents, and JSON Schema of them and of others. */
import * as z from "zod";
import * as account from "../schemas/account.ts";
import * as batch from "../schemas/batch.ts";
import { errorBody } from "../schemas/error.ts";
import * as exchange from "../schemas/exchange.ts";
import * as health from "../schemas/health.ts";
import * as market from "../schemas/market.ts";
import * as order from "../schemas/order.ts";
import { signature } from "../schemas/signature.ts";
import * as statement from "../schemas/statement.ts";
import * as terms from "../schemas/terms.ts";

export const SHAPES: Readonly<Record<string, z.ZodType>> = {
  Exchange: exchange.exchange,
  Market: exchange.market,
  Token: exchange.token,
  Identity: exchange.identity,
  Clock: health.clock,
  Book: market.book,
  Level: market.level,
  Trade: market.trade,
  BestPrices: market.bestPrices,
  Ticker: market.ticker,
  Candle: market.candle,
  Order: order.order,
  SignedOrder: order.signedOrderInput,
  Placement: order.placementInput,
  Terms: terms.signedTermsInput,
  OrderTerms: terms.orderTerms,
  Item: batch.itemResponse,
  CancelOrder: order.cancelOrder,
  SignedCancel: order.signedCancelInput,
  OrderStatus: order.orderResponse,
  Fill: order.fill,
  SignedFill: order.signedFill,
  Signature: signature,
  Statement: statement.statement,
  SignedStatement: statement.statementInput,
  CountersignedStatement: statement.countersignedStatement,
  Balance: account.balance,
  MyTrade: account.clientTrade,
  Withdrawal: account.withdrawal,
  LedgerEntry: account.ledgerEntry,
  Deposit: account.deposit,
  BalanceProof: account.balanceProof,
  Proof: account.proof,
  Live: health.live,
  Ready: health.ready,
  HealthCheck: health.healthCheck,
  Health: health.health,
  Duty: health.dutyHealth,
  Duties: health.duties,
  Error: errorBody,
};

export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly $ref?: string;
}

/** Where a document keeps its named shapes. */
const COMPONENTS = "#/components/schemas/";

/**
 * JSON Schema of the values as they travel: of every named shape, and of `others` by their own
 * names; named shapes within are references.
 */
export function jsonSchemas(others: Readonly<Record<string, z.ZodType>>): {
  readonly shapes: Record<string, JsonSchema>;
  readonly others: Record<string, JsonSchema>;
} {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SHAPES)) registry.add(schema, { id });
  // A part that is itself a named shape becomes a reference to it.
  const nameOf = (schema: z.ZodType) => registry.get(schema)?.id;
  const own = Object.entries(others).filter(([, schema]) => nameOf(schema) === undefined);
  for (const [id, schema] of own) registry.add(schema, { id: `@${id}` });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: (id) => COMPONENTS + id,
  });
  const found = (id: string) => withoutNames(schemas[id] as JsonSchema);
  const shapes = Object.keys(SHAPES).map((id) => [id, found(id)] as const);
  const rest = Object.entries(others).map(([id, schema]) => {
    const name = nameOf(schema);
    const isOwn = name === undefined || name.startsWith("@");
    return [id, isOwn ? found(`@${id}`) : { $ref: COMPONENTS + name }] as const;
  });
  return { shapes: Object.fromEntries(shapes), others: Object.fromEntries(rest) };
}

function withoutNames({ $schema: _, $id: __, id: ___, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

/** The name of the shape that a reference leads to. */
export function shapeNameOf({ $ref }: JsonSchema): string | undefined {
  return $ref?.startsWith(COMPONENTS) ? $ref.slice(COMPONENTS.length) : undefined;
}
