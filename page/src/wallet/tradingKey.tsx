/** The trading key that this browser keeps: opening it, making one, and what to do without it. */
import { useState } from "preact/hooks";
import { exchange } from "../live/exchange.ts";
import { Dialog, TextField } from "../ui/parts.tsx";
import { toast, toastError } from "../ui/toasts.tsx";
import { accounts } from "./lazy.ts";
import { account, joining } from "./state.ts";
import { forgetKey, type SealedKey, SHORTEST_PASSPHRASE, storedKey } from "./vault.ts";

interface UnlockProps {
  /** Joins the exchange by what is asked for, and tells how that went. */
  readonly join: (work: () => Promise<void>) => Promise<void>;
}

/** Opens the kept trading key; says so where one is kept that cannot be read. */
export function StoredKeyForm({ join }: UnlockProps) {
  const [isForgotten, setForgotten] = useState(false);
  const facts = exchange.value;
  if (facts === undefined || isForgotten || account.value?.hasTradingKey) return null;
  const stored = storedKey(facts.mediator);
  if (stored.kind === "sealed") return <UnlockForm sealed={stored.sealed} join={join} />;
  if (stored.kind === "none") return null;
  const forget = () => {
    forgetKey(facts.mediator);
    setForgotten(true);
  };
  return (
    <div class="notice warn stack" role="alert">
      <strong>The trading key of this browser cannot be read.</strong>
      <p>
        Its record is damaged, or of another version of this page. No money hangs on it: a trading
        key can move none. Connect the wallet and make another key; it takes the place of this one
        from the next round on. Until then the wallet signs.
      </p>
      <div class="row-actions bare">
        <button type="button" class="button small" onClick={() => void copy(stored.text)}>
          Copy the record
        </button>
        <button type="button" class="button small" onClick={forget}>
          Forget it
        </button>
      </div>
    </div>
  );
}

async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text).then(() => toast("Copied."), toastError);
}

function UnlockForm({ sealed, join }: UnlockProps & { readonly sealed: SealedKey }) {
  const [passphrase, setPassphrase] = useState("");
  const open = (event: Event) => {
    event.preventDefault();
    void join(async () => (await accounts()).joinTradingKey(passphrase));
  };
  return (
    <form class="stack" onSubmit={open}>
      <TextField
        label={`Passphrase of the trading key of ${sealed.owner.slice(0, 8)}…`}
        value={passphrase}
        onInput={setPassphrase}
        input={{ type: "password" }}
        hint="Trades without a question from the wallet, and can withdraw nothing."
      />
      <button
        type="submit"
        class="button"
        disabled={passphrase === "" || joining.value !== undefined}
      >
        Open the trading key
      </button>
    </form>
  );
}

export function TradingKeyDialog({ onClose }: { readonly onClose: () => void }) {
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const [isBusy, setBusy] = useState(false);
  const isShort = passphrase.length > 0 && passphrase.length < SHORTEST_PASSPHRASE;
  const differs = again !== "" && again !== passphrase;
  const ready = passphrase.length >= SHORTEST_PASSPHRASE && again === passphrase;
  const make = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await (await accounts()).makeTradingKey(passphrase);
      toast("The trading key is registered. It signs from the next round on.");
      onClose();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return (
    <Dialog title="Make a trading key" onClose={onClose}>
      <p class="muted">
        A second key signs your orders, so that the wallet is not asked each time. The contract lets
        it trade and nothing else: it can never withdraw. This browser keeps it encrypted; without
        the passphrase it is of no use to anybody.
      </p>
      <form class="stack" onSubmit={(event) => void make(event)}>
        <TextField
          label="Passphrase"
          value={passphrase}
          onInput={setPassphrase}
          input={{ type: "password" }}
          bad={isShort}
          hint={`At least ${SHORTEST_PASSPHRASE} characters`}
        />
        <TextField
          label="The same again"
          value={again}
          onInput={setAgain}
          input={{ type: "password" }}
          bad={differs}
          hint={differs ? "The two are not the same" : undefined}
        />
        <button type="submit" class="button primary" disabled={!ready || isBusy}>
          {isBusy ? "Registering on chain …" : "Make and register it"}
        </button>
      </form>
    </Dialog>
  );
}
