import { expect, test } from "vitest";
import { exportLines } from "./export.ts";
import { READ_BATCH_RECORDS } from "./journal.ts";
import { bytesOf, openJournal, payloads, temporaryDirectory } from "./sqlite/storage.testkit.ts";

async function linesOf(lines: AsyncIterable<string>): Promise<unknown[]> {
  let text = "";
  for await (const some of lines) text += some;
  expect(text === "" || text.endsWith("\n")).toBe(true);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test("each record is a line of JSON with its place in the chain", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append([bytesOf("a\nb"), Uint8Array.of(0, 255)]);
  const lines = await linesOf(exportLines(journal));
  expect(lines).toEqual([
    { sequence: 1, epoch: 1, version: 1, hash: expect.stringMatching(/^0x/), payload: "YQpi" },
    { sequence: 2, epoch: 1, version: 1, hash: journal.head.hash, payload: "AP8=" },
  ]);
});

test("a part can be chosen, and how the payload is shown", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 9));
  const show = (payload: Uint8Array) => ({ length: payload.length });
  const lines = await linesOf(exportLines(journal, { from: 4, limit: 2, show }));
  expect(lines).toMatchObject([
    { sequence: 4, payload: { length: 8 } },
    { sequence: 5, payload: { length: 8 } },
  ]);
});

test("an empty journal has no lines, a long one comes in several parts", async () => {
  const journal = await openJournal(temporaryDirectory());
  expect(await linesOf(exportLines(journal))).toEqual([]);
  await journal.append(payloads(1, READ_BATCH_RECORDS + 1));
  const parts: string[] = [];
  for await (const part of exportLines(journal)) parts.push(part);
  expect(parts).toHaveLength(2);
});
