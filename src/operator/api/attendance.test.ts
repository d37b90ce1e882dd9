import { expect, test } from "vitest";
import type { Entry } from "../../exchange/model/entries.ts";
import {
  ALICE,
  BOB,
  limitOrder,
  SIGNATURE,
  tradingWorld,
  type World,
} from "../../exchange/world.testkit.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import { Attendance } from "./attendance.ts";

/** A router of an operator that leads, or not, over the world's machine. */
function routerOf(world: World, isOpen = true) {
  const written: Entry[] = [];
  const router = {
    isOpen,
    submit: async (entry: Entry) => {
      written.push(entry);
      return world.apply(entry);
    },
  } as unknown as WriteRouter;
  return { router, written };
}

function arm(world: World, owner: typeof ALICE, graceBlocks: number): void {
  const command = { owner, round: 0, nonce: 5n, block: world.block + 3, graceBlocks };
  world.apply({ kind: "cancelAfter", ...command, signature: SIGNATURE });
  world.place(limitOrder(owner, 0, 1, "ask", 1, 50));
}

const pulled = (world: World, count: number) =>
  world.mine(count).flatMap((one) => (one.what === "orderCancelled" ? [one.owner] : []));

test("a client that is connected keeps its orders, and loses them when it is gone", async () => {
  const world = tradingWorld();
  for (const owner of [ALICE, BOB]) arm(world, owner, 3);
  const { router, written } = routerOf(world);
  const attendance = new Attendance(world.state, router);
  const leave = attendance.attend(ALICE);
  const also = attendance.attend(ALICE);
  const gone: unknown[] = [];
  for (let block = 0; block < 5; block++) {
    gone.push(...pulled(world, 1));
    await attendance.renew();
    if (block === 1) also();
  }
  expect(gone).toEqual([BOB]);
  leave();
  leave();
  await attendance.renew();
  expect(pulled(world, 3)).toEqual([]);
  await attendance.renew();
  expect(pulled(world, 1)).toEqual([ALICE]);
  expect(written).toHaveLength(5);
});

test("a hand-over within the grace pulls nothing: the next leader goes on", async () => {
  const world = tradingWorld();
  arm(world, ALICE, 4);
  const first = new Attendance(world.state, routerOf(world).router);
  first.attend(ALICE);
  world.mine(2);
  await first.renew();
  // It leads no more, and the client connects to whoever does.
  expect(pulled(world, 3)).toEqual([]);
  const second = new Attendance(world.state, routerOf(world).router);
  second.attend(ALICE);
  await second.renew();
  expect(pulled(world, 4)).toEqual([]);
});

test("an operator that does not lead writes nothing, nor one without switches to move", async () => {
  const world = tradingWorld();
  const idle = routerOf(world);
  const attendance = new Attendance(world.state, idle.router);
  attendance.attend(ALICE);
  await attendance.renew();
  arm(world, ALICE, 3);
  const follower = routerOf(world, false);
  const other = new Attendance(world.state, follower.router);
  other.attend(ALICE);
  world.mine();
  await other.renew();
  expect([...idle.written, ...follower.written]).toEqual([]);
});
