// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BalanceProof, Sibling} from "../../src/types/Types.sol";

/// @title Builds balance trees in memory, level by level, apart from the library under test
/// @notice docs/protocol.md section 3: leaf i belongs to `who[i]`; an odd last node is promoted.
library Trees {
    struct Level {
        bytes32[] hashes;
        uint256[] sums;
    }

    function leaf(address client, uint128 balance) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), client, balance));
    }

    function node(bytes32 left, uint256 leftSum, bytes32 right, uint256 rightSum)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(uint8(1), left, leftSum, right, rightSum));
    }

    function top(address[] memory who, uint128[] memory balances)
        internal
        pure
        returns (bytes32 hash, uint128 total)
    {
        if (who.length == 0) return (0, 0);
        Level memory level = leaves(who, balances);
        while (level.hashes.length > 1) {
            level = above(level);
        }
        return (level.hashes[0], uint128(level.sums[0]));
    }

    function proof(address[] memory who, uint128[] memory balances, uint256 index)
        internal
        pure
        returns (BalanceProof memory found)
    {
        found.balance = balances[index];
        found.index = uint64(index);
        found.leafCount = uint64(who.length);
        Sibling[] memory siblings = new Sibling[](64);
        uint256 count = 0;
        Level memory level = leaves(who, balances);
        while (level.hashes.length > 1) {
            uint256 other = index ^ 1;
            if (other < level.hashes.length) {
                siblings[count++] = Sibling(level.hashes[other], uint128(level.sums[other]));
            }
            index >>= 1;
            level = above(level);
        }
        found.siblings = new Sibling[](count);
        for (uint256 i = 0; i < count; ++i) {
            found.siblings[i] = siblings[i];
        }
    }

    function leaves(address[] memory who, uint128[] memory balances)
        private
        pure
        returns (Level memory level)
    {
        level = Level(new bytes32[](who.length), new uint256[](who.length));
        for (uint256 i = 0; i < who.length; ++i) {
            level.hashes[i] = leaf(who[i], balances[i]);
            level.sums[i] = balances[i];
        }
    }

    function above(Level memory level) private pure returns (Level memory next) {
        uint256 width = level.hashes.length;
        uint256 count = (width + 1) / 2;
        next = Level(new bytes32[](count), new uint256[](count));
        for (uint256 i = 0; i < count; ++i) {
            uint256 left = 2 * i;
            if (left + 1 == width) {
                (next.hashes[i], next.sums[i]) = (level.hashes[left], level.sums[left]);
                continue;
            }
            next.sums[i] = level.sums[left] + level.sums[left + 1];
            next.hashes[i] = node(
                level.hashes[left], level.sums[left], level.hashes[left + 1], level.sums[left + 1]
            );
        }
    }
}
