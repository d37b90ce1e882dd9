/** The account that this page acts for, and what it has proven. The library itself comes later. */
import { signal } from "@preact/signals";
import type { Address } from "../../../src/base/hex.ts";
import type { AuditReport } from "../../../src/client/audit.ts";
import type { ExchangeClient } from "../../../src/client/client.ts";
import type { SignerOption } from "../../../src/client/signing/parseSigner.ts";

/** `tradingKey`: trades and reads, and can move nothing. */
export type AccountKind = "wallet" | "test" | "tradingKey";

export interface Account {
  readonly address: Address;
  readonly kind: AccountKind;
  readonly name: string;
  /** Signs for `address` by itself, also without any operator; undefined: a trading key alone. */
  readonly owner: SignerOption | undefined;
  /** Undefined where no operator could be asked: then money can only be taken out. */
  readonly client: ExchangeClient | undefined;
  /** Whether orders are signed by a trading key, and the wallet asks nobody. */
  readonly hasTradingKey: boolean;
}

export interface Audited extends AuditReport {
  /** Block of the commit that the proofs were held against. */
  readonly block: number | undefined;
  /** Records of evidence that this browser keeps. */
  readonly records: number;
}

export const account = signal<Account | undefined>(undefined);
/** The step that is being waited for, as people read it. */
export const joining = signal<string | undefined>(undefined);
export const audited = signal<Audited | undefined>(undefined);
export const auditProblem = signal<string | undefined>(undefined);
/** The dialog that is open. */
export const dialog = signal<
  "connect" | "deposit" | "withdraw" | "tradingKey" | "evidence" | "endpoint" | undefined
>(undefined);
/** Whether withdrawing and depositing are possible: a trading key alone moves nothing. */
export function canMoveMoney(): boolean {
  return account.value?.owner !== undefined;
}
