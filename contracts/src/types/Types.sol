// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice The neighbour that a proof passes on its way up: hash and sum of the sibling subtree.
struct Sibling {
    bytes32 hash;
    uint128 sum;
}

/// @notice That a client's balance is leaf `index` of a committed balance tree.
struct BalanceProof {
    uint128 balance;
    uint64 index;
    uint64 leafCount;
    Sibling[] siblings;
}

/// @notice One token's tree as `commit` takes it. `total` in base units.
struct Root {
    address token;
    bytes32 node;
    uint128 total;
    uint64 leafCount;
}

/// @notice Compact ECDSA signature (EIP-2098). An empty path: it signs the message itself.
/// Otherwise it signs the Merkle root of a batch, and `path` leads from the message to that root.
struct Signature {
    bytes32 r;
    bytes32 vs;
    bytes32[] path;
}

/// @notice A client's order without its owner, which every call that takes orders names once.
/// Amounts in base units. `intent`: 0 buyAll, 1 sellAll.
struct SignedOrder {
    uint64 round;
    uint64 id;
    address sellToken;
    uint128 sellAmount;
    address buyToken;
    uint128 buyAmount;
    uint8 intent;
    Signature signature;
}

/// @notice An order and all that was executed of it in its round.
struct Execution {
    SignedOrder order;
    uint128 sold;
    uint128 bought;
}

/// @notice An operator's signed record of the cumulative executions of one order. Owner and round
/// are those of the dispute in which it is presented.
struct PresentedFill {
    bytes32 orderHash;
    uint128 sold;
    uint128 bought;
    uint64 sequence;
    Signature signature;
}

/// @notice A sum of a client's closed orders of a round: those with id < `watermark` whose id is not
/// in `except`. Together they sold and bought exactly this of each token, in base units. Signed by
/// the client where an operator shows it, by an operator where the client does.
struct Statement {
    uint64 round;
    uint64 watermark;
    uint64[] except;
    address[] tokens;
    uint128[] sold;
    uint128[] bought;
    Signature signature;
}

/// @notice What a statement that a client presented covers; the answer must cover it too.
struct Cover {
    uint64 round;
    uint64 watermark;
    uint64[] except;
}

/// @notice Names a deposit on chain by which its sender has standing to dispute.
struct DepositRef {
    address token;
    uint64 round;
}

/// @notice A client's permission for somebody else (a watchtower) to open disputes for it, up to
/// and including `untilRound`. The signature is the client's: 65 bytes of ECDSA, or whatever its
/// contract accepts (ERC-1271). Empty where the client calls itself.
struct Delegation {
    uint64 untilRound;
    bytes signature;
}

/// @notice What an operator closes a dispute with. `executions`: all of the client's in the
/// disputed round, less those in the sender's own accumulation, on which they go on.
/// `openingBalances` as the client presented them, or empty. `openings`: proofs against the previous
/// commit where the client presented none (may be empty if it had no leaf yet). `closings`: one
/// proof per token of the round. `statements`: at most one, signed by the client. `covers`: what the
/// client's own covers, empty where it presented none.
struct DisputeAnswer {
    Execution[] executions;
    uint128[] openingBalances;
    BalanceProof[] openings;
    BalanceProof[] closings;
    Statement[] statements;
    Cover[] covers;
}

// ---------------------------------------------------------------------- what is kept, one word a row

/// @notice Sums of a round, in base units: credited deposits, requests not cancelled.
///
///     255            128              0
///      |  requested   |   deposits   |
struct Flow {
    uint128 deposits;
    uint128 requested;
}

/// @notice A request to withdraw. Amounts in base units; `opening` is the balance proven with it.
/// `bound`: the client presented statements, which a cancellation must cover.
///
///     255    232 224       160                 0
///      | free | b |  round  |     recipient    |
///      |     opening        |      amount      |
///     255                  128                 0
///
/// b: bound 8.
struct Withdrawal {
    address recipient;
    uint64 round;
    bool bound;
    uint128 amount;
    uint128 opening;
}

/// @notice A dispute of a client and the round in which it was opened. `openedBlock` is zero if there
/// was none. `presented`: fills that the client showed. `mustProveOpenings`: the operator has to
/// prove the opening balances. `openingsHash`: of those that the client proved, zero if none.
/// `delegate` paid the bond in the client's place; zero where the client did. `bound`: the client
/// presented a statement, which the answer must cover.
///
///     255      120 112 104 96         64               0
///      |   free | b | m | o | presented | openedBlock  |
///      |                 openingsHash                  |
///      |  free   |               delegate              |
///     255       160                                    0
///
/// b: bound 8, m: mustProveOpenings 8, o: open 8.
struct Dispute {
    uint64 openedBlock;
    uint32 presented;
    bool open;
    bool mustProveOpenings;
    bool bound;
    bytes32 openingsHash;
    address delegate;
}

/// @notice What an operator has accounted for in a dispute so far. `attempt` counts its restarts;
/// `covered`: presented fills that the executions cover; `lastId`: id of the last order.
///
///     255    192       160      128           64            0
///      | free | covered | orders |   lastId   |   attempt   |
struct Accumulation {
    uint64 attempt;
    uint64 lastId;
    uint32 orders;
    uint32 covered;
}

/// @notice What was recovered for a client: the balance so far, in base units, and whether its
/// deposits were.
///
///     255      136       128           0
///      |  free  | deposits |  balance  |
struct Recovery {
    uint128 balance;
    bool deposits;
}
