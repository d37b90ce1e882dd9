/** Wordings of endpoints for requests that they cannot, or do not want to, answer. */
import { row, type Wording } from "./wording.ts";

/** Refusals for the number of requests, which may speak of limits and ranges too. */
export const LIMITS: readonly Wording[] = [
  row("limited", "Alchemy, Base, geth proxies", /rate[- ]?limit/i, "over rate limit"),
  row("limited", "Infura", /per second/i, "project ID request rate exceeded: 10 per second"),
  row("limited", "Arc, Base", /requests? limit\b/i, "25/second request limit reached"),
  row(
    "limited",
    "OnFinality, dRPC, Infura",
    /too many requests?\b/i,
    "Too many request, try later",
  ),
  row("limited", "Alchemy", /compute units|throughput/i, "exceeded its compute units per second"),
  row("limited", "Infura, QuickNode", /\bquota\b|capacity exceeded/i, "daily quota reached"),
];

/** Refusals for the plan or the key: refusals for the width advertise plans as well. */
export const PLANS: readonly Wording[] = [
  row("limited", "dRPC, Blast, Ankr", /upgrade your|free ?tier/i, "please upgrade your tier"),
  row("limited", "NodeReal, Ankr", /\bAPI[- ]?key\b/i, "API key is not allowed"),
  row("limited", "Alchemy", /authenticat|unauthori[sz]ed/i, "Must be authenticated!"),
  row("limited", "Moralis, Chainstack", /forbidden|access denied/i, "Access denied"),
];

/** Refusals of logs for their width, by provider; the width they name is read in logWidth.ts. */
export const WIDTHS: readonly Wording[] = [
  row(
    "tooWide",
    "Avalanche",
    /requested too many blocks/i,
    "requested too many blocks from 0 to 5000, maximum is set to 2048",
  ),
  row(
    "tooWide",
    "Alchemy, Infura, zkSync",
    /this block range/i,
    "Based on your parameters, this block range should work: [0x0, 0x3e7]",
  ),
  row("tooWide", "Cloudflare", /max(imum)? (block )?range: ?\d/i, "Max range: 800"),
  row(
    "tooWide",
    "thirdweb",
    /maximum allowed number of requested blocks/i,
    "Maximum allowed number of requested blocks is 5000",
  ),
  row(
    "tooWide",
    "Infura, zkSync, Alchemy, Reth",
    /(more than|max(imum)?|exceeds?( max| limit)?( of)?) \d+ (results|logs)/i,
    "query returned more than 10000 results. Try with this block range [0x1, 0x9].",
  ),
  row(
    "tooWide",
    "Ankr, Moonriver, Base, Monad, Optimism, Merkle",
    /range (is )?too (wide|large|big)/i,
    "block range is too wide (maximum 1024)",
  ),
  row(
    "tooWide",
    "QuickNode, 1RPC, Blast, BlockPI, Coinbase",
    /limit(ed)? (is |to |the query to )*(at most )?(a )?[\d,.]+k? ?(block|range)/i,
    "eth_getLogs is limited to a 10,000 range",
  ),
  row(
    "tooWide",
    "Coinbase, Erigon proxies",
    /limit the query to/i,
    "please limit the query to at most 1,000 blocks",
  ),
  row(
    "tooWide",
    "Blast",
    /exceeds the range allowed/i,
    "block range exceeds the range allowed for your plan (5000 > 2000)",
  ),
  row(
    "tooWide",
    "Chainstack, Valtitude, eRPC, geth, Besu",
    /(range|results?|size|logs?|response) ((limit|threshold) )?(was |is )?exceed(s|ed)?\b/i,
    "Block range limit exceeded. See more details.",
  ),
  row(
    "tooWide",
    "Besu RpcErrorType EXCEEDS_RPC_MAX_BLOCK_RANGE, Hyperliquid, Tron, LlamaRPC, Arbitrum",
    /exceeds? (the )?(max|limit|range|\d)/i,
    "query exceeds max block range 1000",
  ),
  row("tooWide", "eRPC", /exceeded (the )?max(imum)? allowed/i, "exceeded max allowed range"),
  row("tooWide", "PublicNode", /exceed maximum block range/i, "exceed maximum block range: 50000"),
  row("tooWide", "Swell", /range greater than [\d,.]+ max/i, "block range greater than 2000 max"),
  row("tooWide", "Harmony", /must be smaller than size/i, "query must be smaller than size 1024"),
  row("tooWide", "Aurora", /up to a [\d,.]+k? blocks? range/i, "up to a 2,000 block range"),
  row(
    "tooWide",
    "Ankr (TAC)",
    /blocks distance: ?\d/i,
    "maximum [from, to] blocks distance: 10000",
  ),
  row(
    "tooWide",
    "dRPC",
    /ranges? over \d+ blocks/i,
    "ranges over 10000 blocks are not supported on freetier",
  ),
  row(
    "tooWide",
    "geth, Nethermind, Erigon",
    /(more than|too many) (\d+ )?(results|logs|blocks|events)/i,
    "too many logs",
  ),
  row(
    "tooWide",
    "1RPC, Optimism, Cloudflare",
    /response (body |size )?(is )?(too (large|big)|should not (be )?greater)/i,
    "backend response too large",
  ),
];

/** Missing data of an endpoint, whatever code comes with the message. */
export const HISTORY: readonly Wording[] = [
  row(
    "pruned",
    "geth history.PrunedHistoryError, Reth, Nethermind (EIP-4444)",
    /pruned/i,
    "pruned history unavailable",
  ),
  row("pruned", "Erigon", /due to pruning/i, "old data not available due to pruning"),
  row("pruned", "geth trie.MissingNodeError", /missing trie node/i, "missing trie node 00ab"),
  row(
    "pruned",
    "geth, Reth, Besu, Nethermind",
    /(histor(y|ical)|state|block|receipts?|data)\b.*\b(un|not )(yet )?available/i,
    "required historical state unavailable (reexec=128)",
  ),
  row(
    "pruned",
    "Nethermind",
    /no state available|neither stored/i,
    "No state available for block 7",
  ),
  row(
    "pruned",
    "geth, Erigon, Besu, Avalanche",
    /(header|block|transaction) (for hash )?not found|unknown (block|header)/i,
    "header not found",
  ),
  row(
    "pruned",
    "anvil, Hardhat",
    /block ?out ?of ?range/i,
    "BlockOutOfRangeError: block height is 5",
  ),
  row("pruned", "geth", /beyond (current )?head/i, "request beyond head block"),
  row("pruned", "Avalanche", /unfinalized/i, "cannot query unfinalized data"),
  row("pruned", "Reth, EIP-1474", /resource not found/i, "resource not found"),
  row(
    "pruned",
    "dRPC, Chainstack",
    /does not have the requested block|archive/i,
    "upstream does not have the requested block yet",
  ),
];

/** Methods that are not served. */
export const METHODS: readonly Wording[] = [
  row(
    "unsupported",
    "geth, Erigon, Reth",
    /method \S+ does not exist|does not exist\/is not available/i,
    "the method eth_subscribe does not exist/is not available",
  ),
  row(
    "unsupported",
    "Besu, Nethermind, Hardhat",
    /method (\S+ )?(is )?not (found|enabled|supported|available|allowed|whitelisted)/i,
    "Method not enabled",
  ),
  row("unsupported", "geth", /notifications not supported/i, "notifications not supported"),
  row(
    "unsupported",
    "EIP-1474, providers",
    /(unsupported|unknown|unrecogni[sz]ed) method/i,
    "Unsupported method: eth_subscribe",
  ),
];
