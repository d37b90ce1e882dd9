/** Where alerts of a watchtower go: a line of JSON, and each webhook, tried again for a while. */
import { z } from "zod";
import { SHAPES, type Shape } from "../operator/alerts/alertsConfig.ts";
import { Webhook } from "../operator/alerts/webhook.ts";
import { Outbox } from "../watchtower/outbox.ts";
import type { Alert } from "../watchtower/tower.ts";

const url = z.url({ protocol: /^https?$/ });

/** An address alone is told JSON. A secret: never logged. */
export const towerWebhooks = z
  .array(
    z.union([
      url.transform((one) => ({ url: one, shape: "json" as Shape })),
      z.strictObject({ url, shape: z.enum(SHAPES).default("json") }),
    ]),
  )
  .default([]);

/** Milliseconds that one try may take, and before the second; that pause doubles with each. */
const TIMEOUT_MS = 10_000;
const PAUSE_MS = 1000;
const MAX_TRIES = 8;
/** Alerts that wait for a webhook that fails; above it the oldest is dropped. */
const MAX_WAITING = 1000;
/** Milliseconds that a tower which ends spends on what waits. */
const LAST_MS = 5000;

export class TowerAlerts {
  readonly #webhooks: readonly { readonly webhook: Webhook; readonly shape: Shape }[];
  readonly #line: (fields: object) => void;
  readonly #outbox: Outbox;

  /**
   * `line` writes one to the log. `file` keeps the alerts that are on their way; those that a tower
   * which was killed left there are sent at once. Throws `AlertsUnreadable`.
   */
  constructor(
    webhooks: z.output<typeof towerWebhooks>,
    line: (fields: object) => void,
    file: string,
  ) {
    this.#line = line;
    this.#outbox = Outbox.open(file, (problem) => {
      const hint = "Free its disk: an alert is sent all the same, and not again after a crash.";
      line({ event: "alertNotKept", file, problem, hint });
    });
    this.#webhooks = webhooks.map(({ url: to, shape }, index) => {
      const webhook = new Webhook({
        url: to,
        timeoutMs: TIMEOUT_MS,
        pauseMs: PAUSE_MS,
        maxTries: MAX_TRIES,
        maxWaiting: MAX_WAITING,
        onOutcome: (outcome, problem) => {
          if (outcome === "delivered") return;
          const hint = `Check webhooks.${index} of the configuration, and its service.`;
          line({ event: "webhookFailed", webhook: index, outcome, problem, hint });
        },
      });
      return { webhook, shape };
    });
    const { pending } = this.#outbox;
    if (pending.length > 0) line({ event: "alertsSentAgain", alerts: pending.length });
    for (const alert of pending) this.#send(alert);
  }

  /** Returns at once: a webhook that does not take it holds up nothing. */
  tell(alert: Alert): void {
    const isNew = this.#webhooks.length > 0 && this.#outbox.add(alert);
    this.#line({ ...alert });
    if (isNew) this.#send(alert);
  }

  #send(alert: Alert): void {
    let left = this.#webhooks.length;
    const settled = () => {
      left -= 1;
      if (left === 0) this.#outbox.settle(alert);
    };
    for (const { webhook, shape } of this.#webhooks) webhook.post(bodyOf(shape, alert), settled);
    // Of a tower whose webhooks were taken out of its configuration since.
    if (this.#webhooks.length === 0) this.#outbox.settle(alert);
  }

  /** Waits a while for what is under way, then gives it up. */
  async close(): Promise<void> {
    await Promise.all(this.#webhooks.map(({ webhook }) => webhook.close(LAST_MS)));
  }
}

function bodyOf(shape: Shape, alert: Alert): string {
  const { event, client, round, detail } = alert;
  const where = round === undefined ? "" : ` in round ${round}`;
  const text = `Quarterdeck watchtower: ${event} ${client}${where}: ${detail}`;
  switch (shape) {
    case "slack":
      // The error of an endpoint is no markup.
      return JSON.stringify({ text: text.replace(/[&<>]/g, (one) => SLACK[one] ?? one) });
    case "discord":
      return JSON.stringify({ content: text, allowed_mentions: { parse: [] } });
    case "json":
      return JSON.stringify({ text, ...alert });
  }
}

/** The three characters that Slack reads as markup of its own. */
const SLACK: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
