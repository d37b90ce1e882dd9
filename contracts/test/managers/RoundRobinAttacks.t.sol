// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {OperatorRegistry} from "../../src/managers/OperatorRegistry.sol";
import {RoundRobinTest} from "./support/RoundRobinTest.sol";

/// @notice An operator that is a contract, and claims for whoever calls it.
contract ContractOperator {
    IRoundRobinOperatorManager private immutable _turns;

    constructor(IRoundRobinOperatorManager turns) {
        _turns = turns;
    }

    function claim() external {
        _turns.claim();
    }

    function amIOperator() external view returns (bool) {
        return _turns.amIOperator();
    }
}

/// @title Each fault of the reference, and what else somebody might try, named after the attack
contract RoundRobinAttacksTest is RoundRobinTest {
    // ------------------------------------------------------------------ nobody is not everybody

    function test_attack_operatorZeroMeansNobody() public {
        assertNobody("Genesis");
        toSlot(3, 0);
        assertNobody("nobody ever claimed");
        claim(RL1);
        removed(RL1);
        assertNobody("the only one that claimed was removed");
    }

    function assertNobody(string memory when) private {
        assertOperator(NOBODY, when);
        address[5] memory callers = [RL1, RL3, STRANGER, address(turns), NOBODY];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i], callers[i]);
            assertFalse(turns.amIOperator(), when);
            vm.prank(callers[i], callers[i]);
            assertFalse(turns.is_operator(), when);
        }
        assertEq(turns.operatorName(), "", when);
        assertEq(turns.operatorURI(), "", when);
    }

    // ------------------------------------------------------------------ claims out of time

    function test_attack_claimInMidSlotTakesTheSlotOver() public {
        toSlot(3, 0);
        claim(RL3);
        toSlot(4, 0);
        assertOperator(RL3, "RL-3 alone claimed for slot 4");
        // Index 0 is first in slot 4: in the reference RL-1 would act from here.
        claim(RL1);
        assertOperator(RL3, "in the same block");
        toSlot(4, 119);
        claim(RL2);
        assertOperator(RL3, "in the last block");
    }

    function test_attack_lateClaimsMoveTheFallbackInMidSlot() public {
        claim(RL1);
        toSlot(5, 0);
        assertOperator(RL1, "fallback");
        for (uint256 offset = 0; offset < 120; offset += 17) {
            toSlot(5, offset);
            claim(offset % 2 == 0 ? RL2 : RL3);
            assertOperator(RL1, "whoever had claimed last when slot 5 began");
        }
    }

    function test_attack_claimsSavedUpForLater() public {
        toSlot(1, 0);
        claim(RL2);
        toSlot(2, 0);
        claim(RL1);
        // Index 1 is first in slots 2, 5 and 8; RL-2's claim was for slot 2 alone.
        toSlot(2, 1);
        assertOperator(RL2, "slot 2");
        toSlot(3, 0);
        assertOperator(RL1, "slot 3");
        toSlot(4, 0);
        claim(RL3);
        toSlot(5, 0);
        assertOperator(RL3, "slot 5");
        toSlot(8, 0);
        assertOperator(RL3, "slot 8: fallback");
    }

    /// @dev The claim that a fallback holds its slots by is never one for a later slot.
    function test_attack_fallbackOutranksAnOperatorThatClaims() public {
        claim(RL1);
        toSlot(6, 0);
        assertOperator(RL1, "fallback");
        claim(RL2);
        toSlot(7, 0);
        assertOperator(RL2, "index 0 is first in slot 7, but only RL-2 claimed");
    }

    // ------------------------------------------------------------------ removed operators

    function test_attack_claimByARemovedOperator() public {
        claim(RL2);
        removed(RL2);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, RL2));
        claim(RL2);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, RL2));
        vm.prank(RL2);
        turns.claimFor(1);
        toSlot(1, 0);
        assertOperator(NOBODY, "nor does its claim count");
    }

    function test_attack_claimByAStranger() public {
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, STRANGER));
        claim(STRANGER);
        // Place 0 is nobody's: neither the zero address nor the manager itself stands there.
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, NOBODY));
        claim(NOBODY);
    }

    function test_attack_removedOperatorStaysTheFallback() public {
        claim(RL1);
        toSlot(3, 0);
        assertOperator(RL1, "fallback");
        removed(RL1);
        assertOperator(NOBODY, "removed: nobody");
        assertFalse(turns.isRegistered(RL1), "not registered");
        vm.prank(RL1);
        assertFalse(turns.amIOperator(), "may not act");
        toSlot(50, 0);
        assertOperator(NOBODY, "for ever");
    }

    /// @dev `last` and `lastBefore` are two pointers: a removal in the slot in which somebody else
    /// claimed last must clear the older one too.
    function test_attack_removedOperatorReturnsAsTheFallbackOfARunningSlot() public {
        claim(RL1);
        toSlot(3, 0);
        claim(RL2);
        turns.setMaintenance(true);
        turns.removeOperator(RL1);
        // Approved again within one maintenance, at another place: what it had is gone.
        turns.addOperator("RL-1", RL1, "https://one");
        turns.setMaintenance(false);
        assertEq(slotIndex(), 4, "slot 4");
        assertOperator(RL2, "claimed in 3 for 4");
        removed(RL2);
        assertEq(slotIndex(), 5, "slot 5");
        assertOperator(NOBODY, "RL-2 was last, and is removed");
    }

    function test_attack_fallbackInheritedWithAPlace() public {
        claim(RL1);
        removed(RL1);
        // RL-3 stands where RL-1 stood, and a newcomer where RL-3 stood.
        turns.setMaintenance(true);
        turns.addOperator("new", STRANGER, "e");
        turns.setMaintenance(false);
        toSlot(1, 0);
        assertOperator(NOBODY, "neither claim nor fallback passes to whoever takes the place");
    }

    function test_attack_newcomerInheritsClaimsOfTheLastPlace() public {
        toSlot(1, 0);
        claim(RL3);
        turns.setMaintenance(true);
        turns.removeOperator(RL3);
        turns.addOperator("new", STRANGER, "e");
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current | next, 0, "no claims");
        turns.setMaintenance(false);
        assertOperator(NOBODY, "nobody");
    }

    // ------------------------------------------------------------------ list changes

    /// @dev RL-3 takes RL-1's place with both its claims, which RL-1's do not join.
    function test_attack_listChangeWhileClaimsArePending() public {
        toSlot(1, 0);
        claim(RL1);
        claim(RL3);
        toSlot(2, 0);
        claim(RL1);
        claim(RL2);
        turns.setMaintenance(true);
        turns.removeOperator(RL1);
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current, 1, "RL-3 for this slot, now at index 0");
        assertEq(next, 2, "RL-2 for the next, still at index 1");
        turns.setMaintenance(false);
        assertOperator(RL2, "slot 3 starts at index 0, and only RL-2 claimed");
    }

    function test_attack_movedOperatorIsTheFallback() public {
        claim(RL1);
        claim(RL3);
        toSlot(2, 0);
        assertOperator(RL3, "fallback at index 2");
        removed(RL2);
        assertOperator(RL3, "fallback at index 1");
        removed(RL1);
        assertOperator(RL3, "fallback at index 0");
    }

    /// @dev The owner may change the list only in maintenance, and that never returns to the slot:
    /// no slot has an operator before the change and another after it.
    function test_attack_listChangeChangesTheOperatorOfARunningSlot() public {
        claim(RL1);
        toSlot(1, 10);
        assertOperator(RL1, "slot 1");
        vm.expectRevert(IRoundRobinOperatorManager.NotInMaintenance.selector);
        turns.removeOperator(RL1);
        vm.expectRevert(IRoundRobinOperatorManager.NotInMaintenance.selector);
        turns.addOperator("n", STRANGER, "e");
        turns.setMaintenance(true);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 2, "another slot, in the same block");
    }

    // ------------------------------------------------------------------ the clock

    /// @dev In the reference a size of 40 blocks would number this block 3 times as high, one of
    /// 100,000 would number it 0 again.
    function test_attack_slotSizeThatWouldReviveOldClaims() public {
        toSlot(40, 0);
        claim(RL1);
        toSlot(45, 0);
        claim(RL2);
        turns.setMaintenance(true);
        turns.setSlotSize(100_000);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 46, "the next number");
        assertOperator(RL2, "claimed for 46");
        vm.roll(firstBlockOf(45) + 99_999);
        assertEq(slotIndex(), 46, "100,000 blocks long");
        vm.roll(firstBlockOf(45) + 100_000);
        assertEq(slotIndex(), 47, "then 47");
        assertOperator(RL2, "fallback: RL-1's claim for 41 is spent");
        turns.setMaintenance(true);
        turns.setSlotSize(1);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 48, "no way back");
        assertOperator(RL2, "fallback");
    }

    function testFuzz_attack_noSizeRenumbersSlots(uint32 first, uint32 second, uint32 wait) public {
        first = uint32(bound(first, 1, type(uint32).max));
        second = uint32(bound(second, 1, type(uint32).max));
        toSlot(10, 60);
        turns.setMaintenance(true);
        turns.setSlotSize(first);
        turns.setMaintenance(false);
        vm.roll(firstBlockOf(10) + 60 + wait);
        uint64 before = slotIndex();
        assertEq(before, 11 + uint256(wait) / first, "counted from where maintenance ended");
        turns.setMaintenance(true);
        turns.setSlotSize(second);
        assertEq(slotIndex(), before, "stands still");
        turns.setMaintenance(false);
        assertEq(slotIndex(), before + 1, "the next one");
    }

    function test_attack_maintenanceHeldToSkipClaims() public {
        toSlot(2, 0);
        claim(RL3);
        turns.setMaintenance(true);
        toSlot(5000, 0);
        turns.setMaintenance(false);
        assertOperator(RL3, "however long it lasted, its claim for the next slot holds");
    }

    // ------------------------------------------------------------------ contracts and tx.origin

    function test_attack_contractAsOperator() public {
        ContractOperator account = new ContractOperator(turns);
        turns.setMaintenance(true);
        turns.addOperator("contract", address(account), "e");
        turns.setMaintenance(false);
        account.claim();
        toSlot(1, 0);
        assertOperator(address(account), "a contract takes its turn like anybody");
        assertTrue(account.amIOperator(), "it may act");
        // Whoever sends the transaction is not what counts.
        vm.prank(STRANGER, address(account));
        assertFalse(turns.amIOperator(), "tx.origin is never read");
    }

    /// @dev A phishing contract that an operator calls does not become the operator, nor can it
    /// claim in the operator's name.
    function test_attack_contractCalledByTheOperator() public {
        claim(RL1);
        toSlot(1, 0);
        ContractOperator account = new ContractOperator(turns);
        vm.prank(RL1, RL1);
        assertFalse(account.amIOperator(), "not the operator");
        vm.expectRevert(
            abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, address(account))
        );
        vm.prank(RL1, RL1);
        account.claim();
    }

    // ------------------------------------------------------------------ ownership

    function test_attack_ownershipHandedToNobody() public {
        Ownable2Step owned = ownershipOf(address(turns));
        vm.expectRevert(OperatorRegistry.RenouncingDisabled.selector);
        owned.renounceOwnership();
        owned.transferOwnership(NOBODY);
        assertEq(owned.owner(), address(this), "still owned");
        assertEq(owned.pendingOwner(), NOBODY, "nobody is asked");
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER)
        );
        vm.prank(STRANGER);
        owned.acceptOwnership();
        // An address that nobody holds never accepts, and takes nothing by being named.
        owned.transferOwnership(address(0xdead));
        assertEq(owned.owner(), address(this), "until it accepts");
        turns.setMaintenance(true);
    }

    function test_attack_ownershipMovesInTwoSteps() public {
        Ownable2Step owned = ownershipOf(address(turns));
        owned.transferOwnership(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER)
        );
        vm.prank(STRANGER);
        turns.setMaintenance(true);
        vm.prank(STRANGER);
        owned.acceptOwnership();
        assertEq(owned.owner(), STRANGER, "accepted");
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
        turns.setMaintenance(true);
    }
}
