/** An alert, and its form for each kind of webhook. */
import type { HealthCheck } from "../../wire/schemas/health.ts";
import type { Shape } from "./alertsConfig.ts";

export interface Alert {
  /** Stays the same while it is one matter: the name of the check. */
  readonly id: string;
  /** The level of the alert now; `ok`: it is over. */
  readonly severity: HealthCheck["state"];
  /** The condition found, as a clause. */
  readonly detail: string;
  /** The next step to take, as a sentence. */
  readonly hint: string;
  /** Further values, for machines and for eyes. */
  readonly fields?: Readonly<Record<string, string | number>>;
}

/** The sender of the alert. */
export interface Source {
  readonly mediator: string;
  readonly host: string;
}

/** Limits of the services themselves are higher; what is longer helps nobody. */
const MAX_TEXT = 1800;
const RED = 0xd93025;
const AMBER = 0xf9ab00;
const GREEN = 0x188038;

/** JSON to be posted. `at`: when it became so. */
export function bodyOf(shape: Shape, alert: Alert, source: Source, at: Date): string {
  switch (shape) {
    case "slack": {
      const text = escapeSlack(plainText(alert, source));
      const section = { type: "section", text: { type: "mrkdwn", text } };
      return JSON.stringify({ text, blocks: [section] });
    }
    case "discord": {
      const title = titleOf(alert, source);
      const description = textOf(alert);
      const embed = { title: title.slice(0, 250), description, color: colourOf(alert) };
      // No text of an alert mentions (notifies) a user or a channel, whatever it holds.
      const mentions = { parse: [] };
      return JSON.stringify({ content: title, embeds: [embed], allowed_mentions: mentions });
    }
    case "json": {
      const { id, severity, detail, hint, fields = {} } = alert;
      const state = severity === "ok" ? "cleared" : "raised";
      const when = at.toISOString();
      return JSON.stringify({
        version: 1,
        id,
        state,
        severity,
        detail,
        hint,
        fields,
        source,
        at: when,
      });
    }
  }
}

function plainText(alert: Alert, source: Source): string {
  return `${titleOf(alert, source)}\n${textOf(alert)}`;
}

function titleOf({ id, severity }: Alert, { mediator, host }: Source): string {
  const word = { ok: "OK", warn: "WARNING", failed: "FAILED" }[severity];
  return `${word}: ${id} (Quarterdeck operator on ${host}, Mediator ${mediator})`;
}

function textOf({ severity, detail, hint, fields = {} }: Alert): string {
  const lines = [detail, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)];
  if (severity !== "ok") lines.push(hint);
  const text = lines.join("\n");
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)} …`;
}

function colourOf({ severity }: Alert): number {
  return { ok: GREEN, warn: AMBER, failed: RED }[severity];
}

/** The three characters that Slack reads as markup of its own. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
