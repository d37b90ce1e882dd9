import { expect, test } from "vitest";
import { roots } from "../../exchange/queries/views.ts";
import { ALICE, BASE, GENESIS, tradingWorld } from "../../exchange/world.testkit.ts";
import { hashPublishedBalances, rootsHash } from "../../protocol/messages.ts";
import { PublicBalances } from "./publicBalances.ts";

test("balances are signed again where a late cancellation changes the tree of an open round", async () => {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.withdraw(ALICE, BASE, 40n).toQuarter(3, 0);
  const signed: Uint8Array[] = [];
  const publicBalances = new PublicBalances({
    state: world.state,
    isOn: true,
    domain: { chainId: GENESIS.chainId, mediator: GENESIS.mediator },
    signer: {
      address: ALICE,
      signMessage: async (_, hash) => {
        signed.push(hash);
        return { r: "0x", vs: "0x", path: [] };
      },
    },
  });
  const message = () =>
    hashPublishedBalances({ round: 3, rootsHash: rootsHash(roots(world.state, 3)) });
  const first = await publicBalances.answer(3);
  expect(await publicBalances.answer(3)).toEqual(first);
  expect(signed).toEqual([message()]);

  world.log({ kind: "withdrawalCancelled", client: ALICE, token: BASE, round: 2, amount: 40n });
  world.mine();
  const changed = message();
  const second = await publicBalances.answer(3);
  expect(signed).toHaveLength(2);
  expect(signed[1]).toEqual(changed);
  expect(second).not.toEqual(first);
});
