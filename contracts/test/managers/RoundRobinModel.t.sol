// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Artifacts} from "../base/Artifacts.sol";

/// @title The manager equals a plain model at every block of random histories
/// @notice The model is lists and loops, nothing packed: docs/protocol.md section 8 read aloud. Histories
/// claim, change list and slot size, and go in and out of maintenance, also within Genesis.
contract RoundRobinModelTest is Artifacts {
    uint32 private constant GENESIS_BLOCKS = 10;
    uint32 private constant SLOT_BLOCKS = 7;

    IRoundRobinOperatorManager private turns;
    address[] private list;
    /// Kept here: the optimizer takes block.number for a constant of the transaction.
    uint256 private number;
    uint64 private slot;
    uint256 private firstBlock;
    uint256 private nextSlotBlock;
    uint32 private size;
    bool private maintenance;
    address[] private claimedNow;
    address[] private claimedNext;
    address private lastBefore;
    address private last;
    mapping(address account => bool) private known;
    /// What `operator()` said first in a slot: it may say nothing else in it.
    mapping(uint64 slot => bool) private seen;
    mapping(uint64 slot => address) private selected;

    function setUp() public {
        number = 100;
        vm.roll(number);
        turns = deployTurns(address(this), GENESIS_BLOCKS, SLOT_BLOCKS);
        firstBlock = number;
        nextSlotBlock = number + GENESIS_BLOCKS;
        size = SLOT_BLOCKS;
    }

    /// @dev Each byte is one step: what to do, and by whom.
    function testFuzz_operatorIsTheModel(bytes32[3] memory words) public {
        play(abi.encodePacked(words));
    }

    /// @dev One history in which everything happens, so that the law above is not about nothing.
    function test_modelHistoryHasEverything() public {
        for (uint160 i = 0; i < 3; ++i) {
            address account = address(0x3000 + i);
            if (!maintenance) toggle();
            changeList(account);
        }
        toggle();
        claim(address(0x3001));
        tick(GENESIS_BLOCKS);
        assertEq(turns.operator(), address(0x3001), "claimed in Genesis");
        tick(2 * uint256(SLOT_BLOCKS));
        assertEq(turns.operator(), address(0x3001), "the fallback");
        claim(address(0x3002));
        claim(address(0x3000));
        tick(3);
        toggle();
        changeList(address(0x3000));
        setSize(3);
        tick(50);
        toggle();
        compare();
        assertEq(slot, 4, "the next slot");
        assertEq(turns.operator(), address(0x3002), "moved to the vacant place, claim and all");
        tick(3);
        assertEq(slot, 5, "of the new size");
        // The last new claim was that of the operator removed since.
        assertEq(turns.operator(), address(0), "a removed operator is no fallback");
    }

    function play(bytes memory script) private {
        for (uint256 i = 0; i < script.length; ++i) {
            uint8 step = uint8(script[i]);
            act(step & 7, address(uint160(0x3000 + (step >> 3 & 7))), step >> 6);
            compare();
        }
    }

    // ------------------------------------------------------------------ steps

    function act(uint8 what, address account, uint256 more) private {
        if (what <= 2) return tick(1 + uint256(what) * 3 + more * 5);
        if (what <= 4) return claim(account);
        if (what == 5) return changeList(account);
        if (what == 6) return toggle();
        if (!maintenance) return claim(account);
        setSize(uint32(1 + more * 4));
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
        firstBlock = number;
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

    function setSize(uint32 blocks) private {
        turns.setSlotSize(blocks);
        size = blocks;
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
        remove(list, account);
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

    // ------------------------------------------------------------------ the model's answers

    function compare() private {
        compareSlot();
        assertEq(turns.count(), list.length, "count");
        compareClaims();
        if (maintenance) {
            vm.expectRevert(IRoundRobinOperatorManager.InMaintenance.selector);
            turns.operator();
            return;
        }
        address found = turns.operator();
        assertEq(found, pick(slot, claimedNow, lastBefore), "operator");
        if (!seen[slot]) (seen[slot], selected[slot]) = (true, found);
        assertEq(found, selected[slot], "one slot, one operator");
    }

    function compareSlot() private view {
        (uint64 index, uint64 first, uint64 end, uint32 blocks) = turns.slotInfo();
        assertEq(index, slot, "slot");
        assertEq(first, firstBlock, "first block");
        assertEq(end, maintenance ? type(uint64).max : nextSlotBlock - 1, "last block");
        assertEq(blocks, size, "size");
    }

    function compareClaims() private view {
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current, bits(claimedNow), "claims for this slot");
        assertEq(next, bits(claimedNext), "claims for the next");
        assertEq(turns.forecast(), pick(slot + 1, claimedNext, last), "forecast");
    }

    /// @dev The first from (S-1) mod N, cyclically, that claimed; else whoever had claimed last.
    function pick(uint64 of_, address[] storage claimed, address fallback_)
        private
        view
        returns (address)
    {
        if (of_ == 0) return address(0);
        for (uint256 i = 0; i < list.length; ++i) {
            address candidate = list[(of_ - 1 + i) % list.length];
            if (contains(claimed, candidate)) return candidate;
        }
        return fallback_;
    }

    function bits(address[] storage claimed) private view returns (uint256 bitmap) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (contains(claimed, list[i])) bitmap |= uint256(1) << i;
        }
    }

    function contains(address[] storage accounts, address account) private view returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    /// @dev The last takes the vacant place.
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
