/** A URL of several hosts, of which one follows the primary: a real server in recovery. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../test/support/chain/anvil.ts";
import { startPostgres } from "../../../test/support/database/postgres.ts";
import { startLocalPostgres } from "../../localnet/localPostgres.ts";
import { openPostgresJournal } from "./journal.ts";

/** Answers reads, takes no writes, and never hears of any. */
async function startStandby(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-standby-"));
  const port = await freePort();
  const primary = await startLocalPostgres({ folder, port });
  await primary.stop();
  writeFileSync(join(folder, "data", "standby.signal"), "");
  const standby = await startLocalPostgres({ folder, port });
  onTestFinished(async () => {
    await standby.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return port;
}

test("a standby that is named first is passed over, whatever the URL asks for", async () => {
  const server = await startPostgres();
  onTestFinished(() => server.remove());
  const standby = await startStandby();
  const { port } = new URL(server.url);
  const hosts = `127.0.0.1:${standby},127.0.0.1:${port}`;
  const both = server.url.replace(`127.0.0.1:${port}`, hosts);
  for (const query of ["?target_session_attrs=read-write", ""]) {
    const journal = await openPostgresJournal({
      url: both + query,
      schema: server.schema(),
      operator: "ada",
      operatorUrl: "http://ada",
    });
    onTestFinished(() => journal.close());
    const leased = await journal.acquire();
    expect(await leased?.append([new Uint8Array(1)])).toEqual({ first: 1, last: 1 });
  }
});
