/** Deposits and withdrawals: exact amounts, and what follows from them. */
import { useState } from "preact/hooks";
import { parseDecimal } from "../../../src/base/decimal.ts";
import { firstPayableBlock } from "../../../src/protocol/withdrawalRule.ts";
import { balances } from "../live/account.ts";
import { blockMs, clock, exchange } from "../live/exchange.ts";
import { amountText, blocksText } from "../ui/format.ts";
import { Dialog, Select, TextField } from "../ui/parts.tsx";
import { toast, toastError } from "../ui/toasts.tsx";
import { deposit, withdraw } from "./actions.ts";

interface MoneyProps {
  readonly kind: "deposit" | "withdraw";
  readonly onClose: () => void;
}

export function MoneyDialog({ kind, onClose }: MoneyProps) {
  const facts = exchange.value;
  const now = clock.value;
  const [symbol, setSymbol] = useState(facts?.tokens[0]?.symbol ?? "");
  const [amount, setAmount] = useState("");
  const [isBusy, setBusy] = useState(false);
  const token = facts?.tokens.find((one) => one.symbol === symbol);
  if (facts === undefined || now === undefined || token === undefined) return null;
  const outcome = amount === "" ? undefined : parseDecimal(amount.trim(), token.decimals);
  const balance = balances.value.find((one) => one.token === token.token);
  const isDeposit = kind === "deposit";
  const tooMuch = !isDeposit && outcome?.ok === true && outcome.value > (balance?.free ?? 0n);
  const fault = faultOf(outcome, tooMuch);
  const ready = outcome?.ok === true && outcome.value > 0n && fault === undefined;
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      if (isDeposit) await deposit(symbol, amount.trim());
      else await withdraw(symbol, amount.trim());
      toast(
        isDeposit
          ? `${amount} ${symbol} deposited: credited after ${blocksText(facts.confirmations, undefined)} more.`
          : `${amount} ${symbol} asked for. Follow it under Trust.`,
      );
      onClose();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const payable = firstPayableBlock(facts.schedule, now.round) - now.block;
  const options = facts.tokens.map((one) => [one.symbol, one.symbol] as const);
  return (
    <Dialog title={isDeposit ? "Deposit" : "Withdraw"} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void send(event)}>
        <Select label="Token" options={options} value={symbol} onChange={setSymbol} />
        <TextField
          label="Amount"
          value={amount}
          onInput={setAmount}
          unit={symbol}
          bad={fault !== undefined}
          input={{ inputMode: "decimal", placeholder: "0.0", name: "amount" }}
          hint={fault ?? hintOf(isDeposit, balance?.free, token.decimals, symbol, setAmount)}
        />
        <p class="muted small">
          {isDeposit
            ? "The contract takes it once you allowed it to; two transactions the first time."
            : `Paid in ${blocksText(payable, blockMs.value)}, if it is asked for in this round. A proof of your balance goes with it; the operator cannot refuse what is yours.`}
        </p>
        <button type="submit" class="button primary" disabled={!ready || isBusy}>
          {isBusy ? "Waiting for the chain …" : isDeposit ? "Deposit" : "Ask for it"}
        </button>
      </form>
    </Dialog>
  );
}

function faultOf(
  outcome: ReturnType<typeof parseDecimal> | undefined,
  tooMuch: boolean,
): string | undefined {
  if (outcome !== undefined && !outcome.ok) return `${outcome.problem} ${outcome.hint}`;
  return tooMuch ? "That is more than is free now: cancel orders, or ask for less." : undefined;
}

function hintOf(
  isDeposit: boolean,
  free: bigint | undefined,
  decimals: number,
  symbol: string,
  take: (text: string) => void,
) {
  if (isDeposit || free === undefined) return undefined;
  const text = amountText(free, decimals);
  return (
    <>
      Free:{" "}
      <button type="button" onClick={() => take(text.replaceAll(",", ""))}>
        {text} {symbol}
      </button>
    </>
  );
}
