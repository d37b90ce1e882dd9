/** `quarterdeck/operator`: an operator as a part of another program. */
export { QuarterdeckError } from "../base/errors.ts";
export { type OperatorConfig, parseConfig } from "../operator/config/config.ts";
export { type RunningOperator, startOperator } from "../operator/node/node.ts";
export { type RunningServer, startServer } from "../server/server.ts";
