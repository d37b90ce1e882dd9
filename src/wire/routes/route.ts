/** One route: what it takes and gives. */
import type { z } from "zod";

/** Anybody, or only the client named in the path, with a session of its own (see session.ts). */
export type Access = "public" | "client";

/** A route that reads takes from the limit of reading; each other one names its limit. */
export type Route = RouteFields &
  (
    | { readonly method: "GET"; readonly rate?: undefined }
    | { readonly method: "POST"; readonly rate: "place" | "cancel" }
  );

interface RouteFields {
  /** In the notation of fastify. */
  readonly path: string;
  readonly access: Access;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  /** How much a request takes of its limit: 1, and one more for each further item of a batch. */
  readonly weight?: number;
  /** One sentence, for the references. */
  readonly about: string;
}
