/** The thread that recovers the accounts behind signatures: see recoverPool.ts. */
import { parentPort } from "node:worker_threads";
import { assert } from "../../base/errors.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { recoverAccount } from "../../protocol/signatures.ts";
import { type RecoverAnswer, type RecoverRequest, unpackRecoveries } from "./recoverMessages.ts";

const { curve } = loadCurve();
assert(parentPort !== null, "recoverWorker.ts runs outside a worker thread.");
const port = parentPort;
port.on("message", ({ id, packed }: RecoverRequest) => {
  const accounts = unpackRecoveries(packed).map((one) => recoverAccount(curve, one));
  port.postMessage({ id, accounts } satisfies RecoverAnswer);
});
