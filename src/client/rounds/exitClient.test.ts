import { encodeAbiParameters, encodeEventTopics } from "viem";
import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { Hex } from "../../base/hex.ts";
import { mediatorAbi } from "../../chain/abi/mediator.ts";
import { firstBlockOf } from "../../protocol/rounds.ts";
import type { BalanceProof, BlockNumber, Round } from "../../protocol/units.ts";
import { MemoryEvidence } from "../evidence/evidence.ts";
import type { ChainClientSide, SettledAnswers } from "../types.ts";
import { collectAnswers } from "./exitClient.ts";

const MEDIATOR = toAddress(`0x${"ee".repeat(20)}`);
const CLIENT = toAddress(`0x${"c1".repeat(20)}`);
const TOKEN = toAddress(`0x${"70".repeat(20)}`);
const schedule = { genesisBlock: 100, roundSize: 400 };

type EventName = "DisputeOpened" | "DisputeClosed";
interface Happened {
  readonly event: EventName;
  readonly round: Round;
  readonly block: BlockNumber;
  /** In the proof that an answer published. */
  readonly balance?: bigint;
}

function proofOf(balance: bigint): BalanceProof {
  return { balance, index: 0, leafCount: 1, siblings: [] };
}

/** As an endpoint gives it. */
function logOf({ event, round, block, balance = 0n }: Happened) {
  const given = { client: CLIENT, round: BigInt(round) };
  const proofs = [{ balance, index: 0n, leafCount: 1n, siblings: [] }];
  const values = event === "DisputeOpened" ? [CLIENT, true, false, 0] : [proofs];
  const of = mediatorAbi.find((one) => one.type === "event" && one.name === event);
  const inputs = (of as { inputs: readonly { indexed: boolean }[] }).inputs;
  const plain = inputs.filter(({ indexed }) => !indexed);
  const hash: Hex = `0x${block.toString(16).padStart(64, "0")}`;
  return {
    address: MEDIATOR,
    topics: encodeEventTopics({
      abi: mediatorAbi,
      eventName: event,
      args: { ...given, ...(event === "DisputeClosed" && { operator: CLIENT }) },
    } as never),
    data: encodeAbiParameters(plain as never, values as never),
    args: { ...given, closings: proofs },
    blockNumber: BigInt(block),
    blockHash: hash,
    transactionHash: hash,
    logIndex: 0,
    removed: false,
  };
}

/** A chain that can be changed, and the first blocks of the readings since the last question. */
class Chain {
  head = 0;
  happened: Happened[] = [];
  #asked: [EventName, BlockNumber][] = [];

  get asked(): [EventName, BlockNumber][] {
    return this.#asked.splice(0);
  }

  side(settled?: SettledAnswers) {
    const client = {
      getBlockNumber: async () => BigInt(this.head),
      getContractEvents: async (question: Record<string, unknown>) => {
        const { eventName, args, fromBlock, toBlock } = question as {
          eventName: EventName;
          args: { round?: bigint };
          fromBlock: bigint;
          toBlock: bigint;
        };
        this.#asked.push([eventName, Number(fromBlock)]);
        return this.happened
          .filter(({ event, round, block }) => {
            const isAsked = event === eventName && Number(args.round ?? round) === round;
            return isAsked && block >= fromBlock && block <= toBlock;
          })
          .map(logOf);
      },
    };
    const reader = { client, mediator: MEDIATOR, tokenSet: async () => [TOKEN] };
    const evidence = new MemoryEvidence();
    const constants = { schedule };
    const never = () => Promise.reject(new Error("nobody asks for this"));
    const methods = { send: never, audit: never, provenBalance: never };
    const facts = { address: CLIENT, reader, constants, evidence };
    const side = { ...facts, ...methods, ...(settled && { settled }) };
    return side as unknown as ChainClientSide & { evidence: MemoryEvidence };
  }
}

describe("answers to disputes", () => {
  const opened: Happened = { event: "DisputeOpened", round: 2, block: firstBlockOf(schedule, 2) };
  const closed: Happened = { ...opened, event: "DisputeClosed", block: 960, balance: 7n };

  it("answers that can change no more are read once, and later ones at each look", async () => {
    const chain = new Chain();
    const side = chain.side({ before: 0, closed: [] });
    chain.happened = [opened, closed];
    chain.head = 970;
    for (let looks = 0; looks < 2; looks++) {
      expect(await collectAnswers(side)).toEqual([2]);
      expect(chain.asked).toEqual([
        ["DisputeOpened", schedule.genesisBlock],
        ["DisputeClosed", opened.block],
      ]);
    }
    expect(await side.evidence.proofs(2)).toMatchObject([{ token: TOKEN, proof: proofOf(7n) }]);

    // A thousand blocks after the round in which the last answer could come.
    chain.head = firstBlockOf(schedule, 4) + 1000;
    expect(await collectAnswers(side)).toEqual([2]);
    expect(chain.asked.length).toBe(2);
    const next = { ...opened, round: 6, block: firstBlockOf(schedule, 6) };
    chain.happened.push(next);
    expect(await collectAnswers(side)).toEqual([2]);
    expect(chain.asked).toEqual([
      ["DisputeOpened", firstBlockOf(schedule, 3)],
      ["DisputeClosed", next.block],
    ]);
    chain.happened.push({ ...closed, round: 6, block: next.block + 3 });
    expect(await collectAnswers(side)).toEqual([2, 6]);
  });

  it("answers of blocks that are replaced by others are read again", async () => {
    const chain = new Chain();
    const side = chain.side({ before: 0, closed: [] });
    chain.happened = [opened, closed];
    chain.head = firstBlockOf(schedule, 3, 1);
    expect(await collectAnswers(side)).toEqual([2]);
    chain.happened = [opened];
    expect(await collectAnswers(side)).toEqual([]);
    chain.happened = [opened, { ...closed, block: 970, balance: 8n }];
    expect(await collectAnswers(side)).toEqual([2]);
    expect(await side.evidence.proofs(2)).toMatchObject([{ proof: proofOf(8n) }]);
  });

  it("answers are all read again where the head turns out to have been made up", async () => {
    const chain = new Chain();
    const side = chain.side({ before: 0, closed: [] });
    chain.head = 1_000_000;
    expect(await collectAnswers(side)).toEqual([]);
    chain.happened = [opened, closed];
    chain.head = 970;
    expect(await collectAnswers(side)).toEqual([2]);
  });

  it("answers are not settled by a look that fails", async () => {
    const chain = new Chain();
    const side = chain.side({ before: 0, closed: [] });
    chain.happened = [opened, closed];
    chain.head = 10_000;
    side.evidence.saveProofs = () => Promise.reject(new Error("the disk is full"));
    await expect(collectAnswers(side)).rejects.toThrow("full");
    expect(side.settled).toEqual({ before: 0, closed: [] });
  });

  it("answers are all read at each look by a client that remembers nothing", async () => {
    const chain = new Chain();
    const side = chain.side();
    chain.happened = [opened, closed];
    chain.head = 10_000;
    for (let looks = 0; looks < 2; looks++) {
      expect(await collectAnswers(side)).toEqual([2]);
      expect(chain.asked[0]).toEqual(["DisputeOpened", schedule.genesisBlock]);
    }
  });
});
