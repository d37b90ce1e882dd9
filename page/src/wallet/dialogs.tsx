/** The dialogs of an account: whom to be, what to move, whom to ask about the chain. */
import { useState } from "preact/hooks";
import { chooseEndpoint, isEndpoint, isOffered, rpcUrl } from "../chain/endpoint.ts";
import { isLocalChain } from "../chain/state.ts";
import { offeredRpc } from "../live/exchange.ts";
import { messageOf } from "../ui/format.ts";
import { Dialog, Hash, Tag, TextField } from "../ui/parts.tsx";
import { toast, toastError } from "../ui/toasts.tsx";
import { type FoundWallet, wallets } from "./eip6963.ts";
import { EvidenceDialog } from "./evidenceDialog.tsx";
import { accounts } from "./lazy.ts";
import { MoneyDialog } from "./money.tsx";
import { account, dialog, joining } from "./state.ts";
import { StoredKeyForm, TradingKeyDialog } from "./tradingKey.tsx";

function close(): void {
  dialog.value = undefined;
}

export function Dialogs() {
  switch (dialog.value) {
    case "connect":
      return account.value === undefined ? <ConnectDialog /> : <AccountDialog />;
    case "deposit":
    case "withdraw":
      return <MoneyDialog kind={dialog.value} onClose={close} />;
    case "tradingKey":
      return <TradingKeyDialog onClose={close} />;
    case "evidence":
      return <EvidenceDialog onClose={close} />;
    case "endpoint":
      return <EndpointDialog />;
    default:
      return null;
  }
}

async function joinBy(work: () => Promise<void>): Promise<void> {
  await work().then(() => {
    close();
    toast("Connected. Your evidence is kept in this browser.");
  }, toastError);
}

function ConnectDialog() {
  const busy = joining.value !== undefined;
  const byWallet = (wallet: FoundWallet) =>
    joinBy(async () => (await accounts()).joinWallet(wallet));
  return (
    <Dialog title="Connect" onClose={close}>
      {joining.value === undefined ? null : <p class="notice">{joining.value} …</p>}
      <div class="choices">
        {wallets.value.map((wallet) => (
          <button
            key={wallet.id}
            type="button"
            class="choice"
            disabled={busy}
            onClick={() => void byWallet(wallet)}
          >
            {wallet.icon === undefined ? null : <img src={wallet.icon} alt="" />}
            <span>
              {wallet.name}
              <small>Signs each order and transaction, with your consent</small>
            </span>
          </button>
        ))}
        {isLocalChain.value ? (
          <button
            type="button"
            class="choice"
            disabled={busy}
            onClick={() => void joinBy(async () => (await accounts()).joinTestWallet())}
          >
            <span>
              Test wallet
              <small>A key of this browser with test tokens, on the local chain only</small>
            </span>
          </button>
        ) : null}
      </div>
      {wallets.value.length === 0 && !isLocalChain.value ? (
        <p class="muted">
          No wallet was found in this browser. Install one, and open this page anew.
        </p>
      ) : null}
      <StoredKeyForm join={joinBy} />
    </Dialog>
  );
}

function AccountDialog() {
  const held = account.value;
  if (held === undefined) return null;
  const open = (name: "deposit" | "withdraw" | "tradingKey" | "evidence") => () => {
    dialog.value = name;
  };
  const leave = () => {
    void accounts().then((module) => module.leave());
    close();
  };
  const moves = held.owner !== undefined && held.client !== undefined;
  return (
    <Dialog title={held.name} onClose={close}>
      <p class="wrap-anywhere">
        <Hash value={held.address} shown={held.address} />
      </p>
      <p>
        {held.hasTradingKey ? (
          <Tag tone="good">Orders are signed by the trading key</Tag>
        ) : (
          <Tag>Orders are signed by {held.kind === "test" ? "this browser" : "the wallet"}</Tag>
        )}
      </p>
      {held.owner === undefined ? (
        <p class="muted">
          It trades and reads, and moves no money. To deposit or withdraw, disconnect and connect
          the wallet.
        </p>
      ) : null}
      <div class="choices">
        <button type="button" class="choice" disabled={!moves} onClick={open("deposit")}>
          <span>
            Deposit
            <small>Into the contract; credited a few blocks later</small>
          </span>
        </button>
        <button type="button" class="choice" disabled={!moves} onClick={open("withdraw")}>
          <span>
            Withdraw
            <small>Asked of the contract, paid two rounds later</small>
          </span>
        </button>
        {held.hasTradingKey ? null : (
          <button type="button" class="choice" disabled={!moves} onClick={open("tradingKey")}>
            <span>
              Make a trading key
              <small>Signs orders from the next round on; it can withdraw nothing</small>
            </span>
          </button>
        )}
        <button type="button" class="choice" onClick={open("evidence")}>
          <span>
            Your evidence
            <small>Export it to a file, or import it from one</small>
          </span>
        </button>
      </div>
      <StoredKeyForm join={joinBy} />
      <button type="button" class="button" onClick={leave}>
        Disconnect
      </button>
    </Dialog>
  );
}

function EndpointDialog() {
  const [text, setText] = useState(isOffered.value ? "" : (rpcUrl.value ?? ""));
  const bad = text !== "" && !isEndpoint(text);
  const take = (event: Event) => {
    event.preventDefault();
    try {
      chooseEndpoint(text === "" ? undefined : text);
    } catch (error) {
      toast(messageOf(error), "bad");
    }
  };
  const [offer] = offeredRpc.value;
  return (
    <Dialog title="Your endpoint of the chain" onClose={close}>
      <p class="muted">
        Proofs are held against the chain as this endpoint shows it. Name your own node, or a
        provider that you trust: an operator that offered a false one could show you anything. The
        page then opens anew, with this one origin allowed.
      </p>
      <form class="stack" onSubmit={take}>
        <TextField
          label="JSON-RPC over HTTP"
          value={text}
          onInput={setText}
          bad={bad}
          input={{ type: "url", placeholder: offer ?? "https://node.example" }}
          hint={bad ? "An address that begins with http:// or https://" : undefined}
        />
        <button type="submit" class="button primary" disabled={bad || (text === "" && !offer)}>
          {text === "" ? "Use the operator's offer" : "Use this endpoint"}
        </button>
      </form>
    </Dialog>
  );
}
