// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {OperatorRegistry} from "../../src/managers/OperatorRegistry.sol";
import {RoundRobinOperatorManager} from "../../src/managers/RoundRobinOperatorManager.sol";
import {Harness} from "./Harness.sol";

/// @title Turns, claims, fallback and maintenance by example
contract RoundRobinTest is Harness {
    RoundRobinOperatorManager private turns;
    uint256 private start;
    address private constant RL1 = address(0x1001);
    address private constant RL2 = address(0x1002);
    address private constant RL3 = address(0x1003);

    function setUp() public override {
        vm.roll(5000);
        start = 5000;
        turns = new RoundRobinOperatorManager(address(this), 1000, 120);
        turns.setMaintenance(true);
        turns.addOperator("RL-1", RL1, "http://1");
        turns.addOperator("RL-2", RL2, "http://2");
        turns.addOperator("RL-3", RL3, "http://3");
        turns.setMaintenance(false);
    }

    /// @dev `offset` blocks into slot `slot`, as long as nothing was renumbered.
    function toSlot(uint256 slot, uint256 offset) private {
        vm.roll(slot == 0 ? start + offset : start + 1000 + (slot - 1) * 120 + offset);
    }

    function claim(address by) private {
        vm.prank(by);
        turns.claim();
    }

    function test_workedExample() public {
        claim(RL1);
        claim(RL2);
        assertTrue(turns.operator() == address(0), "nobody in Genesis");
        toSlot(1, 0);
        assertTrue(turns.operator() == RL1, "slot 1");
        claim(RL1);
        claim(RL2);
        toSlot(2, 5);
        assertTrue(turns.operator() == RL2, "slot 2");
        claim(RL1);
        claim(RL2);
        claim(RL3);
        toSlot(3, 0);
        assertTrue(turns.operator() == RL3, "slot 3");
        claim(RL2);
        claim(RL3);
        toSlot(4, 119);
        assertTrue(turns.operator() == RL2, "slot 4");
        claim(RL2);
        toSlot(5, 0);
        assertTrue(turns.operator() == RL2, "slot 5");
        for (uint256 slot = 6; slot < 12; ++slot) {
            toSlot(slot, slot);
            assertTrue(turns.operator() == RL2, "the fallback, for ever");
        }
        assertTrue(keccak256(bytes(turns.operatorURI())) == keccak256("http://2"), "URI");
        assertTrue(keccak256(bytes(turns.operatorName())) == keccak256("RL-2"), "name");
    }

    function test_attack_operatorZeroMeansNobody() public {
        assertTrue(turns.operator() == address(0), "nobody");
        assertTrue(!turns.amIOperator() && !turns.is_operator(), "not even the caller");
        vm.prank(address(0));
        assertTrue(!turns.amIOperator(), "nor the zero address");
        assertEq(bytes(turns.operatorURI()).length, 0);
        assertEq(bytes(turns.operatorName()).length, 0);
        toSlot(3, 0);
        assertTrue(turns.operator() == address(0), "nobody ever claimed");
    }

    /// @dev A claim during a slot is for the next: it changes neither the operator nor the fallback
    /// of the slot that runs.
    function test_attack_claimInMidSlotChangesNothingNow() public {
        claim(RL2);
        toSlot(2, 0);
        assertTrue(turns.operator() == RL2, "nobody claimed for slot 2: the last who had");
        claim(RL3);
        assertTrue(turns.operator() == RL2, "still");
        toSlot(2, 119);
        claim(RL1);
        assertTrue(turns.operator() == RL2, "to the last block");
        toSlot(3, 0);
        assertTrue(turns.operator() == RL3, "index 2 is first in slot 3, and claimed");
    }

    function test_claimAgainChangesAndEmitsNothing() public {
        claim(RL1);
        claim(RL2);
        claim(RL1);
        toSlot(4, 0);
        assertTrue(turns.operator() == RL2, "the last new claim counts");
    }

    function test_claimForRevertsNearTheBoundary() public {
        toSlot(1, 119);
        vm.prank(RL1);
        turns.claimFor(2);
        toSlot(2, 0);
        vm.expectRevert(abi.encodeWithSelector(IRoundRobinOperatorManager.WrongSlot.selector, 2, 3));
        vm.prank(RL1);
        turns.claimFor(2);
    }

    function test_attack_claimsByStrangersAndByRemovedOperators() public {
        vm.expectRevert(
            abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, address(0xBAD))
        );
        claim(address(0xBAD));
        turns.setMaintenance(true);
        turns.removeOperator(RL2);
        turns.setMaintenance(false);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, RL2));
        claim(RL2);
    }

    function test_attack_removedOperatorIsNoFallback() public {
        claim(RL1);
        toSlot(2, 0);
        assertTrue(turns.operator() == RL1, "fallback");
        turns.setMaintenance(true);
        turns.removeOperator(RL1);
        turns.setMaintenance(false);
        assertTrue(turns.operator() == address(0), "removed: nobody");
        assertTrue(!turns.isRegistered(RL1), "and not registered");
        assertTrue(turns.wasOperator(RL1, uint64(start), uint64(start + 2000)), "but it was");
    }

    /// @dev RL-3 takes RL-1's place, with the claim that it had sent.
    function test_attack_listChangeWhileClaimsArePending() public {
        toSlot(1, 0);
        claim(RL1);
        claim(RL3);
        turns.setMaintenance(true);
        vm.expectRevert(IRoundRobinOperatorManager.InMaintenance.selector);
        turns.operator();
        vm.expectRevert(IRoundRobinOperatorManager.InMaintenance.selector);
        claim(RL2);
        assertTrue(turns.isRegistered(RL1), "registration answers in maintenance");
        turns.removeOperator(RL1);
        toSlot(1, 500);
        turns.setMaintenance(false);
        (uint64 index,,,) = turns.slotInfo();
        assertEq(index, 2);
        assertTrue(turns.operator() == RL3, "the next slot, with the claims sent for it");
        (uint256 current,) = turns.claims();
        assertEq(current, 1);
    }

    /// @dev However small the new size, no slot is numbered anew: an old claim matches none.
    function test_attack_slotSizeThatWouldReviveOldClaims() public {
        toSlot(40, 0);
        claim(RL1);
        toSlot(45, 0);
        claim(RL2);
        turns.setMaintenance(true);
        turns.setSlotSize(100_000);
        turns.setMaintenance(false);
        (uint64 index,,,) = turns.slotInfo();
        assertEq(index, 46);
        assertTrue(turns.operator() == RL2, "claimed for 46");
        // Slot 46 began where slot 45 did, when maintenance was left.
        toSlot(45, 99_999);
        (index,,,) = turns.slotInfo();
        assertEq(index, 46);
        toSlot(45, 100_000);
        (index,,,) = turns.slotInfo();
        assertEq(index, 47);
    }

    function test_onlyOwnerAndOnlyInMaintenance() public {
        vm.expectRevert(IRoundRobinOperatorManager.NotInMaintenance.selector);
        turns.addOperator("x", address(1), "y");
        vm.expectRevert(IRoundRobinOperatorManager.NotInMaintenance.selector);
        turns.removeOperator(RL1);
        vm.expectRevert(IRoundRobinOperatorManager.NotInMaintenance.selector);
        turns.setSlotSize(1);
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.MaintenanceUnchanged.selector, false)
        );
        turns.setMaintenance(false);
        turns.setMaintenance(true);
        vm.expectRevert(IRoundRobinOperatorManager.ZeroSlotSize.selector);
        turns.setSlotSize(0);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.AlreadyRegistered.selector, RL1));
        turns.addOperator("x", RL1, "y");
        vm.expectRevert(OperatorRegistry.ZeroOperator.selector);
        turns.addOperator("x", address(0), "y");
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.BadLabel.selector, 0, 1));
        turns.addOperator("", address(9), "y");
        vm.expectRevert(abi.encodeWithSelector(IRoundRobinOperatorManager.BadQuorum.selector, 4, 3));
        turns.setCommitQuorum(4);
        turns.setCommitQuorum(3);
        turns.removeOperator(RL1);
        assertEq(turns.commitQuorum(), 2);
        vm.expectRevert(OperatorRegistry.RenouncingDisabled.selector);
        turns.renounceOwnership();
    }

    function test_theOnlyOperatorCanBeRemovedAndComeBack() public {
        turns.setMaintenance(true);
        turns.removeOperator(RL1);
        turns.removeOperator(RL2);
        turns.removeOperator(RL3);
        assertEq(turns.count(), 0);
        turns.setMaintenance(false);
        assertTrue(turns.operator() == address(0), "an empty list");
        turns.setMaintenance(true);
        turns.addOperator("RL-1", RL1, "http://1");
        assertEq(turns.count(), 1);
        turns.setMaintenance(false);
    }

    function test_eightyEightOperatorsAndNoMore() public {
        turns.setMaintenance(true);
        for (uint160 i = 3; i < 88; ++i) {
            turns.addOperator("x", address(0x2000 + i), "y");
        }
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.TooManyOperators.selector, 88)
        );
        turns.addOperator("x", address(0x9999), "y");
        turns.setMaintenance(false);
        claim(address(0x2000 + 87));
        toSlot(1, 0);
        assertTrue(turns.operator() == address(0x2000 + 87), "the highest bit");
    }
}

/// @title The manager equals a plain model at every block of random histories
contract RoundRobinModelTest is Harness {
    RoundRobinOperatorManager private turns;
    uint32 private constant GENESIS_BLOCKS = 10;

    // The model: lists and loops, nothing packed.
    address[] private list;
    // Kept here: the optimizer takes block.number for a constant of the transaction.
    uint256 private number;
    uint64 private slot;
    uint256 private nextSlotBlock;
    uint256 private size;
    bool private maintenance;
    address[] private claimedNow;
    address[] private claimedNext;
    address private lastBefore;
    address private last;
    mapping(address account => bool) private known;

    function setUp() public override {
        number = 100;
        vm.roll(number);
        turns = new RoundRobinOperatorManager(address(this), GENESIS_BLOCKS, 7);
        nextSlotBlock = 100 + GENESIS_BLOCKS;
        size = 7;
    }

    /// @dev Each byte is one step: what to do, and by whom.
    function testFuzz_operatorIsTheModel(bytes32 one, bytes32 two, bytes32 three) public {
        bytes memory script = abi.encodePacked(one, two, three);
        for (uint256 i = 0; i < script.length; ++i) {
            uint8 step = uint8(script[i]);
            act(step & 7, address(uint160(0x3000 + (step >> 3 & 7))), step >> 6);
            compare();
        }
    }

    function act(uint8 what, address account, uint256 more) private {
        if (what <= 2) return tick(1 + uint256(what) * 3 + more * 5);
        if (what <= 4) return claim(account);
        if (what == 5) return changeList(account);
        if (what == 6) return toggle();
        if (!maintenance) return claim(account);
        turns.setSlotSize(uint32(1 + more * 4));
        size = 1 + more * 4;
    }

    function tick(uint256 blocks) private {
        for (uint256 i = 0; i < blocks; ++i) {
            vm.roll(++number);
            if (!maintenance && number == nextSlotBlock) beginSlot();
            compare();
        }
    }

    function beginSlot() private {
        ++slot;
        nextSlotBlock = number + size;
        claimedNow = claimedNext;
        delete claimedNext;
        lastBefore = last;
    }

    function claim(address account) private {
        if (!known[account] || maintenance) return;
        vm.prank(account);
        turns.claim();
        if (contains(claimedNext, account)) return;
        claimedNext.push(account);
        last = account;
    }

    function changeList(address account) private {
        if (!maintenance) return;
        if (!known[account]) {
            turns.addOperator("n", account, "e");
            list.push(account);
            known[account] = true;
            return;
        }
        turns.removeOperator(account);
        known[account] = false;
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == account) {
                list[i] = list[list.length - 1];
                list.pop();
                break;
            }
        }
        remove(claimedNow, account);
        remove(claimedNext, account);
        if (last == account) last = address(0);
        if (lastBefore == account) lastBefore = address(0);
    }

    function toggle() private {
        maintenance = !maintenance;
        turns.setMaintenance(maintenance);
        // Leaving opens the next slot; a Genesis slot that still runs goes on.
        if (!maintenance && (slot > 0 || number >= nextSlotBlock)) beginSlot();
    }

    function compare() private view {
        (uint64 index,,,) = turns.slotInfo();
        assertEq(index, slot);
        assertEq(turns.count(), list.length);
        if (maintenance) return;
        assertEq(uint160(turns.operator()), uint160(expected()));
    }

    function expected() private view returns (address) {
        if (slot == 0 || list.length == 0) return address(0);
        for (uint256 i = 0; i < list.length; ++i) {
            address candidate = list[(slot - 1 + i) % list.length];
            if (contains(claimedNow, candidate)) return candidate;
        }
        return lastBefore;
    }

    function contains(address[] storage accounts, address account) private view returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    function remove(address[] storage accounts, address account) private {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) {
                accounts[i] = accounts[accounts.length - 1];
                accounts.pop();
                return;
            }
        }
    }
}
