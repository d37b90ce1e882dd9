import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type DeployedExchange, deployExchange } from "./deploy.ts";
import {
  encodeAddOperator,
  encodeClaimFor,
  encodeRemoveOperator,
  encodeSetCommitQuorum,
  encodeSetMaintenance,
  encodeSetSlotSize,
  SlotReader,
} from "./roundRobinManager.ts";

const GENESIS_BLOCKS = 40;
const SLOT_BLOCKS = 10;
const TOKENS = [{ name: "Wrapped Ether", symbol: "WETH", decimals: 18 }];

/** A node that says in one call that there is no maintenance yet, and refuses others for it. */
function lateToTell({ client }: Anvil): Anvil["client"] {
  const readContract = async (call: { readonly functionName: string }) =>
    call.functionName === "inMaintenance" ? false : client.readContract(call as never);
  return { getBlockNumber: () => client.getBlockNumber(), readContract } as never;
}

describe("slots", () => {
  let anvil: Anvil;
  let exchange: DeployedExchange;
  let reader: SlotReader;
  let genesisEnd: number;
  const [OWNER, FIRST, SECOND] = [0, 1, 2];

  const approved = (index: number) => ({
    address: anvil.addresses[index] as Address,
    name: `operator ${index}`,
    uri: `http://operator-${index}`,
  });

  async function send(from: number, data: Hex): Promise<void> {
    const signer = localSigner(anvil.keys[from] as Hex);
    const { chainId, client } = anvil;
    const submitter = new Submitter({
      client,
      signer,
      chainId,
      maxFeePerGas: 10n ** 12n,
      pollMs: 20,
    });
    await submitter.send({ what: "a test's call", to: exchange.manager, data });
  }

  beforeAll(async () => {
    anvil = await startAnvil();
    exchange = await deployExchange({
      client: anvil.client,
      owner: localSigner(anvil.keys[OWNER] as Hex),
      operator: approved(FIRST),
      slots: { genesisBlocks: GENESIS_BLOCKS, slotBlocks: SLOT_BLOCKS, others: [approved(SECOND)] },
      roundSize: 64,
      disputeBond: 0n,
      tokens: TOKENS,
    });
    reader = new SlotReader(anvil.client, exchange.manager);
    genesisEnd = (await reader.slots()).lastBlock ?? 0;
  });
  afterAll(() => anvil.stop());

  test("slots are told apart from a manager that has none", async () => {
    expect(await reader.hasSlots()).toBe(true);
    expect(await new SlotReader(anvil.client, exchange.mediator).hasSlots()).toBe(false);
  });

  test("slots begin with Genesis, in which nobody is selected", async () => {
    const slots = await reader.slots();
    expect(slots).toMatchObject({ slot: 0, inMaintenance: false, slotSize: SLOT_BLOCKS });
    expect(slots.lastBlock).toBe(slots.firstBlock + GENESIS_BLOCKS - 1);
    expect(slots.operators).toEqual(
      [FIRST, SECOND].map((index) => {
        const { address, name, uri } = approved(index);
        return { address, name, endpoint: uri };
      }),
    );
    expect(slots).toMatchObject({ operator: undefined, claimed: [], forecast: undefined });
  });

  test("slots follow the claims for the next slot", async () => {
    await send(SECOND, encodeClaimFor(1));
    const claimed = await reader.slots();
    const second = approved(SECOND).address;
    expect(claimed).toMatchObject({ slot: 0, claimed: [second], forecast: second });
    await anvil.mineTo(genesisEnd + 1);
    const slots = await reader.slots();
    expect(slots).toMatchObject({ slot: 1, operator: second, claimed: [], forecast: second });
    expect(slots.firstBlock).toBe(genesisEnd + 1);
    await expect(send(FIRST, encodeClaimFor(1))).rejects.toMatchObject({ errorName: "WrongSlot" });
  });

  test("slots stand still in maintenance, in which the list changes", async () => {
    await send(OWNER, encodeSetMaintenance(true));
    const still = await reader.slots();
    expect(still).toMatchObject({ slot: 1, inMaintenance: true, lastBlock: undefined });
    expect(still.operator).toBeUndefined();
    expect(await new SlotReader(lateToTell(anvil), exchange.manager).slots()).toEqual(still);
    const { address, name, uri } = approved(3);
    await send(OWNER, encodeAddOperator({ address, name, endpoint: uri }));
    await send(OWNER, encodeRemoveOperator(approved(FIRST).address));
    await send(OWNER, encodeSetSlotSize(25));
    await send(OWNER, encodeSetCommitQuorum(2));
    await send(OWNER, encodeSetMaintenance(false));
    const slots = await reader.slots();
    expect(slots).toMatchObject({ slot: 2, inMaintenance: false, slotSize: 25 });
    expect(slots.operators.map((one) => one.address)).toEqual([address, approved(SECOND).address]);
    expect(slots.lastBlock).toBe(slots.firstBlock + 24);
  });
});
