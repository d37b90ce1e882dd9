/** Variables of the environment, read by one rule wherever they count. */

/**
 * The variable's text; undefined where it is not set, or holds nothing but blanks, as shells and
 * container files leave it. Blanks around a text stay: a password may begin or end with them.
 */
export function readVariable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const text = environment[name];
  return text?.trim() ? text : undefined;
}
