// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Artifacts} from "../../base/Artifacts.sol";

/// @title Three listed operators in a Genesis slot of 1000 blocks, then slots of 120
/// @notice The test contract owns the manager. Block numbers are counted here: the optimizer takes
/// block.number for a constant of the transaction.
abstract contract RoundRobinTest is Artifacts {
    uint32 internal constant GENESIS_BLOCKS = 1000;
    uint32 internal constant SLOT_BLOCKS = 120;
    uint256 internal constant START = 5000;
    address internal constant NOBODY = address(0);
    address internal constant RL1 = address(0x1001);
    address internal constant RL2 = address(0x1002);
    address internal constant RL3 = address(0x1003);
    address internal constant STRANGER = address(0x5151);

    IRoundRobinOperatorManager internal turns;

    function setUp() public virtual {
        vm.roll(START);
        turns = deployTurns(address(this), GENESIS_BLOCKS, SLOT_BLOCKS);
        turns.setMaintenance(true);
        turns.addOperator("RL-1", RL1, "https://one");
        turns.addOperator("RL-2", RL2, "https://two");
        turns.addOperator("RL-3", RL3, "https://three");
        turns.setMaintenance(false);
    }

    /// @dev First block of `slot`, as long as no maintenance has moved the clock.
    function firstBlockOf(uint256 slot) internal pure returns (uint256) {
        return slot == 0 ? START : START + GENESIS_BLOCKS + (slot - 1) * SLOT_BLOCKS;
    }

    /// @dev `offset` blocks after the first block of `slot`.
    function toSlot(uint256 slot, uint256 offset) internal {
        vm.roll(firstBlockOf(slot) + offset);
    }

    function claim(address by) internal {
        vm.prank(by);
        turns.claim();
    }

    function removed(address account) internal {
        turns.setMaintenance(true);
        turns.removeOperator(account);
        turns.setMaintenance(false);
    }

    function slotIndex() internal view returns (uint64 index) {
        (index,,,) = turns.slotInfo();
    }

    function assertOperator(address expected, string memory when) internal view {
        assertEq(turns.operator(), expected, when);
    }

    /// @dev The slot's operator is the same in its first, second and last block.
    function assertSlotOperator(uint256 slot, address expected, string memory when) internal {
        toSlot(slot, 0);
        assertOperator(expected, string.concat(when, ", first block"));
        toSlot(slot, 1);
        assertOperator(expected, string.concat(when, ", second block"));
        toSlot(slot, (slot == 0 ? GENESIS_BLOCKS : SLOT_BLOCKS) - 1);
        assertOperator(expected, string.concat(when, ", last block"));
    }
}
