/**
 * `@quarterdeck/client/exit`: everything out by chain, key and evidence alone; and balances that
 * operators publish, from which evidence can be made when they are gone.
 */
export {
  collectAnswers,
  ExitClient,
  type ExitOptions,
} from "../client/rounds/exitClient.ts";
export {
  type ExitEvidence,
  type ExitItem,
  type ExitPlan,
  exitPlan,
} from "../client/rounds/exitPlan.ts";
export { type ExitReport, exitStep } from "../client/rounds/exitStep.ts";
export {
  checkPublishedBalances,
  type PublishedBalances,
  proofsFrom,
  readPublishedBalances,
} from "../client/rounds/publicBalances.ts";
