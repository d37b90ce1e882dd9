/** The library with all of the chain's code, loaded once somebody needs it. */

export const accounts = () => import("./accounts.ts");
export const evidence = () => import("./evidence.ts");
export const exit = () => import("./exit.ts");
export const disputes = () => import("../../../src/client/dispute.ts");
