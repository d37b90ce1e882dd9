// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BalanceProof, Sibling} from "../types/Types.sol";

/// @title Merkle-sum tree of balances (docs/protocol.md section 3)
/// @notice leaf = keccak256(0x00, client, balance); node = keccak256(0x01, leftHash, leftSum,
/// rightHash, rightSum), each sum a word of its own; commitment = keccak256(top, total, leafCount).
/// An odd last node is promoted to the next level unchanged, so index and leaf count fix the shape
/// of every proof, and no padding exists that could be passed off as a client.
library SumTree {
    /// @notice The proof does not lead from that client and balance to the commitment.
    error InvalidProof(address client, uint64 index, uint64 leafCount);

    /// @notice Commitment to a tree by its top node, total (base units) and number of leaves.
    function commitment(bytes32 node, uint128 total, uint64 leafCount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(node, total, leafCount));
    }

    /// @notice Reverts with `InvalidProof` unless `proof` shows that `client` owns `proof.balance`
    /// in the tree behind `committed`. Cost grows with the logarithm of the leaf count.
    function verify(bytes32 committed, address client, BalanceProof calldata proof) internal pure {
        (bytes32 node, uint256 sum, bool complete) = _climb(client, proof);
        bool valid = complete && committed != 0 && sum <= type(uint128).max
            && keccak256(abi.encode(node, sum, proof.leafCount)) == committed;
        if (!valid) revert InvalidProof(client, proof.index, proof.leafCount);
    }

    function _climb(address client, BalanceProof calldata proof)
        private
        pure
        returns (bytes32 node, uint256 sum, bool complete)
    {
        uint256 index = proof.index;
        uint256 width = proof.leafCount;
        if (index >= width) return (0, 0, false);
        node = keccak256(abi.encodePacked(uint8(0), client, proof.balance));
        sum = proof.balance;
        Sibling[] calldata siblings = proof.siblings;
        uint256 used = 0;
        // Nothing here can overflow: index < width < 2^64, and 64 levels of sums below 2^128 each.
        unchecked {
            while (width > 1) {
                if (index & 1 == 1 || index + 1 < width) {
                    if (used == siblings.length) return (0, 0, false);
                    Sibling calldata sibling = siblings[used++];
                    uint256 siblingSum = sibling.sum;
                    node = index & 1 == 1
                        ? _parent(sibling.hash, siblingSum, node, sum)
                        : _parent(node, sum, sibling.hash, siblingSum);
                    sum += siblingSum;
                }
                index >>= 1;
                width = (width + 1) >> 1;
            }
        }
        complete = used == siblings.length;
    }

    /// @dev keccak256(abi.encodePacked(uint8(1), left, leftSum, right, rightSum)), in memory that is
    /// not kept: proofs take one of these for each level, and memory would grow with all of them.
    function _parent(bytes32 left, uint256 leftSum, bytes32 right, uint256 rightSum)
        private
        pure
        returns (bytes32 hash)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), leftSum)
            mstore(add(free, 65), right)
            mstore(add(free, 97), rightSum)
            hash := keccak256(free, 129)
        }
    }
}
