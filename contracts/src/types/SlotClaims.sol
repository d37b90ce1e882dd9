// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Who claimed for a slot and for the one after it, in one word:
///
///     255   192          184    176          88               0
///      | tag | lastBefore | last |    next    |    current    |
///
/// Operators are named by their place, index + 1, and zero is nobody. Bit p-1 of `current` stands
/// for a claim of place p for slot `tag` - 1, of `next` for the slot after it. `last` claimed last,
/// `lastBefore` had done so when the slot began. The tag is never zero, so that not even the first
/// claim of all pays for a fresh word.
type SlotClaims is uint256;

using SlotClaimsWords for SlotClaims global;

/// @title Reading and changing the claims
/// @dev No loops: work does not grow with the number of operators.
library SlotClaimsWords {
    /// @notice Operators for which the word has room.
    uint256 internal constant MAX_OPERATORS = 88;

    uint256 private constant NEXT = 88;
    uint256 private constant LAST = 176;
    uint256 private constant LAST_BEFORE = 184;
    uint256 private constant TAG = 192;
    uint256 private constant BITMAP = (1 << MAX_OPERATORS) - 1;

    /// @notice What is known before anybody claimed: the Genesis slot.
    function create() internal pure returns (SlotClaims) {
        return SlotClaims.wrap(1 << TAG);
    }

    function current(SlotClaims claims) internal pure returns (uint256) {
        return SlotClaims.unwrap(claims) & BITMAP;
    }

    function next(SlotClaims claims) internal pure returns (uint256) {
        return (SlotClaims.unwrap(claims) >> NEXT) & BITMAP;
    }

    function last(SlotClaims claims) internal pure returns (uint256) {
        return uint8(SlotClaims.unwrap(claims) >> LAST);
    }

    function lastBefore(SlotClaims claims) internal pure returns (uint256) {
        return uint8(SlotClaims.unwrap(claims) >> LAST_BEFORE);
    }

    /// @notice The claims as `slot` sees them: those sent for it in the slot before are its own,
    /// older ones are void, and whoever claimed last had done so when it began.
    function asOf(SlotClaims claims, uint64 slot) internal pure returns (SlotClaims) {
        unchecked {
            uint256 stored = SlotClaims.unwrap(claims) >> TAG;
            uint256 tag = uint256(slot) + 1;
            if (stored == tag) return claims;
            uint256 own = stored + 1 == tag ? claims.next() : 0;
            return
                SlotClaims.wrap(own | claims.last() * (1 << LAST | 1 << LAST_BEFORE) | tag << TAG);
        }
    }

    function hasNext(SlotClaims claims, uint256 place) internal pure returns (bool) {
        unchecked {
            return (SlotClaims.unwrap(claims) >> (NEXT - 1 + place)) & 1 != 0;
        }
    }

    function withNext(SlotClaims claims, uint256 place) internal pure returns (SlotClaims) {
        unchecked {
            uint256 rest = SlotClaims.unwrap(claims) & ~(uint256(type(uint8).max) << LAST);
            return SlotClaims.wrap(rest | place << LAST | uint256(1) << (NEXT - 1 + place));
        }
    }

    /// @notice Forgets `place` and gives it to whoever was at `lastPlace`, claims and all.
    function withoutPlace(SlotClaims claims, uint256 place, uint256 lastPlace)
        internal
        pure
        returns (SlotClaims)
    {
        return SlotClaims.wrap(
            _moveBit(claims.current(), place, lastPlace) | _moveBit(claims.next(), place, lastPlace)
                << NEXT | _movePointer(claims.last(), place, lastPlace) << LAST
                | _movePointer(claims.lastBefore(), place, lastPlace) << LAST_BEFORE
                | SlotClaims.unwrap(claims) >> TAG << TAG
        );
    }

    /// @notice The place selected for `slot` among `bitmap`: the first at or after index
    /// (slot - 1) mod `count`, cyclically; `fallback_` if no bit is set.
    /// @dev A set bit means that the list is not empty and that the slot is not Genesis, for which
    /// nobody can claim.
    function select(uint64 slot, uint256 bitmap, uint256 fallback_, uint256 count)
        internal
        pure
        returns (uint256)
    {
        if (bitmap == 0) return fallback_;
        unchecked {
            uint256 start = (uint256(slot) - 1) % count;
            uint256 fromStart = bitmap >> start << start;
            uint256 candidates = fromStart != 0 ? fromStart : bitmap;
            return Math.log2(candidates & (~candidates + 1)) + 1;
        }
    }

    function _moveBit(uint256 bitmap, uint256 place, uint256 lastPlace)
        private
        pure
        returns (uint256)
    {
        uint256 moving = (bitmap >> (lastPlace - 1)) & 1;
        uint256 kept = bitmap & ~(uint256(1) << (place - 1)) & ~(uint256(1) << (lastPlace - 1));
        return place == lastPlace ? kept : kept | moving << (place - 1);
    }

    function _movePointer(uint256 pointer, uint256 place, uint256 lastPlace)
        private
        pure
        returns (uint256)
    {
        if (pointer == place) return 0;
        return pointer == lastPlace ? place : pointer;
    }
}
