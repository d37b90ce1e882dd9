/** The library with all of the chain's code, loaded once somebody needs it. */

export const accounts = () => import("./accounts.ts");
export const exit = () => import("./exit.ts");
