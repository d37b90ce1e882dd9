/**
 * The exit kit: one page that opens from disk. It speaks with the visitor's wallet and endpoint,
 * and with nobody else; the chain tells what was done, so it can be closed at any time.
 */
import { messageOf } from "../base/errors.ts";
import { type Provider, providerUrl } from "../chain/rpc/provider.ts";
import { readChainId } from "../chain/rpc/rpc.ts";
import { MemoryEvidence } from "../client/evidence/evidence.ts";
import { exportEvidence } from "../client/evidence/transfer.ts";
import { ExitClient } from "../client/rounds/exitClient.ts";
import { type ExitPlan, exitPlan } from "../client/rounds/exitPlan.ts";
import { exitStep } from "../client/rounds/exitStep.ts";
import { parsePlace, takeEvidence } from "./inputs.ts";
import { doneLines, rowsOf, stateLine } from "./lines.ts";
import { findWallets } from "./wallets.ts";

/** Milliseconds between two looks at the head while a step waits for its block. */
const POLL_MS = 5000;

const element = <E extends HTMLElement>(id: string): E => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no ${id}.`);
  return found as E;
};

const store = new MemoryEvidence();
let chosen: Provider | undefined;
let client: ExitClient | undefined;

function say(line: string): void {
  const row = document.createElement("li");
  row.textContent = line;
  element("log").append(row);
}

/** One action at a time; what goes wrong is said, with what to do. */
function whenClicked(id: string, work: () => Promise<void>): void {
  const button = element<HTMLButtonElement>(id);
  button.addEventListener("click", () => {
    button.disabled = true;
    work()
      .catch((error: unknown) => {
        say(`! ${messageOf(error)}`);
      })
      .finally(() => {
        button.disabled = false;
      });
  });
}

function showWallets(): void {
  findWallets(window, ({ name, provider }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => {
      chosen = provider;
      client = undefined;
      for (const other of element("wallets").children) other.removeAttribute("aria-pressed");
      button.setAttribute("aria-pressed", "true");
    });
    element("no-wallet").hidden = true;
    element("wallets").append(button);
  });
}

async function open(): Promise<ExitClient> {
  if (client !== undefined) return client;
  if (chosen === undefined) throw new Error("Choose a wallet first.");
  const place = parsePlace(element<HTMLInputElement>("mediator").value);
  const given = element<HTMLInputElement>("rpc").value.trim();
  const rpc = given === "" ? chosen : given.split(/[\s,]+/);
  const urls = rpc === chosen ? [providerUrl(chosen)] : (rpc as string[]);
  if (place.chainId !== undefined) {
    if (rpc === chosen) await switchTo(chosen, place.chainId);
    await readChainId(urls, { chainId: place.chainId });
  }
  const { mediator } = place;
  client = await ExitClient.open({ rpc, mediator, signer: chosen as never, evidence: store });
  say(`${client.address} on chain ${client.constants.domain.chainId}`);
  return client;
}

/** A wallet that does not know the chain, or whose user declines, is told apart by its chain. */
async function switchTo(wallet: Provider, chainId: number): Promise<void> {
  const params = [{ chainId: `0x${chainId.toString(16)}` }];
  const method = "wallet_switchEthereumChain";
  await wallet.request({ method, params } as never).catch(() => {});
}

async function showPlan(of: ExitClient, plan: ExitPlan): Promise<void> {
  element("state").textContent = stateLine(plan);
  const rows = await rowsOf(of, plan);
  element("plan").replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(
        ...cells.map((text) => {
          const cell = document.createElement("td");
          cell.textContent = text;
          return cell;
        }),
      );
      return row;
    }),
  );
  element("nothing").hidden = rows.length > 0;
}

async function runToEnd(): Promise<void> {
  const of = await open();
  for (;;) {
    const report = await exitStep(of);
    for (const line of await doneLines(of, report)) say(line);
    await showPlan(of, report.left);
    if (report.isDone) return say("Everything that can be proven is out.");
    if (report.nextBlock === undefined) return say("What is left wants a proof that is missing.");
    say(`Next at block ${report.nextBlock}. Leave this page open, or come back and go on.`);
    while ((await of.reader.clock()).block < report.nextBlock) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function saveEvidence(): Promise<void> {
  const lines: string[] = [];
  for await (const line of exportEvidence(store)) lines.push(line);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`]));
  link.download = "evidence.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

element("files").addEventListener("change", async (event) => {
  const input = event.target as HTMLInputElement;
  for (const file of input.files ?? []) {
    try {
      say(await takeEvidence(store, file.name, await file.text()));
    } catch (error) {
      say(`! ${file.name}: ${messageOf(error)}`);
    }
  }
});
element("manifest").addEventListener("change", async (event) => {
  const [file] = (event.target as HTMLInputElement).files ?? [];
  if (file !== undefined) element<HTMLInputElement>("mediator").value = await file.text();
  client = undefined;
});
for (const id of ["mediator", "rpc"]) {
  element(id).addEventListener("input", () => {
    client = undefined;
  });
}
whenClicked("show", async () => {
  const of = await open();
  await showPlan(of, await exitPlan(of));
});
whenClicked("run", runToEnd);
whenClicked("save", saveEvidence);
showWallets();
