/** `@quarterdeck/client/watchtower`: evidence for whoever watches while this client is away. */
export {
  type DeliveryAnswer,
  type EntrustOptions,
  entrust,
} from "../client/rounds/entrust.ts";
