// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice When slots begin, and what is set for the list of operators, in one word:
///
///     255   177           176      168     160    128          64            0
///      | free | maintenance | quorum | count | size | anchorSlot | anchorBlock |
///
/// Slot `anchorSlot` begins at `anchorBlock`, and slots of `size` blocks follow; blocks before the
/// anchor are those of Genesis, slot 0. In maintenance `anchorSlot` is the slot that stands still;
/// if that is Genesis, `anchorBlock` is still where slot 1 was to begin.
type SlotClock is uint256;

using SlotClocks for SlotClock global;

/// @title Reading and changing a slot clock
/// @dev Whoever writes a field has bounded it to the field's width.
library SlotClocks {
    uint256 private constant ANCHOR_SLOT = 64;
    uint256 private constant SIZE = 128;
    uint256 private constant COUNT = 160;
    uint256 private constant QUORUM = 168;
    uint256 private constant MAINTENANCE = 176;

    function create(uint256 anchorBlock_, uint256 anchorSlot_, uint32 size_)
        internal
        pure
        returns (SlotClock)
    {
        return SlotClock.wrap(anchorBlock_ | anchorSlot_ << ANCHOR_SLOT | uint256(size_) << SIZE);
    }

    function anchorBlock(SlotClock clock) internal pure returns (uint64) {
        return uint64(SlotClock.unwrap(clock));
    }

    function anchorSlot(SlotClock clock) internal pure returns (uint64) {
        return uint64(SlotClock.unwrap(clock) >> ANCHOR_SLOT);
    }

    /// @notice Blocks of a slot.
    function size(SlotClock clock) internal pure returns (uint32) {
        return uint32(SlotClock.unwrap(clock) >> SIZE);
    }

    /// @notice Number of operators in the list.
    function count(SlotClock clock) internal pure returns (uint8) {
        return uint8(SlotClock.unwrap(clock) >> COUNT);
    }

    function quorum(SlotClock clock) internal pure returns (uint8) {
        return uint8(SlotClock.unwrap(clock) >> QUORUM);
    }

    /// @dev The highest field: nothing above it needs masking.
    function inMaintenance(SlotClock clock) internal pure returns (bool) {
        return SlotClock.unwrap(clock) >> MAINTENANCE != 0;
    }

    /// @notice Index of the slot of block `number`, or of the one that maintenance holds.
    function slotAt(SlotClock clock, uint256 number) internal pure returns (uint64) {
        uint256 anchor = clock.anchorBlock();
        if (clock.inMaintenance()) return clock.anchorSlot();
        if (number < anchor) return 0;
        unchecked {
            // Nonzero by construction: `setSize` and `create` are given no zero.
            return clock.anchorSlot() + uint64((number - anchor) / clock.size());
        }
    }

    /// @notice Stops at block `number`: the slot of that block is the anchor from now on, so that
    /// neither time nor a new size moves it.
    function frozen(SlotClock clock, uint256 number) internal pure returns (SlotClock) {
        uint64 slot = clock.slotAt(number);
        uint256 first = clock.anchorBlock();
        if (slot > 0) first += uint256(slot - clock.anchorSlot()) * clock.size();
        return clock._anchored(first, slot)._with(MAINTENANCE, 1, 1);
    }

    /// @notice Goes on at block `number` by opening the next slot. A Genesis slot that still runs
    /// goes on as if nothing had been.
    function resumed(SlotClock clock, uint256 number) internal pure returns (SlotClock) {
        bool genesisRuns = clock.anchorSlot() == 0 && number < clock.anchorBlock();
        return clock._anchored(genesisRuns ? clock.anchorBlock() : number, clock.anchorSlot() + 1)
            ._with(MAINTENANCE, 1, 0);
    }

    function withSize(SlotClock clock, uint32 blocks) internal pure returns (SlotClock) {
        return clock._with(SIZE, type(uint32).max, blocks);
    }

    function withCount(SlotClock clock, uint256 operators) internal pure returns (SlotClock) {
        return clock._with(COUNT, type(uint8).max, operators);
    }

    function withQuorum(SlotClock clock, uint256 operators) internal pure returns (SlotClock) {
        return clock._with(QUORUM, type(uint8).max, operators);
    }

    function _anchored(SlotClock clock, uint256 anchorBlock_, uint256 anchorSlot_)
        internal
        pure
        returns (SlotClock)
    {
        return clock._with(0, type(uint64).max, anchorBlock_)
            ._with(ANCHOR_SLOT, type(uint64).max, anchorSlot_);
    }

    function _with(SlotClock clock, uint256 offset, uint256 mask, uint256 value)
        internal
        pure
        returns (SlotClock)
    {
        uint256 rest = SlotClock.unwrap(clock) & ~(mask << offset);
        return SlotClock.wrap(rest | value << offset);
    }
}
