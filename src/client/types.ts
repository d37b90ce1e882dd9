/** Types that several files of the library share. */
import type { Answer } from "../wire/routes/routes.ts";

/** An order as an operator shows it. */
export type OrderStatus = Answer<"placeOrder">;
