/**
 * Whether contracts count blocks as the chain's endpoints do. On some chains they see the number of
 * another chain: there everything that is due by a block would come at the wrong time.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import { momentOf } from "../../protocol/rounds.ts";
import type { BlockNumber, Moment, Schedule } from "../../protocol/units.ts";
import { ContractRefused } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { ChainClock, MediatorReader } from "./mediator.ts";

/** Creation code that returns block.number: NUMBER, MSTORE at 0, RETURN of 32 bytes. */
const RETURN_NUMBER = "0x4360005260206000f3";

/** The contracts of this chain see another chain's block number. Nothing can be operated there. */
export class ForeignBlockNumbers extends QuarterdeckError {
  override readonly name = "ForeignBlockNumbers";

  constructor(block: BlockNumber, seen: string) {
    super({
      code: "ForeignBlockNumbers",
      message: `The endpoints are at block ${block}, and contracts there see ${seen}.`,
      hint:
        "Use a chain whose contracts see its own block numbers (docs/chains.md): deadlines are " +
        "counted in them.",
    });
  }
}

/**
 * Compares the Mediator's own clock with the number that endpoints give the block. Throws
 * `ForeignBlockNumbers`, or `RpcUnavailable`.
 */
export async function requireOwnBlockNumbers(
  reader: MediatorReader,
  schedule: Schedule,
): Promise<void> {
  const clock = await reader.clock().catch((error: unknown) => {
    // A Mediator of another release: what it lacks is not for us to judge.
    if (error instanceof ContractRefused) return undefined;
    throw error;
  });
  if (clock !== undefined) requireSameClock(clock, schedule);
}

/** Throws `ForeignBlockNumbers` where the clock's round is not that of its block. */
export function requireSameClock(clock: ChainClock, schedule: Schedule): void {
  const { block, round, quarter, halted } = clock;
  if (block < schedule.genesisBlock) {
    throw new ForeignBlockNumbers(block, `${schedule.genesisBlock} as the Mediator's first block`);
  }
  // The count stands still then, at the halt.
  if (halted) return;
  const isAt = (moment: Moment) => moment.round === round && moment.quarter === quarter;
  // Some nodes run calls in the block to come.
  if ([block, block + 1].some((number) => isAt(momentOf(schedule, number)))) return;
  const expected = momentOf(schedule, block);
  throw new ForeignBlockNumbers(
    block,
    `round ${round}, quarter ${quarter}, in place of ${expected.round}, ${expected.quarter}`,
  );
}

/** The number that contracts see in `block`. Throws `RpcUnavailable` where a node does not tell. */
export async function readNumberSeen(
  client: Pick<ChainClient, "call">,
  block: BlockNumber,
): Promise<BlockNumber> {
  const { data } = await ask("the number that contracts see", () =>
    client.call({ data: RETURN_NUMBER, blockNumber: BigInt(block) }),
  );
  return Number(data ?? Number.NaN);
}
