// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Number of a block. Differences of blocks, and sizes in blocks, are plain numbers.
type BlockNumber is uint64;

using BlockNumbers for BlockNumber global;
using {blockBefore as <, blockSince as >=} for BlockNumber global;

function blockBefore(BlockNumber a, BlockNumber b) pure returns (bool) {
    return BlockNumber.unwrap(a) < BlockNumber.unwrap(b);
}

function blockSince(BlockNumber a, BlockNumber b) pure returns (bool) {
    return BlockNumber.unwrap(a) >= BlockNumber.unwrap(b);
}

/// @title Steps between blocks
library BlockNumbers {
    function plus(BlockNumber number, uint64 blocks) internal pure returns (BlockNumber) {
        return BlockNumber.wrap(BlockNumber.unwrap(number) + blocks);
    }

    /// @notice Blocks from `earlier` to `number`. Reverts if that is later.
    function since(BlockNumber number, BlockNumber earlier) internal pure returns (uint64) {
        return BlockNumber.unwrap(number) - BlockNumber.unwrap(earlier);
    }

    /// @notice The number, as events, errors and the ABI carry it.
    function raw(BlockNumber number) internal pure returns (uint64) {
        return BlockNumber.unwrap(number);
    }
}
