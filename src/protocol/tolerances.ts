/** Blocks by which clocks and readers may differ: each bound stands here once. */

/** A session may reach at most this many blocks ahead: a leaked one ends by itself. */
export const MAX_SESSION_BLOCKS = 7200;

/**
 * Blocks by which an exchange may trail the chain, beyond its confirmations, and still take orders
 * and know what it owes: with more, rounds could end unseen.
 */
export const MAX_EXCHANGE_LAG_BLOCKS = 3;

/** Blocks by which an endpoint, or what an operator says of the chain, may trail the best view. */
export const MAX_VIEW_LAG_BLOCKS = 10;

/**
 * Blocks beyond the newest one in which a transaction may be said to be mined: endpoints trail each
 * other. A block further away was made up, and no other endpoint would ever answer for it.
 */
export const MAX_MINED_AHEAD_BLOCKS = 12;
