/** Settings of the examples, from the environment: a real program keeps its key elsewhere. */

/** Throws where the variable is missing and has no default. */
export function setting(name: string, fallback?: string): string {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === "") throw new Error(`Set ${name}; see examples/README.md.`);
  return value;
}

/** Times to go round; without the variable for ever. */
export function times(name: string): number {
  return Number(process.env[name] ?? Number.POSITIVE_INFINITY);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
