/** The transaction of a commit: its sender, the operators that attested it, and its cost. */
import { decodeFunctionData } from "viem";
import { toAddress } from "../../../src/base/address.ts";
import { nobleCurve } from "../../../src/base/curve.ts";
import type { Address, Hex } from "../../../src/base/hex.ts";
import { mediatorAbi } from "../../../src/chain/abi/mediator.ts";
import { decodeLog } from "../../../src/chain/contracts/logs.ts";
import type { ChainClient } from "../../../src/chain/rpc/rpc.ts";
import { hashCommit, rootsHash } from "../../../src/protocol/messages.ts";
import { recoverSigner } from "../../../src/protocol/signatures.ts";
import type { Domain } from "../../../src/protocol/units.ts";
import type { CommitDetails } from "./state.ts";

/** Undefined where the endpoint does not have the transaction. */
export async function readCommit(
  client: ChainClient,
  domain: Domain,
  hash: Hex,
): Promise<CommitDetails | undefined> {
  try {
    const [transaction, receipt] = await Promise.all([
      client.getTransaction({ hash }),
      client.getTransactionReceipt({ hash }),
    ]);
    const [log] = receipt.logs.flatMap((one) => decodeLog(one) ?? []);
    const round = log?.kind === "committed" ? log.round : undefined;
    return {
      sender: toAddress(transaction.from),
      attesters: round === undefined ? [] : attestersOf(domain, round, transaction.input),
      gasUsed: receipt.gasUsed,
      fee: receipt.gasUsed * receipt.effectiveGasPrice,
    };
  } catch {
    return undefined;
  }
}

/** The accounts whose signatures the call carries, recovered here. */
function attestersOf(domain: Domain, round: number, input: Hex): Address[] {
  const { functionName, args } = decodeFunctionData({ abi: mediatorAbi, data: input });
  if (functionName !== "commit") return [];
  const [roots, signatures] = args;
  const committed = roots.map(({ token, node, total, leafCount }) => ({
    token: toAddress(token),
    node,
    total,
    leafCount: Number(leafCount),
  }));
  const hashed = hashCommit({ round, rootsHash: rootsHash(committed) });
  return signatures.flatMap(({ r, vs, path }) => {
    return recoverSigner(nobleCurve, domain, hashed, { r, vs, path: [...path] }) ?? [];
  });
}
