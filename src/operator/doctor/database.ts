/** The doctor's checks of a shared journal's database: each host, and the user's rights. */
import { examineDatabase } from "../../journal/postgres/examine.ts";
import type { DatabaseConfig } from "../config/config.ts";
import { type Finding, failure, failureOf, fine, looking, warning } from "./finding.ts";

const RIGHTS_HINT = "Grant it to the user in the URL, or name the owner of the schema there.";
const STANDBY = "DatabaseUnwritable";

/** Nothing where no host can be used: then the journal's own finding says why. */
export function checkDatabase(
  database: Pick<DatabaseConfig, "url" | "schema"> | undefined,
): Promise<readonly Finding[]> {
  if (database === undefined) return Promise.resolve([]);
  return looking("database", async () => {
    const { hosts, lacking } = await examineDatabase(database.url, database.schema);
    if (hosts.every(({ failure }) => failure !== undefined)) return [];
    const findings = hosts.map(({ name, failure: problem }) => {
      if (problem === undefined) return fine("database", `${name} keeps sessions and takes writes`);
      if (problem.code === STANDBY) return fine("database", `${name} is no primary: passed over`);
      const { detail, hint } = failureOf("database", problem);
      return warning("database", `${name}: ${detail}`, hint ?? "Take it out of the URL.");
    });
    for (const right of lacking) {
      findings.push(failure("database", `the user lacks the right ${right}`, RIGHTS_HINT));
    }
    return findings;
  });
}
