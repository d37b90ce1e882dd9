/** One route: what it takes and gives. */
import type { z } from "zod";

/** Anybody, or only the client named in the path, with a session of its own (see session.ts). */
export type Access = "public" | "client";

export interface Route {
  readonly method: "GET" | "POST";
  /** In the notation of fastify. */
  readonly path: string;
  readonly access: Access;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  /** From which rate limit it takes: reading, unless it says otherwise. */
  readonly rate?: "place" | "cancel";
  /** How much it takes of that: 1, and one more for each further item of a batch. */
  readonly weight?: number;
  /** One sentence, for the references. */
  readonly about: string;
}
