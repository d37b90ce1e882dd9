/**
 * Fan-out of one book to many subscribers: the stream's CPU for each subscriber and trade, beside a
 * frame for each event. The subscribers are in this process, the stream in its own.
 * `node --expose-gc bench/fanOut.ts [subscribers] [trades a second]`
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { WebSocket } from "ws";
import { toAddress } from "../src/base/address.ts";
import { STREAM_PATH } from "../src/wire/stream.ts";
import type { ServerOptions } from "./fanOut/server.ts";
import { inTurns, type Line, textOf } from "./measure.ts";

const SERVER = join(import.meta.dirname, "fanOut", "server.ts");
const CHANNEL = {
  name: "book",
  base: toAddress(`0x${"b0".repeat(20)}`),
  quote: toAddress(`0x${"c0".repeat(20)}`),
};
const SECONDS = 2;

/** Microseconds of the server's CPU for each subscriber and trade. */
async function measure(
  how: ServerOptions["how"],
  subscribers: number,
  tradesPerSecond: number,
): Promise<number> {
  const options: ServerOptions = { how, tradesPerSecond, seconds: SECONDS };
  const server = fork(SERVER, [JSON.stringify(options)], { execArgv: ["--expose-gc"] });
  const sockets: WebSocket[] = [];
  try {
    const [{ port }] = (await once(server, "message")) as [{ port: number }];
    for (let i = 0; i < subscribers; i++) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${how === "feeds" ? STREAM_PATH : ""}`);
      sockets.push(socket);
      await once(socket, "open");
      if (how === "frames") continue;
      socket.send(JSON.stringify({ kind: "subscribe", id: i, channel: CHANNEL }));
      // The answer, and the whole book.
      await once(socket, "message");
    }
    let heard = 0;
    for (const socket of sockets) socket.on("message", () => heard++);
    server.send("begin");
    const [{ cpuUs, trades }] = (await once(server, "message")) as [
      { cpuUs: number; trades: number },
    ];
    if (heard === 0) throw new Error("no subscriber was told anything");
    return cpuUs / trades / subscribers;
  } finally {
    for (const socket of sockets) socket.terminate();
    server.kill();
  }
}

/** A frame for each event costs so much that fewer trades are measured. */
export async function* fanOutLines(
  subscribers = 1000,
  tradesPerSecond = 1000,
): AsyncGenerator<Line> {
  const sides = [
    () => measure("frames", subscribers, Math.min(20, tradesPerSecond)),
    () => measure("feeds", subscribers, tradesPerSecond),
  ];
  const { medians, ratios } = await inTurns(sides, { warm: false });
  const [before, now] = medians as [number, number];
  yield {
    what: `fan-out, ${subscribers} subscribers, ${tradesPerSecond} trades/s: a subscriber and trade, a frame for each event (left)`,
    before: `${before.toFixed(2)} µs`,
    now: `${now.toFixed(2)} µs`,
    ratio: ratios[1] as number,
  };
}

if (import.meta.main) {
  const [subscribers, rate] = process.argv.slice(2).map(Number);
  for await (const line of fanOutLines(subscribers, rate)) console.log(textOf(line));
}
