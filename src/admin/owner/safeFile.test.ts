import { describe, expect, it } from "vitest";
import type { Address } from "../../base/hex.ts";
import {
  encodeAddOperator,
  encodeSetMaintenance,
} from "../../chain/contracts/roundRobinManager.ts";
import { checksumOf, safeFileOf } from "./safeFile.ts";

const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const MANAGER = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0" as Address;
const NEWCOMER = { address: OWNER, name: "one, or two", endpoint: "https://one.example" };

describe("a file for a Safe", () => {
  it("a file for a Safe has the checksum that the Transaction Builder makes of a file of its own", () => {
    // Exported by Transaction Builder 1.18.2.
    const exported = {
      version: "1.0",
      chainId: "1",
      createdAt: 1761326849944,
      meta: {
        name: "Transactions Batch",
        description: "",
        txBuilderVersion: "1.18.2",
        createdFromSafeAddress: "0xA77DE01e157f9f57C7c4A326eeE9C4874D0598b6",
        createdFromOwnerAddress: "",
      },
      transactions: [
        {
          to: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
          value: "0",
          data: null,
          contractMethod: {
            inputs: [
              { internalType: "address", name: "spender", type: "address" },
              { internalType: "uint256", name: "value", type: "uint256" },
            ],
            name: "approve",
            payable: false,
          },
          contractInputsValues: {
            spender: "0x474e5Ded6b5D078163BFB8F6dBa355C3aA5478C8",
            value: "100000000000",
          },
        },
      ],
    };
    const checksum = "0x8b5032f716845c8b08bab3d63dbd9ba92e056f3557793cd041e59b84e16aa989";
    expect(checksumOf(exported)).toBe(checksum);
    const renamed = { ...exported, meta: { ...exported.meta, name: "Another name" } };
    expect(checksumOf(renamed)).toBe(checksum);
    expect(checksumOf({ ...exported, chainId: "2" })).not.toBe(checksum);
  });

  it("a file for a Safe tells each call by its function and arguments, with the last blocks", () => {
    const text = safeFileOf({
      name: "adding an operator",
      chainId: 5,
      owner: OWNER,
      block: 90,
      createdAt: 1_700_000_000_000,
      notes: ["Beware."],
      calls: [
        { what: "in", to: MANAGER, data: encodeSetMaintenance(true), lastBlock: 100 },
        { what: "adding", to: MANAGER, data: encodeAddOperator(NEWCOMER), lastBlock: 120 },
        { what: "out", to: MANAGER, data: encodeSetMaintenance(false) },
      ],
    });
    const { meta, ...file } = JSON.parse(text);
    const { checksum, ...signed } = meta;
    expect(checksumOf({ ...file, meta: signed })).toBe(checksum);
    expect(file).toMatchObject({ version: "1.0", chainId: "5" });
    expect(meta.createdFromSafeAddress).toBe(OWNER);
    expect(meta.description.split("\n")).toEqual([
      "Made at block 90.",
      "Execute it by block 100.",
      "1. in: setMaintenance(true), last block 100",
      `2. adding: addOperator(one, or two, ${OWNER}, https://one.example), last block 120`,
      "3. out: setMaintenance(false)",
      "Beware.",
    ]);
    const [, added] = file.transactions;
    expect(added).toMatchObject({ to: MANAGER, value: "0", data: encodeAddOperator(NEWCOMER) });
    expect(added.contractMethod.name).toBe("addOperator");
    expect(Object.values(added.contractInputsValues).sort()).toEqual(
      [NEWCOMER.name, NEWCOMER.address, NEWCOMER.endpoint].sort(),
    );
    expect(added.contractMethod.inputs.map(({ name }: { name: string }) => name).sort()).toEqual(
      Object.keys(added.contractInputsValues).sort(),
    );
  });

  it("a file for a Safe is made of no call that is not ours", () => {
    const batch = { name: "x", chainId: 1, owner: OWNER, block: 1, createdAt: 1, notes: [] };
    const calls = [{ what: "x", to: MANAGER, data: "0x12345678" as const }];
    expect(() => safeFileOf({ ...batch, calls })).toThrow(/0x12345678/);
  });
});
