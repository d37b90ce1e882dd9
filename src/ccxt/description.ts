/** Description of this exchange in the words of ccxt. */

import ccxt from "ccxt";

const { TICK_SIZE } = ccxt;
const TIMEFRAMES = { "1m": "1m", "5m": "5m", "15m": "15m", "1h": "1h", "4h": "4h", "1d": "1d" };

/** Methods that there are; what is left out there is not. */
const METHODS = [
  "cancelAllOrders",
  "cancelAllOrdersAfter",
  "cancelOrder",
  "cancelOrders",
  "createLimitOrder",
  "createMarketOrder",
  "createOrder",
  "createOrders",
  "createPostOnlyOrder",
  "editOrder",
  "fetchBalance",
  "fetchCanceledOrders",
  "fetchClosedOrders",
  "fetchCurrencies",
  "fetchDeposits",
  "fetchL2OrderBook",
  "fetchLedger",
  "fetchMarkets",
  "fetchMyTrades",
  "fetchOHLCV",
  "fetchOpenOrders",
  "fetchOrder",
  "fetchOrderBook",
  "fetchOrders",
  "fetchOrderTrades",
  "fetchStatus",
  "fetchTicker",
  "fetchTickers",
  "fetchTime",
  "fetchTrades",
  "fetchTradingFee",
  "fetchTradingFees",
  "fetchWithdrawals",
  "withdraw",
  "createOrderWs",
  "createOrdersWs",
  "editOrderWs",
  "cancelOrderWs",
  "cancelOrdersWs",
  "cancelAllOrdersWs",
  "watchBalance",
  "watchBidsAsks",
  "watchMyTrades",
  "watchOHLCV",
  "watchOrderBook",
  "watchOrders",
  "watchTicker",
  "watchTickers",
  "watchTrades",
  "ws",
];

/** Of other kinds of exchanges: said to be missing, so that nobody waits for them. */
const MISSING = [
  "CORS",
  "margin",
  "swap",
  "future",
  "option",
  "borrowCrossMargin",
  "fetchPositions",
  "fetchFundingRate",
  "fetchLeverage",
  "setLeverage",
  "transfer",
  "fetchDepositAddress",
  "createStopOrder",
  "createTriggerOrder",
  "createStopLossOrder",
  "createTakeProfitOrder",
  "createReduceOnlyOrder",
  "createMarketBuyOrderWithCost",
  "createMarketOrderWithCost",
];

/** Overrides of what every exchange of ccxt has. */
export function description() {
  const each = (names: readonly string[], is: boolean) =>
    Object.fromEntries(names.map((name) => [name, is]));
  return {
    id: "quarterdeck",
    name: "Quarterdeck",
    countries: [],
    version: "v1",
    // Milliseconds: operators take 500 requests a second, unless they say otherwise.
    rateLimit: 2,
    certified: false,
    pro: true,
    dex: true,
    has: { spot: true, ...each(MISSING, false), ...each(METHODS, true) },
    timeframes: TIMEFRAMES,
    precisionMode: TICK_SIZE,
    requiredCredentials: { apiKey: false, secret: false, privateKey: true },
    fees: {
      trading: { tierBased: false, percentage: true, maker: 0, taker: 0 },
    },
    options: {
      // Watching gives news since the last call, and not all that is known.
      newUpdates: true,
      tradesLimit: 1000,
    },
  };
}
