/** `@quarterdeck/client/node`: what needs Node. */
export { FileEvidence } from "../client/node/fileEvidence.ts";
