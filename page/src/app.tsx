/** The frame around every view: where one is, whether it is live, and who one is. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { isOffered, rpcUrl } from "./chain/endpoint.ts";
import { chainClock, chainProblem } from "./chain/state.ts";
import { blockMs, clock, exchange, haltRound, link, problem, waitingFor } from "./live/exchange.ts";
import { VIEWS, type View, view } from "./route.ts";
import { chooseTheme, isDark } from "./theme.ts";
import { blocksText, shortHex, timeText } from "./ui/format.ts";
import { Ring } from "./ui/ring.tsx";
import { Toasts } from "./ui/toasts.tsx";
import { Halted } from "./views/trust/halted.tsx";
import { Trust } from "./views/trust/trust.tsx";
import { Dialogs } from "./wallet/dialogs.tsx";
import { account, dialog, joining } from "./wallet/state.ts";

/** Views that are loaded after the first picture. */
export const LATER: Readonly<Record<Exclude<View, "trust">, () => Promise<ComponentType>>> = {
  trade: async () => (await import("./views/trade/trade.tsx")).Trade,
  explorer: async () => (await import("./views/explorer/explorer.tsx")).Explorer,
  operators: async () => (await import("./views/operators/operators.tsx")).Operators,
};

export function App() {
  if (exchange.value === undefined || clock.value === undefined) return <Opening />;
  const isHalted = haltRound.value !== null || chainClock.value?.halted === true;
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <Top isHalted={isHalted} />
      {/* Whoever takes everything out needs no operator. */}
      {isHalted ? null : <Banner />}
      <main id="main" tabIndex={-1}>
        {isHalted && view.value !== "explorer" ? <Halted /> : <Chosen />}
      </main>
      <Foot />
      <Dialogs />
      {dialog.value === undefined ? <Toasts /> : null}
    </>
  );
}

/** Past the navigation, for the keyboard. */
function skip(): void {
  document.getElementById("main")?.focus();
}

function Opening() {
  return (
    <main class="opening">
      <h1>Quarterdeck</h1>
      {problem.value === undefined ? (
        <p class="muted">Opening the exchange …</p>
      ) : (
        <p class="notice warn">{problem.value} Trying again.</p>
      )}
    </main>
  );
}

function Chosen() {
  const name = view.value;
  const [loaded, setLoaded] = useState<{ name: View; Part: ComponentType } | undefined>();
  useEffect(() => {
    const title = VIEWS.find(([one]) => one === name)?.[1];
    document.title = `${title} · Quarterdeck`;
    if (name === "trust") return;
    let isOver = false;
    void LATER[name]().then((Part) => {
      if (!isOver) setLoaded({ name, Part });
    });
    return () => {
      isOver = true;
    };
  }, [name]);
  if (name === "trust") return <Trust />;
  if (loaded?.name !== name) return <p class="muted">Loading …</p>;
  return <loaded.Part />;
}

const LINK_WORDS = { opening: "Opening", live: "Live", stale: "Stale" } as const;

function Top({ isHalted }: { readonly isHalted: boolean }) {
  const now = clock.value;
  const { schedule } = exchange.value ?? {};
  return (
    <header class="top">
      <a class="brand" href="#/trust" aria-label="Quarterdeck">
        <Mark />
        <span>Quarterdeck</span>
      </a>
      <nav class="nav" aria-label="Views">
        {VIEWS.map(([name, text]) => (
          <a key={name} href={`#/${name}`} aria-current={view.value === name ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      <div class="top-side">
        {isHalted ? <span class="tag bad">HALTED</span> : null}
        {now !== undefined && schedule !== undefined && !isHalted ? (
          <a
            class="round-chip"
            href="#/trust"
            title="The round, its quarter, and what is left of it"
          >
            <Ring clock={now} schedule={schedule} width={15} />
            <span>
              {now.round}.{now.quarter}
              <span class="wide muted"> · {blocksText(now.blocksLeft, blockMs.value)}</span>
            </span>
          </a>
        ) : null}
        <span class="live-dot" data-state={link.value.kind}>
          {LINK_WORDS[link.value.kind]}
        </span>
        <ThemeSwitch />
        <AccountButton />
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" fill="none" stroke-width="5" aria-hidden="true">
      <path stroke="var(--buy)" d="M17.5 4.6A11.5 11.5 0 0 1 27.4 14.5" />
      <path stroke="var(--accent)" d="M27.4 17.5A11.5 11.5 0 0 1 17.5 27.4" />
      <path stroke="var(--accent)" stroke-opacity=".6" d="M14.5 27.4A11.5 11.5 0 0 1 4.6 17.5" />
      <path stroke="var(--accent)" stroke-opacity=".35" d="M4.6 14.5A11.5 11.5 0 0 1 14.5 4.6" />
    </svg>
  );
}

function ThemeSwitch() {
  const next = isDark.value ? "light" : "dark";
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Switch to ${next} colours`}
      title={`Switch to ${next} colours`}
      onClick={() => chooseTheme(next)}
    >
      <svg
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        stroke-width="1.8"
        aria-hidden="true"
      >
        {isDark.value ? (
          <path d="M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m0-11.4L4.9 4.9m14.2 14.2-1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z" />
        ) : (
          <path d="M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5Z" />
        )}
      </svg>
    </button>
  );
}

function AccountButton() {
  const held = account.value;
  if (held === undefined) {
    return (
      <button type="button" class="button primary" onClick={() => openDialog()}>
        {joining.value === undefined ? "Connect" : "Connecting …"}
      </button>
    );
  }
  return (
    <button type="button" class="button" title={held.address} onClick={() => openDialog()}>
      <span class="mono">{shortHex(held.address)}</span>
    </button>
  );
}

function openDialog(): void {
  dialog.value = "connect";
}

function Banner() {
  const state = link.value;
  if (state.kind === "stale") {
    return (
      <div class="banner" role="status">
        <span>
          Not live since {timeText(state.since)} ({state.why}). What is greyed out is old; trying
          the next operator.
        </span>
      </div>
    );
  }
  if (waitingFor.value === null) return null;
  return (
    <div class="banner" role="status">
      <span>No orders are taken for now: the operator waits for {waitingFor.value}.</span>
    </div>
  );
}

function Foot() {
  const { mediator, chainId } = exchange.value ?? {};
  return (
    <footer class="foot">
      <span>
        Mediator <span class="mono">{mediator}</span> on chain {chainId}
      </span>
      <button type="button" class="hash" onClick={openEndpoint}>
        {rpcUrl.value === undefined
          ? "No endpoint of the chain chosen"
          : `Chain read by ${new URL(rpcUrl.value).host}${isOffered.value ? ", the operator's offer" : ""}`}
      </button>
      {chainProblem.value === undefined ? null : <span class="warn">{chainProblem.value}</span>}
      <span>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer">
          TradingView
        </a>
      </span>
    </footer>
  );
}

function openEndpoint(): void {
  dialog.value = "endpoint";
}
