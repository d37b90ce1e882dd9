/** Commands that deal with an operator: wallet, deposit, order, orders, cancel, book, trades, … */
import { Command } from "commander";
import { tell } from "../../admin/terminal.ts";
import { formatDecimal } from "../../base/decimal.ts";
import { readTokenBalance } from "../../chain/contracts/tokens.ts";
import { ask } from "../../chain/rpc/rpc.ts";
import type { ExchangeClient } from "../../client/client.ts";
import { findMarketOf, formatAmount, formatPrice } from "../../client/orders.ts";
import type { OrderStatus } from "../../client/types.ts";
import { firstPayableBlock } from "../../protocol/withdrawalRule.ts";
import { badOption } from "../journalSource.ts";
import { readTraderAccess, type TraderFlags, traderCommand } from "./access.ts";
import { show, untilBlock } from "./output.ts";

const ETHER_DECIMALS = 18;

export function tradingCommands(): Command[] {
  return [
    walletCommand(),
    depositCommand(),
    orderCommand(),
    ordersCommand(),
    cancelCommand(),
    bookCommand(),
    tradesCommand(),
    balanceCommand(),
    withdrawCommand(),
  ];
}

function walletCommand(): Command {
  const command = new Command("wallet").description("Show the key's address, and what it holds");
  return traderCommand(command, ["wallet"]).action(async (flags: TraderFlags) => {
    const client = await readTraderAccess(flags.config).join();
    const { address, chain, exchange } = client;
    const ether = await ask("a balance", () => chain.getBalance({ address }));
    const tokens = await Promise.all(
      exchange.tokens.map(async ({ token, symbol, decimals }) => {
        const held = await readTokenBalance(chain, token, address);
        return { token, symbol, held, text: formatDecimal(held, decimals) };
      }),
    );
    show(flags.json, { address, ether, tokens }, [
      address,
      `ether  ${formatDecimal(ether, ETHER_DECIMALS)}`,
      ...tokens.map(({ symbol, text }) => `${symbol}  ${text}`),
    ]);
  });
}

function depositCommand(): Command {
  const command = new Command("deposit")
    .description("Deposit tokens; with a key, once however often it is repeated")
    .argument("<amount>", "as people write it, such as 12.5")
    .argument("<token>", "symbol or address")
    .option("--key <text>", "names this deposit: repeated with it, it goes in once")
    .option("--wait", "until an operator has credited it");
  const examples = ["deposit 1000 USDC", "deposit 0.5 WETH --key rent-7 --wait"];
  return traderCommand(command, examples).action(
    async (amount: string, token: string, flags: TraderFlags & { key?: string; wait?: true }) => {
      const client = await readTraderAccess(flags.config).join();
      const key = flags.key === undefined ? undefined : { key: flags.key };
      const made = await client.deposit(token, amount, key);
      if (flags.wait === true) {
        tell(`on chain in block ${made.block}; waiting until an operator has credited it …`);
        await client.waitForCredit(made);
      }
      const state = flags.wait === true ? "credited" : "on chain";
      const before = made.wasThere ? ", by an earlier try" : "";
      show(flags.json, { ...made, state }, [
        `${amount} ${token} ${state} in block ${made.block}${before} (key ${made.key})`,
      ]);
    },
  );
}

function orderCommand(): Command {
  const command = new Command("order")
    .description("Sign and place a limit order for this round")
    .argument("<side>", "buy or sell")
    .argument("<amount>", "whole base, such as 0.25")
    .argument("<market>", "BASE/QUOTE")
    .requiredOption("--price <price>", "quote for one whole base");
  const examples = ["order buy 0.25 WETH/USDC --price 2999.5"];
  return traderCommand(command, examples).action(
    async (
      side: "buy" | "sell",
      amount: string,
      market: string,
      flags: TraderFlags & { price: string },
    ) => {
      const client = await readTraderAccess(flags.config).join();
      const placed = await client.createOrder({ side, amount, market, price: flags.price });
      show(flags.json, placed, [lineOf(client, placed)]);
    },
  );
}

function ordersCommand(): Command {
  const command = new Command("orders")
    .description("Show the orders of a round")
    .option("--round <round>", "the current one unless told");
  return traderCommand(command, ["orders", "orders --round 12 --json"]).action(
    async (flags: TraderFlags & { round?: string }) => {
      const client = await readTraderAccess(flags.config).join();
      const found = await client.fetchOrders(wholeOf("--round", flags.round));
      show(
        flags.json,
        found,
        found.map((one) => lineOf(client, one)),
      );
    },
  );
}

function cancelCommand(): Command {
  const command = new Command("cancel")
    .description("Take an order out of the book")
    .argument("<id>", "the order's id")
    .option("--round <round>", "the current one unless told");
  return traderCommand(command, ["cancel 81723", "cancel 81723 --round 12"]).action(
    async (id: string, flags: TraderFlags & { round?: string }) => {
      const client = await readTraderAccess(flags.config).join();
      const round = wholeOf("--round", flags.round) ?? (await client.reader.clock()).round;
      const cancelled = await client.cancelOrder({ round, id: id as never });
      show(flags.json, cancelled, [lineOf(client, cancelled)]);
    },
  );
}

function bookCommand(): Command {
  const command = new Command("book")
    .description("Show the best prices of a market")
    .argument("<market>", "BASE/QUOTE")
    .option("--depth <levels>", "prices of each side", "10");
  return traderCommand(command, ["book WETH/USDC --depth 5"]).action(
    async (market: string, flags: TraderFlags & { depth: string }) => {
      const client = await readTraderAccess(flags.config).join();
      const book = await client.fetchOrderBook(market, wholeOf("--depth", flags.depth));
      const side = (name: string, levels: typeof book.bids) =>
        levels.map(({ priceText, amountText }) => `${name}  ${priceText}  ${amountText}`);
      show(flags.json, book, [
        ...side("sell", [...book.asks].reverse()),
        ...side("buy ", book.bids),
      ]);
    },
  );
}

function tradesCommand(): Command {
  const command = new Command("trades")
    .description("Show the latest trades of a market")
    .argument("<market>", "BASE/QUOTE")
    .option("--limit <count>", "most trades", "20");
  return traderCommand(command, ["trades WETH/USDC --limit 5 --json"]).action(
    async (market: string, flags: TraderFlags & { limit: string }) => {
      const client = await readTraderAccess(flags.config).join();
      const trades = await client.fetchTrades(market, wholeOf("--limit", flags.limit));
      show(flags.json, trades, [
        ...trades.map(
          (one) => `${one.block}  ${one.takerSide}  ${one.priceText}  ${one.amountText}`,
        ),
      ]);
    },
  );
}

function balanceCommand(): Command {
  const command = new Command("balance").description("Show what the exchange holds for this key");
  return traderCommand(command, ["balance", "balance --json"]).action(
    async (flags: TraderFlags) => {
      const client = await readTraderAccess(flags.config).join();
      const balances = await client.fetchBalance();
      show(flags.json, balances, [
        ...balances.map(({ token, total, locked, free }) => {
          const text = (amount: bigint) => formatAmount(client.exchange, token, amount);
          return `${symbolOf(client, token)}  ${text(total)}  free ${text(free)}, in orders ${text(locked)}`;
        }),
      ]);
    },
  );
}

function withdrawCommand(): Command {
  const command = new Command("withdraw")
    .description("Ask for a withdrawal; quarterdeck confirm pays it out two rounds later")
    .argument("<amount>", "as people write it")
    .argument("<token>", "symbol or address")
    .option("--to <address>", "who is paid; this key unless told");
  const examples = ["withdraw 400 USDC", "withdraw 1 WETH --to 0x…"];
  return traderCommand(command, examples).action(
    async (amount: string, token: string, flags: TraderFlags & { to?: string }) => {
      const client = await readTraderAccess(flags.config).join();
      const mined = await client.withdraw(token, amount, flags.to);
      const { round } = await client.reader.clock();
      const payableFrom = firstPayableBlock(client.constants.schedule, round);
      const when = await untilBlock(client.chain, payableFrom);
      show(flags.json, { ...mined, payableFrom }, [
        `${amount} ${token} asked for in block ${mined.block}: payable ${when}`,
      ]);
    },
  );
}

function lineOf({ exchange }: ExchangeClient, order: OrderStatus): string {
  const { market, side } = findMarketOf(exchange, order);
  const [whole, done] =
    side === "buy" ? [order.buyAmount, order.bought] : [order.sellAmount, order.sold];
  const quote = side === "buy" ? order.sellAmount : order.buyAmount;
  const price = formatPrice(exchange, market, (quote * market.lot) / whole);
  const text = (amount: bigint) => formatAmount(exchange, market.base, amount);
  const what = `${side} ${text(whole)} ${market.name} at ${price}`;
  return `${order.id}  round ${order.round}  ${order.state}  ${what}, done ${text(done)}`;
}

function symbolOf({ exchange }: ExchangeClient, token: string): string {
  return exchange.tokens.find((one) => one.token === token)?.symbol ?? token;
}

export function wholeOf<T extends string | undefined>(
  option: string,
  text: T,
): T extends string ? number : number | undefined {
  if (text === undefined) return undefined as never;
  if (/^(0|[1-9][0-9]{0,14})$/.test(text)) return Number(text) as never;
  throw badOption(`${option} ${text}: no whole number`);
}
