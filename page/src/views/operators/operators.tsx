/** How the operators are: for the one that is woken at night with a deadline near. */
import type { DutyHealth } from "../../../../src/wire/schemas/health.ts";
import { chainOperators } from "../../chain/state.ts";
import { blockMs, exchange, leaderUrl } from "../../live/exchange.ts";
import {
  blocksText,
  dateTimeText,
  grouped,
  sameUrl,
  shortHex,
  symbolOf,
  timeText,
} from "../../ui/format.ts";
import { DataTable, Empty, Panel, Tag } from "../../ui/parts.tsx";
import { useOperators } from "./follow.ts";
import { healthOf, type OperatorHealth, takeOvers } from "./series.ts";
import { SeriesPanel } from "./seriesPanel.tsx";

export function Operators() {
  const urls = useOperators();
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Operators</h1>
          <p>
            What each of them says of itself, read anew with each block: duties by the blocks that
            are left, the key&rsquo;s runway, its view of the chain, its journal.
          </p>
        </div>
      </div>
      <div class="stack">
        <div class="cards">
          {urls.map((url) => (
            <Card key={url} url={url} name={nameOf(url)} health={healthOf.value.get(url)} />
          ))}
        </div>
        <Duties urls={urls} />
        <SeriesPanel urls={urls} nameOf={nameOf} />
        <div class="columns two">
          <Checks urls={urls} />
          <TakeOvers />
        </div>
      </div>
    </>
  );
}

function nameOf(url: string): string {
  const found = chainOperators.value?.operators.find(({ endpoint }) => sameUrl(endpoint, url));
  return found?.name ?? (URL.canParse(url) ? new URL(url).host : url);
}

interface CardProps {
  readonly url: string;
  readonly name: string;
  readonly health: OperatorHealth | undefined;
}

const DAY_SECONDS = 86_400;
/** Days beyond which nobody counts. */
const MOST_DAYS = 999;

function Card({ url, name, health }: CardProps) {
  const { figures = {}, checks = [] } = health ?? {};
  const bad = checks.filter(({ state }) => state !== "ok");
  const days = (figures["key_left_seconds"] ?? Number.NaN) / DAY_SECONDS;
  const figure = (of: string, digits = 0) =>
    figures[of] === undefined ? "–" : grouped(figures[of].toFixed(digits));
  return (
    <Panel
      title={name}
      about={url}
      actions={
        <span class="tags">
          {leaderUrl.value !== null && sameUrl(url, leaderUrl.value) ? (
            <Tag tone="accent">leads</Tag>
          ) : null}
          {health === undefined ? (
            <Tag>asked</Tag>
          ) : !health.isUp ? (
            <Tag tone="bad">no answer</Tag>
          ) : bad.some(({ state }) => state === "failed") ? (
            <Tag tone="bad">{bad.length} checks</Tag>
          ) : bad.length > 0 ? (
            <Tag tone="warn">{bad.length} warnings</Tag>
          ) : (
            <Tag tone="good">well</Tag>
          )}
        </span>
      }
    >
      {health !== undefined && !health.isUp ? (
        <p class="muted">
          {health.heardAt === undefined
            ? "It never answered."
            : `Silent since ${timeText(health.heardAt)}.`}
        </p>
      ) : (
        <dl class="figures">
          <div>
            <dt>Key runway</dt>
            <dd>
              {Number.isNaN(days)
                ? "no end"
                : days > MOST_DAYS
                  ? "> 999 days"
                  : `${days.toFixed(1)} days`}
            </dd>
          </div>
          <div>
            <dt>Key</dt>
            <dd>{figure("key_balance_ether", 3)} ETH</dd>
          </div>
          <div>
            <dt>Journal lag</dt>
            <dd>{figure("journal_lag_blocks")} blocks</dd>
          </div>
          <div>
            <dt>To HALTED</dt>
            <dd>{figure("halt_left_blocks")} blocks</dd>
          </div>
          <div>
            <dt>Chain behind</dt>
            <dd>{figure("rpc_lag_blocks")} blocks</dd>
          </div>
          <div>
            <dt>Endpoints down</dt>
            <dd>{figure("rpc_down_endpoints")}</dd>
          </div>
        </dl>
      )}
    </Panel>
  );
}

const DUTY_WORDS: Readonly<Record<DutyHealth["kind"], string>> = {
  cancelWithdrawal: "Cancel a withdrawal",
  closeDispute: "Answer a dispute",
  commit: "Commit",
};

function Duties({ urls }: { readonly urls: readonly string[] }) {
  const facts = exchange.value;
  const rows = urls
    .flatMap((url) => (healthOf.value.get(url)?.duties ?? []).map((duty) => ({ url, ...duty })))
    .sort((a, b) => a.blocksLeft - b.blocksLeft);
  const unknown = urls.map((url) => healthOf.value.get(url)?.unknown).find(Boolean);
  return (
    <Panel title="Duties" about="What is owed to the chain, the nearest deadline first" flush>
      <DataTable
        caption="Open duties, the nearest deadline first"
        rows={rows}
        keyOf={({ url, kind, client, token, round }) =>
          `${url} ${kind} ${client} ${token} ${round}`
        }
        empty={unknown ?? "Nothing is owed now."}
        columns={[
          { name: "Duty", cell: ({ kind }) => <span class="strong">{DUTY_WORDS[kind]}</span> },
          {
            name: "About",
            cell: ({ round, client, token }) =>
              [
                `round ${round}`,
                client === null ? undefined : shortHex(client),
                token === null || facts === undefined ? undefined : symbolOf(facts, token),
              ]
                .filter((part) => part !== undefined)
                .join(", "),
          },
          { name: "Operator", cell: ({ url }) => nameOf(url) },
          {
            name: "Blocks left",
            isNumber: true,
            cell: ({ blocksLeft, state }) => (
              <Tag tone={state === "open" ? "plain" : state === "danger" ? "warn" : "bad"}>
                {blocksText(blocksLeft, blockMs.value)}
              </Tag>
            ),
          },
          { name: "Needs", isNumber: true, cell: ({ blocksNeeded }) => blocksNeeded },
          {
            name: "Tries",
            cell: ({ tries, problem }) =>
              tries === 0 ? (
                <span class="muted">none failed</span>
              ) : (
                `${tries} failed: ${problem ?? ""}`
              ),
          },
        ]}
      />
    </Panel>
  );
}

function Checks({ urls }: { readonly urls: readonly string[] }) {
  const rows = urls.flatMap((url) =>
    (healthOf.value.get(url)?.checks ?? []).map((check) => ({ url, ...check })),
  );
  const order = { failed: 0, warn: 1, ok: 2 };
  const sorted = rows.sort((a, b) => order[a.state] - order[b.state]);
  const tones = { ok: "good", warn: "warn", failed: "bad" } as const;
  return (
    <Panel title="Health checks" flush class="tall">
      <DataTable
        caption="Health checks, faults first"
        rows={sorted}
        keyOf={({ url, name }) => `${url} ${name}`}
        empty="No operator has answered yet."
        columns={[
          { name: "Check", cell: ({ name }) => name },
          { name: "Operator", cell: ({ url }) => <span class="muted">{nameOf(url)}</span> },
          { name: "State", cell: ({ state }) => <Tag tone={tones[state]}>{state}</Tag> },
          { name: "Detail", cell: ({ detail }) => <span class="muted">{detail}</span> },
        ]}
      />
    </Panel>
  );
}

function TakeOvers() {
  return (
    <Panel title="Take-overs" about="Who took orders, as long as this page was open" flush>
      {takeOvers.value.length === 0 ? (
        <Empty>The lead has not changed since this page was opened.</Empty>
      ) : (
        <DataTable
          caption="Take-overs, newest first"
          rows={takeOvers.value}
          keyOf={({ at, url }) => `${at} ${url}`}
          empty=""
          columns={[
            { name: "Time", cell: ({ at }) => dateTimeText(at) },
            {
              name: "Leads",
              cell: ({ url }) => (url === null ? <Tag tone="warn">nobody</Tag> : nameOf(url)),
            },
          ]}
        />
      )}
    </Panel>
  );
}
