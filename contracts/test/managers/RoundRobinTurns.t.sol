// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {OperatorRegistry} from "../../src/managers/OperatorRegistry.sol";
import {Vm} from "../base/Vm.sol";
import {RoundRobinTest} from "./support/RoundRobinTest.sol";

/// @title Slots, claims, whose turn it is, and what nodes and pages can ask
contract RoundRobinTurnsTest is RoundRobinTest {
    /// @dev docs/protocol.md section 8, sentence by sentence, at the boundary blocks of each slot.
    function test_workedExample() public {
        claim(RL1);
        claim(RL2);
        assertSlotOperator(0, NOBODY, "slot 0");
        assertSlotOperator(1, RL1, "slot 1");
        claim(RL1);
        claim(RL2);
        assertSlotOperator(2, RL2, "slot 2");
        claim(RL1);
        claim(RL2);
        claim(RL3);
        assertSlotOperator(3, RL3, "slot 3");
        claim(RL2);
        claim(RL3);
        assertSlotOperator(4, RL2, "slot 4: RL-1 sent no claim");
        claim(RL2);
        assertSlotOperator(5, RL2, "slot 5: RL-3 sent no claim");
        for (uint256 slot = 6; slot < 20; ++slot) {
            assertSlotOperator(slot, RL2, "the fallback, in each slot after");
        }
        toSlot(1_000_000, 7);
        assertOperator(RL2, "for ever");
    }

    // ------------------------------------------------------------------ slots

    function test_slotInfo_atBoundaryBlocks() public {
        assertSlot(0, 0, 0, START, START + 999);
        assertSlot(0, 999, 0, START, START + 999);
        assertSlot(1, 0, 1, START + 1000, START + 1119);
        assertSlot(1, 119, 1, START + 1000, START + 1119);
        assertSlot(2, 0, 2, START + 1120, START + 1239);
        assertSlot(77, 60, 77, firstBlockOf(77), firstBlockOf(78) - 1);
    }

    function assertSlot(
        uint256 slot,
        uint256 offset,
        uint64 expected,
        uint256 expectedFirst,
        uint256 expectedLast
    ) private {
        toSlot(slot, offset);
        (uint64 index, uint64 first, uint64 last, uint32 size) = turns.slotInfo();
        assertEq(index, expected, "index");
        assertEq(first, expectedFirst, "first block");
        assertEq(last, expectedLast, "last block");
        assertEq(size, SLOT_BLOCKS, "size");
    }

    // ------------------------------------------------------------------ claims

    function test_claim_isForTheNextSlotAndNoOther() public {
        toSlot(1, 0);
        claim(RL1);
        toSlot(2, 0);
        claim(RL3);
        assertSlotOperator(2, RL1, "RL-1 claimed for 2");
        assertSlotOperator(3, RL3, "RL-3 claimed for 3");
        // Index 0 is first in slot 4, but the claim for slot 2 is spent.
        assertSlotOperator(4, RL3, "nobody claimed for 4: the last who had");
    }

    /// @dev Both bits of one operator live side by side.
    function test_claim_forThisSlotAndTheNextAtOnce() public {
        toSlot(1, 119);
        claim(RL2);
        toSlot(2, 0);
        claim(RL2);
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current, 2, "for slot 2");
        assertEq(next, 2, "for slot 3");
        assertSlotOperator(2, RL2, "slot 2");
        (current, next) = turns.claims();
        assertEq(current, 2, "unchanged to the last block");
        toSlot(3, 0);
        (current, next) = turns.claims();
        assertEq(current, 2, "moved up");
        assertEq(next, 0, "nobody yet");
        toSlot(4, 0);
        (current, next) = turns.claims();
        assertEq(current | next, 0, "spent");
    }

    function test_claim_emits() public {
        toSlot(1, 0);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.Claimed(RL1, 2);
        claim(RL1);
    }

    function test_claim_againChangesAndEmitsNothing() public {
        claim(RL1);
        claim(RL2);
        vm.recordLogs();
        claim(RL1);
        vm.prank(RL1);
        turns.claimFor(1);
        assertEq(vm.getRecordedLogs().length, 0, "no event");
        toSlot(2, 0);
        assertOperator(RL2, "nobody claimed for 2, and RL-2's was the last claim");
    }

    function test_claimFor_onlyTheNextSlot() public {
        toSlot(1, 119);
        assertWrongSlot(0, 2);
        assertWrongSlot(1, 2);
        assertWrongSlot(3, 2);
        assertWrongSlot(type(uint64).max, 2);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.Claimed(RL1, 2);
        vm.prank(RL1);
        turns.claimFor(2);
        toSlot(2, 0);
        assertWrongSlot(2, 3);
    }

    function assertWrongSlot(uint64 slot, uint64 next) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.WrongSlot.selector, slot, next)
        );
        vm.prank(RL1);
        turns.claimFor(slot);
    }

    function test_claimFor_refusesStrangers() public {
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, STRANGER));
        vm.prank(STRANGER);
        turns.claimFor(1);
    }

    // ------------------------------------------------------------------ whose turn

    /// @dev All eight sets of claims for each of three slots in a row.
    function test_selection_everySetOfClaimsFromEveryStart() public {
        address[3] memory list = [RL1, RL2, RL3];
        for (uint256 set = 1; set < 8; ++set) {
            for (uint256 start = 0; start < 3; ++start) {
                uint256 slot = 3 * (set * 10 + start * 3) + start + 1;
                toSlot(slot - 1, 50);
                for (uint256 i = 0; i < 3; ++i) {
                    if (set >> i & 1 == 1) claim(list[i]);
                }
                toSlot(slot, 0);
                uint256 index = start;
                while (set >> index & 1 == 0) index = (index + 1) % 3;
                assertOperator(list[index], "first from (S-1) mod 3, cyclically");
            }
        }
    }

    function test_selection_nobodyEverClaimed() public {
        for (uint256 slot = 0; slot < 8; ++slot) {
            assertSlotOperator(slot, NOBODY, "nobody");
        }
    }

    /// @dev Slot 1 has no claims, since none was sent in Genesis; a late claim does not fill it.
    function test_selection_firstClaimOfAllIsNoFallbackForItsOwnSlot() public {
        toSlot(1, 3);
        claim(RL3);
        toSlot(1, 119);
        assertOperator(NOBODY, "slot 1 began with nobody");
        assertSlotOperator(2, RL3, "slot 2");
    }

    function test_selection_fallbackIsTheLastWhoHadClaimedWhenTheSlotBegan() public {
        claim(RL3);
        claim(RL1);
        toSlot(4, 0);
        assertOperator(RL1, "the last claim of Genesis");
        claim(RL2);
        toSlot(4, 1);
        claim(RL3);
        toSlot(4, 119);
        assertOperator(RL1, "claims during slot 4 do not move its fallback");
        toSlot(6, 0);
        assertOperator(RL3, "the last claim of slot 4");
    }

    function test_getters_ofTheCurrentOperator() public {
        claim(RL2);
        toSlot(1, 0);
        assertEq(turns.operatorName(), "RL-2", "name");
        assertEq(turns.operatorURI(), "https://two", "endpoint");
        assertAmI(RL1, false);
        assertAmI(RL2, true);
        assertAmI(RL3, false);
        assertAmI(STRANGER, false);
    }

    function assertAmI(address account, bool expected) private {
        vm.prank(account);
        assertEq(turns.amIOperator(), expected, "amIOperator");
        vm.prank(account);
        assertEq(turns.is_operator(), expected, "is_operator");
    }

    // ------------------------------------------------------------------ forecast

    function test_forecast_isWhoIsSelectedIfNobodyElseClaims() public {
        assertEq(turns.forecast(), NOBODY, "no claim yet");
        claim(RL3);
        assertEq(turns.forecast(), RL3, "the only claim");
        claim(RL1);
        assertEq(turns.forecast(), RL1, "first in slot 1");
        toSlot(1, 0);
        assertOperator(RL1, "as forecast");
        assertEq(turns.forecast(), RL1, "no claim for slot 2: whoever claimed last");
        claim(RL2);
        assertEq(turns.forecast(), RL2, "claimed for slot 2");
        turns.setMaintenance(true);
        assertEq(turns.forecast(), RL2, "in maintenance too");
        turns.setMaintenance(false);
        assertOperator(RL2, "as forecast");
    }

    // ------------------------------------------------------------------ the list

    function test_list_views() public {
        assertEq(turns.count(), 3, "count");
        (address account, string memory name, string memory endpoint) = turns.operatorAt(2);
        assertEq(account, RL3, "account");
        assertEq(name, "RL-3", "name");
        assertEq(endpoint, "https://three", "endpoint");
        assertNoOperatorAt(3);
        assertNoOperatorAt(type(uint256).max);
    }

    function assertNoOperatorAt(uint256 index) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.NoSuchOperator.selector, index)
        );
        turns.operatorAt(index);
    }

    /// @dev Each of 88 operators alone, from the first bit to the last.
    function test_eightyEightOperators() public {
        turns.setMaintenance(true);
        for (uint160 i = 4; i <= 88; ++i) {
            turns.addOperator("x", address(0x1000 + i), "y");
        }
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.TooManyOperators.selector, 88)
        );
        turns.addOperator("x", address(0x9999), "y");
        turns.setMaintenance(false);
        for (uint160 i = 1; i <= 88; ++i) {
            toSlot(i * 2 - 1, 0);
            claim(address(0x1000 + i));
            toSlot(i * 2, 0);
            assertOperator(address(0x1000 + i), "the only one that claimed");
            (uint256 current, uint256 next) = turns.claims();
            assertEq(current, uint256(1) << (i - 1), "its bit");
            assertEq(next, 0, "no other");
        }
    }

    function test_eightyEightOperators_allClaimAndTakeTurns() public {
        turns.setMaintenance(true);
        for (uint160 i = 4; i <= 88; ++i) {
            turns.addOperator("x", address(0x1000 + i), "y");
        }
        turns.setMaintenance(false);
        for (uint256 slot = 175; slot < 178; ++slot) {
            toSlot(slot, 0);
            for (uint160 i = 1; i <= 88; ++i) {
                claim(address(0x1000 + i));
            }
            (, uint256 next) = turns.claims();
            assertEq(next, (uint256(1) << 88) - 1, "all");
            toSlot(slot + 1, 0);
            assertOperator(address(uint160(0x1001 + slot % 88)), "index (S-1) mod 88");
        }
    }

    /// @dev A log of a claim carries its sender and its slot as topics, so that nodes can filter.
    function test_claimed_isIndexed() public {
        vm.recordLogs();
        claim(RL1);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "one event");
        assertEq(logs[0].topics.length, 3, "both values indexed");
        assertEq(uint256(logs[0].topics[2]), 1, "slot");
    }
}
