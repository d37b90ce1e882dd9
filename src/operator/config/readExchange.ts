/** Reads what the contracts fix of an exchange, and holds the configuration against it. */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { requireOwnBlockNumbers } from "../../chain/contracts/blockNumbers.ts";
import { type ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { SlotReader } from "../../chain/contracts/roundRobinManager.ts";
import { readTokenFacts, type TokenFacts } from "../../chain/contracts/tokens.ts";
import {
  ask,
  type ChainClient,
  connect,
  type RpcOptions,
  readChainId,
} from "../../chain/rpc/rpc.ts";
import type { Genesis } from "../../exchange/model/entries.ts";
import type { OperatorConfig } from "./config.ts";

/** An exchange as its contracts and the configuration make it. */
export interface ExchangeOnChain {
  readonly client: ChainClient;
  readonly reader: MediatorReader;
  /** Undefined: the manager has no slots. */
  readonly slotReader: SlotReader | undefined;
  readonly constants: ExchangeConstants;
  readonly genesis: Genesis;
  readonly tokenFacts: TokenFacts[];
}

/**
 * Throws `NoMediator`, `BadConfiguration`, `ChainMismatch`, `ForeignBlockNumbers`, `ContractRefused`
 * or `RpcUnavailable`.
 */
export async function readExchange(
  config: OperatorConfig,
  onFailure: NonNullable<RpcOptions["onFailure"]>,
  onPolled?: RpcOptions["onPolled"],
): Promise<ExchangeOnChain> {
  const expected = config.chainId === undefined ? {} : { chainId: config.chainId };
  const chainId = await readChainId(config.rpc, { onFailure, ...expected });
  const client = connect(config.rpc, { chainId, onFailure, ...(onPolled && { onPolled }) });
  const code = await ask("the Mediator's code", () => client.getCode({ address: config.mediator }));
  if (code === undefined || code === "0x") {
    throw new QuarterdeckError({
      code: "NoMediator",
      message: `There is no contract at ${config.mediator} on chain ${chainId}.`,
      hint: "Check `mediator` and `rpc` in the configuration.",
    });
  }
  const reader = new MediatorReader(client, config.mediator);
  const constants = await reader.constants();
  await requireOwnBlockNumbers(reader, constants.schedule);
  const facts = new Map<Address, TokenFacts>();
  for (const { base, quote } of config.markets) {
    for (const token of [base, quote]) {
      if (!facts.has(token)) facts.set(token, await readTokenFacts(client, token));
    }
  }
  requireWholeLots(config, facts);
  const genesis: Genesis = {
    chainId,
    mediator: config.mediator,
    schedule: constants.schedule,
    confirmations: config.confirmations,
    markets: config.markets,
    limits: { ordersPerClientAndRound: config.ordersPerClientAndRound },
  };
  const slotReader = new SlotReader(client, constants.manager);
  return {
    client,
    reader,
    constants,
    genesis,
    tokenFacts: [...facts.values()],
    slotReader: (await slotReader.hasSlots()) ? slotReader : undefined,
  };
}

/** People write prices of a whole base: a lot must divide it. */
function requireWholeLots(config: OperatorConfig, facts: ReadonlyMap<Address, TokenFacts>): void {
  for (const [index, { base, lot }] of config.markets.entries()) {
    const decimals = facts.get(base)?.decimals ?? 0;
    if (10n ** BigInt(decimals) % lot === 0n) continue;
    throw new QuarterdeckError({
      code: "BadConfiguration",
      message: `markets.${index}.lot: ${lot} does not divide 10^${decimals}, a whole of ${base}.`,
      hint: "Choose a power of ten.",
    });
  }
}
