/** The figures that an operator exports for Prometheus. Pure. */

export interface Figures {
  readonly [name: string]: number;
}

const PREFIX = "quarterdeck_";

/** Prometheus text: the exchange's own figures, by name, those of labels with their labels. */
export function figuresOf(text: string): Figures {
  const figures: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^quarterdeck_(\S+?(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && line.startsWith(PREFIX)) figures[name] = Number(value);
  }
  return figures;
}
