/** A client's own affairs, which its session reads. */
import * as z from "zod";
import {
  balance,
  clientTrade,
  deposit,
  ledgerEntry,
  proof,
  withdrawal,
} from "../schemas/account.ts";
import { limitsResponse } from "../schemas/batch.ts";
import { orderResponse } from "../schemas/order.ts";
import { countersignedStatement } from "../schemas/statement.ts";
import { address, countText, limitText } from "../schemas/values.ts";
import { tradePage } from "./market.ts";
import type { Route } from "./route.ts";

const clientPath = z.strictObject({ client: address });

export const ACCOUNT_ROUTES = {
  fetchLimits: {
    method: "GET",
    path: "/v1/clients/:client/limits",
    access: "client",
    params: clientPath,
    answer: limitsResponse,
    about: "How many orders the client may place still: this round, the next, and at this block.",
  },
  fetchBalances: {
    method: "GET",
    path: "/v1/clients/:client/balances",
    access: "client",
    params: clientPath,
    answer: z.array(balance),
    about: "Balances of every token, as of the exchange's block.",
  },
  fetchOrders: {
    method: "GET",
    path: "/v1/clients/:client/orders",
    access: "client",
    params: clientPath,
    query: z.strictObject({
      round: countText.optional(),
      uncovered: z
        .enum(["true"])
        .optional()
        .describe("Only those that the client's last statement does not cover"),
    }),
    answer: z.array(orderResponse),
    about: "Orders of a round (default: the current one), with signed fills.",
  },
  fetchStatements: {
    method: "GET",
    path: "/v1/clients/:client/statements",
    access: "client",
    params: clientPath,
    answer: z.array(countersignedStatement),
    about: "The last countersigned statements of the round before and of the current one.",
  },
  fetchMyTrades: {
    method: "GET",
    path: "/v1/clients/:client/trades",
    access: "client",
    params: clientPath,
    query: tradePage,
    answer: z.array(clientTrade),
    about:
      "The client's trades, newest first; with `after`, from there on, oldest first. The last 500 " +
      "are kept.",
  },
  fetchLedger: {
    method: "GET",
    path: "/v1/clients/:client/ledger",
    access: "client",
    params: clientPath,
    query: z.strictObject({
      limit: limitText.default(100),
      before: countText.optional().describe("Record: only earlier entries"),
    }),
    answer: z.array(ledgerEntry),
    about: "What moved the client's balances beside trades, newest first. The last 500 are kept.",
  },
  fetchDeposits: {
    method: "GET",
    path: "/v1/clients/:client/deposits",
    access: "client",
    // The chain is asked each time.
    weight: 10,
    params: clientPath,
    query: z.strictObject({ limit: limitText.default(100) }),
    answer: z.array(deposit),
    about: "Deposits, those that still wait for confirmations first, then the newest.",
  },
  fetchProofs: {
    method: "GET",
    path: "/v1/clients/:client/proofs/:round",
    access: "client",
    params: z.strictObject({ client: address, round: countText }),
    answer: z.array(proof),
    about: "The client's proofs against a round's commit, one per token of its set, in order.",
  },
  fetchWithdrawals: {
    method: "GET",
    path: "/v1/clients/:client/withdrawals",
    access: "client",
    params: clientPath,
    answer: z.array(withdrawal),
    about: "Withdrawal requests that wait for a decision, cancellation or confirmation.",
  },
} as const satisfies Record<string, Route>;
