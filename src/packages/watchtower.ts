/** `@quarterdeck/client/watchtower`: evidence for whoever watches while this client is away. */
export type { SignedDelegation } from "../chain/contracts/mediatorCalls.ts";
export {
  type DeliveryAnswer,
  delegationToSign,
  type EntrustOptions,
  entrust,
} from "../client/rounds/entrust.ts";
