/** The refusal of what a caller of the library gave. */
import { clause, QuarterdeckError } from "../../base/errors.ts";

/** An argument of the caller cannot be used. Nothing was signed or sent. */
export class BadArgument extends QuarterdeckError {
  override readonly name = "BadArgument";
  /** Path of the argument: "price", "options.rpc.0". */
  readonly field: string;

  constructor(field: string, problem: string, hint: string) {
    super({ code: "BadInput", message: `${field}: ${clause(problem)}.`, hint });
    this.field = field;
  }
}
