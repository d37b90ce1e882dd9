/**
 * Tells people what changed: each change once to each webhook that wants to know of its severity.
 * Never delays the node: whatever the webhooks do, `tell` returns at once.
 */
import { hostname } from "node:os";
import type { Log } from "../../base/log.ts";
import type { HealthCheck } from "../../wire/schemas/health.ts";
import { HEALTHS } from "../health/level.ts";
import type { WebhookConfig } from "./alertsConfig.ts";
import { type Alert, bodyOf, type Source } from "./shapes.ts";
import { type Delivery, Webhook } from "./webhook.ts";

export interface AlertsOptions {
  readonly webhooks: readonly WebhookConfig[];
  readonly mediator: string;
  readonly log: Log;
  /** Milliseconds that one try may take. */
  readonly timeoutMs?: number;
  /** Milliseconds before the second try. */
  readonly pauseMs?: number;
}

const TIMEOUT_MS = 5000;
const PAUSE_MS = 1000;
const MAX_TRIES = 6;
const MAX_WAITING = 64;
/** Milliseconds that a process which ends anyway spends on telling it. */
export const LAST_WORDS_MS = 3000;

interface Listener {
  readonly webhook: Webhook;
  readonly config: WebhookConfig;
  /** The level last reported, by alert; no entry: well. */
  readonly told: Map<string, HealthCheck["state"]>;
}

export class Alerts {
  readonly #listeners: readonly Listener[];
  readonly #source: Source;
  #onDelivery: (outcome: Delivery) => void = () => {};

  constructor({
    webhooks,
    mediator,
    log,
    timeoutMs = TIMEOUT_MS,
    pauseMs = PAUSE_MS,
  }: AlertsOptions) {
    this.#source = { mediator, host: hostname() };
    this.#listeners = webhooks.map((config, index) => {
      const onOutcome = (outcome: Delivery, problem?: string) => {
        this.#onDelivery(outcome);
        if (outcome === "delivered") return;
        const hint = `check alerts.${index}.url of the configuration, and its service`;
        log.warn("alertNotDelivered", {
          webhook: index,
          shape: config.shape,
          outcome,
          problem,
          hint,
        });
      };
      const bounds = { timeoutMs, pauseMs, maxTries: MAX_TRIES, maxWaiting: MAX_WAITING };
      return {
        webhook: new Webhook({ url: config.url, ...bounds, onOutcome }),
        config,
        told: new Map(),
      };
    });
  }

  /** `listener` is called for each body that was delivered, given up or dropped. */
  observe(listener: (outcome: Delivery) => void): void {
    this.#onDelivery = listener;
  }

  /** Tells it wherever it is news. */
  tell(alert: Alert): void {
    const at = new Date();
    for (const { webhook, config, told } of this.#listeners) {
      const isWanted = rank(alert.severity) >= rank(config.leastSeverity);
      const severity = isWanted ? alert.severity : "ok";
      if ((told.get(alert.id) ?? "ok") === severity) continue;
      if (severity === "ok") told.delete(alert.id);
      else told.set(alert.id, severity);
      webhook.post(bodyOf(config.shape, { ...alert, severity }, this.#source, at));
    }
  }

  /**
   * The process ends: tells it to all at once, past their queues. Resolves after `withinMs`
   * milliseconds at the latest.
   */
  async shutdownAlert(alert: Alert, withinMs: number = LAST_WORDS_MS): Promise<void> {
    const at = new Date();
    const posts = this.#listeners.map(({ webhook, config }) =>
      webhook.postNow(bodyOf(config.shape, alert, this.#source, at), withinMs),
    );
    await Promise.all(posts);
  }

  /** Waits up to `withinMs` milliseconds for what is under way, then gives it up. */
  async close(withinMs: number = LAST_WORDS_MS): Promise<void> {
    await Promise.all(this.#listeners.map(({ webhook }) => webhook.close(withinMs)));
  }
}

function rank(severity: HealthCheck["state"]): number {
  return HEALTHS.indexOf(severity);
}
