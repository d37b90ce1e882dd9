/** `@quarterdeck/client/mirror`: balances that operators publish, held against the chain. */
export {
  checkPublishedBalances,
  type PublishedBalances,
  proofsFrom,
  readPublishedBalances,
} from "../client/rounds/publicBalances.ts";
