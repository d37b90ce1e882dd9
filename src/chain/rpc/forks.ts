/** Which fork a chain runs, by the opcodes that it knows: what we deploy needs those of Cancun. */

import { kindOf } from "./errorKinds.ts";
import type { ChainClient } from "./rpc.ts";

/** Creation code that uses an opcode and stops, by the fork that brought it, oldest first. */
const BROUGHT = [
  { fork: "Shanghai", code: "0x5f00" },
  { fork: "Cancun", code: "0x5f5f5f5e00" },
] as const;

/** The oldest fork whose opcodes are missing; undefined: none, or nobody can tell. */
export async function readMissingFork(client: ChainClient): Promise<string | undefined> {
  for (const { fork, code } of BROUGHT) {
    try {
      await client.call({ data: code });
    } catch (error) {
      return kindOf(error) === "reverted" ? fork : undefined;
    }
  }
  return undefined;
}
