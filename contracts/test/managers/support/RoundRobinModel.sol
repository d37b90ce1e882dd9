// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Artifacts} from "../../base/Artifacts.sol";

/// @title A manager beside a plain model of it
/// @notice The model is lists and loops, nothing packed: docs/protocol.md section 8 read aloud.
abstract contract RoundRobinModel is Artifacts {
    IRoundRobinOperatorManager internal turns;
    address[] internal list;
    /// Kept here: the optimizer takes block.number for a constant of the transaction.
    uint256 internal number;
    uint64 internal slot;
    uint256 internal firstBlock;
    uint256 internal nextSlotBlock;
    uint32 internal size;
    bool internal maintenance;
    address[] internal claimedNow;
    address[] internal claimedNext;
    address internal lastBefore;
    address internal last;
    mapping(address account => bool) internal known;
    /// What `operator()` said first in a slot: it may say nothing else in it.
    mapping(uint64 slot => bool) internal seen;
    mapping(uint64 slot => address) internal selected;

    function begin(uint32 genesisBlocks, uint32 slotBlocks) internal {
        number = 100;
        vm.roll(number);
        turns = deployTurns(address(this), genesisBlocks, slotBlocks);
        firstBlock = number;
        nextSlotBlock = number + genesisBlocks;
        size = slotBlocks;
    }

    // ------------------------------------------------------------------ steps

    function act(uint8 what, address account, uint256 more) internal {
        if (what <= 2) return tick(1 + uint256(what) * 3 + more * 5);
        if (what <= 4) return claim(account);
        if (what == 5) return changeList(account);
        if (what == 6) return toggle();
        if (!maintenance) return claim(account);
        setSize(uint32(1 + more * 4));
    }

    function tick(uint256 blocks) internal {
        for (uint256 i = 0; i < blocks; ++i) {
            vm.roll(++number);
            if (!maintenance && number == nextSlotBlock) beginSlot();
            compare();
        }
    }

    function beginSlot() internal {
        ++slot;
        firstBlock = number;
        nextSlotBlock = number + size;
        claimedNow = claimedNext;
        delete claimedNext;
        lastBefore = last;
    }

    function claim(address account) internal {
        if (!known[account] || maintenance) return;
        vm.prank(account);
        turns.claim();
        if (contains(claimedNext, account)) return;
        claimedNext.push(account);
        last = account;
    }

    function setSize(uint32 blocks) internal {
        turns.setSlotSize(blocks);
        size = blocks;
    }

    function changeList(address account) internal {
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

    function toggle() internal {
        maintenance = !maintenance;
        turns.setMaintenance(maintenance);
        // Leaving opens the next slot; a Genesis slot that still runs goes on.
        if (!maintenance && (slot > 0 || number >= nextSlotBlock)) beginSlot();
    }

    // ------------------------------------------------------------------ the model's answers

    function compare() internal {
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

    function compareSlot() internal view {
        (uint64 index, uint64 first, uint64 end, uint32 blocks) = turns.slotInfo();
        assertEq(index, slot, "slot");
        assertEq(first, firstBlock, "first block");
        assertEq(end, maintenance ? type(uint64).max : nextSlotBlock - 1, "last block");
        assertEq(blocks, size, "size");
    }

    function compareClaims() internal view {
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current, bits(claimedNow), "claims for this slot");
        assertEq(next, bits(claimedNext), "claims for the next");
        assertEq(turns.forecast(), pick(slot + 1, claimedNext, last), "forecast");
    }

    /// @dev The first from (S-1) mod N, cyclically, that claimed; else whoever had claimed last.
    function pick(uint64 of_, address[] storage claimed, address fallback_)
        internal
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

    function bits(address[] storage claimed) internal view returns (uint256 bitmap) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (contains(claimed, list[i])) bitmap |= uint256(1) << i;
        }
    }

    function contains(address[] storage accounts, address account) internal view returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    /// @dev The last takes the vacant place.
    function remove(address[] storage accounts, address account) internal {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) {
                accounts[i] = accounts[accounts.length - 1];
                accounts.pop();
                return;
            }
        }
    }
}
