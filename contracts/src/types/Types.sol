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
