/** Frames that are written by hand, as a client of `ws` reads them. */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { textFrames } from "./textFrames.ts";

async function connected() {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const told: string[] = [];
  const opened = new Promise<Socket>((resolve) => {
    sockets.on("connection", (_, request) => resolve(request.socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on("message", (data, isBinary) => {
    if (!isBinary) told.push(String(data));
  });
  onTestFinished(() => {
    client.terminate();
    sockets.close();
    server.close();
  });
  return { socket: await opened, told, client };
}

test("a client reads the messages of frames, whatever their characters and lengths", async () => {
  const { socket, told, client } = await connected();
  const edge = fc.constantFrom(0, 125, 126, 65_535, 65_536, 70_000);
  const message = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.tuple(edge, fc.constantFrom("a", "é", "漢", "💶")).map(([length, of]) => of.repeat(length)),
  );
  const sent: string[] = [];
  const messages = fc.sample(fc.array(message, { minLength: 1, maxLength: 5 }), 60);
  for (const some of messages) {
    socket.write(textFrames(some), "latin1");
    sent.push(...some);
  }
  await expect.poll(() => told).toHaveLength(sent.length);
  expect(told).toEqual(sent);
  expect(client.readyState).toBe(client.OPEN);
});
