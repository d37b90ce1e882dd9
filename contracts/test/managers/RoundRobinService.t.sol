// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {OperatorRegistry} from "../../src/managers/OperatorRegistry.sol";
import {RoundRobinTest} from "./support/RoundRobinTest.sol";

/// @title Maintenance, the list, the slot size, the quorum, and who may change them
contract RoundRobinServiceTest is RoundRobinTest {
    function long(uint256 bytes_) private pure returns (string memory) {
        return string(new bytes(bytes_));
    }

    // ------------------------------------------------------------------ deployment

    function test_deploy_begins() public {
        vm.expectEmit();
        emit IRoundRobinOperatorManager.SlotSizeSet(7);
        vm.expectEmit();
        emit IRoundRobinOperatorManager.CommitQuorumSet(1);
        turns = deployTurns(RL1, 5, 7);
        assertEq(ownershipOf(address(turns)).owner(), RL1, "owner");
        assertEq(turns.count(), 0, "empty list");
        assertEq(turns.commitQuorum(), 1, "quorum");
        assertFalse(turns.inMaintenance(), "running");
        assertOperator(NOBODY, "nobody");
        assertEq(turns.forecast(), NOBODY, "nobody next");
        (uint64 index, uint64 first, uint64 last, uint32 size) = turns.slotInfo();
        assertEq(index, 0, "Genesis");
        assertEq(first, START, "from this block");
        assertEq(last, START + 4, "five blocks");
        assertEq(size, 7, "size of later slots");
    }

    function test_deploy_refusesZeroSizesAndNoOwner() public {
        vm.expectRevert(IRoundRobinOperatorManager.ZeroSlotSize.selector);
        this.deploy(address(this), 0, 120);
        vm.expectRevert(IRoundRobinOperatorManager.ZeroSlotSize.selector);
        this.deploy(address(this), 1000, 0);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, NOBODY));
        this.deploy(NOBODY, 1000, 120);
    }

    function deploy(address owner, uint32 genesisBlocks, uint32 slotBlocks) external {
        deployTurns(owner, genesisBlocks, slotBlocks);
    }

    function test_deploy_largestSizesDoNotOverflow() public {
        uint32 most = type(uint32).max;
        turns = deployTurns(address(this), most, most);
        vm.roll(START + uint256(most) * 3);
        (uint64 index, uint64 first, uint64 last,) = turns.slotInfo();
        assertEq(index, 3, "slot 3");
        assertEq(first, START + uint256(most) * 3, "first block");
        assertEq(last, START + uint256(most) * 4 - 1, "last block");
    }

    function test_bytecodeFits() public view {
        assertLt(address(turns).code.length, 24_576, "EIP-170");
    }

    // ------------------------------------------------------------------ maintenance

    function test_maintenance_refusesTheValueItHas() public {
        assertUnchanged(false);
        turns.setMaintenance(true);
        assertUnchanged(true);
    }

    function assertUnchanged(bool value) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.MaintenanceUnchanged.selector, value)
        );
        turns.setMaintenance(value);
    }

    function test_maintenance_stopsTurns() public {
        claim(RL1);
        toSlot(1, 0);
        turns.setMaintenance(true);
        assertTrue(turns.inMaintenance(), "inMaintenance");
        bytes4 refused = IRoundRobinOperatorManager.InMaintenance.selector;
        vm.expectRevert(refused);
        turns.operator();
        vm.expectRevert(refused);
        turns.operatorName();
        vm.expectRevert(refused);
        turns.operatorURI();
        vm.expectRevert(refused);
        turns.amIOperator();
        vm.expectRevert(refused);
        turns.is_operator();
        vm.expectRevert(refused);
        claim(RL1);
        // Before any other reason: neither slot nor sender matters.
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        turns.claimFor(99);
    }

    function test_maintenance_keepsAnsweringTheRest() public {
        claim(RL1);
        toSlot(1, 0);
        claim(RL2);
        turns.setMaintenance(true);
        assertTrue(turns.isRegistered(RL1), "isRegistered");
        assertFalse(turns.isRegistered(STRANGER), "a stranger");
        assertTrue(turns.wasOperator(RL1, uint64(START), uint64(START)), "wasOperator");
        assertEq(turns.commitQuorum(), 1, "commitQuorum");
        assertEq(turns.count(), 3, "count");
        (address account,,) = turns.operatorAt(0);
        assertEq(account, RL1, "operatorAt");
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current, 1, "claims for this slot");
        assertEq(next, 2, "claims for the next");
        assertEq(turns.forecast(), RL2, "forecast");
    }

    function test_maintenance_freezesTheClock() public {
        toSlot(3, 50);
        turns.setMaintenance(true);
        assertFrozenAt(3, firstBlockOf(3));
        toSlot(3, 119);
        assertFrozenAt(3, firstBlockOf(3));
        toSlot(4, 0);
        assertFrozenAt(3, firstBlockOf(3));
        toSlot(400, 1);
        assertFrozenAt(3, firstBlockOf(3));
        turns.setMaintenance(false);
        (uint64 index, uint64 first, uint64 last,) = turns.slotInfo();
        assertEq(index, 4, "the next slot opens");
        assertEq(first, firstBlockOf(400) + 1, "in this block");
        assertEq(last, firstBlockOf(400) + 120, "with its full length");
        vm.roll(last);
        assertEq(slotIndex(), 4, "to its last block");
        vm.roll(last + 1);
        assertEq(slotIndex(), 5, "then the next");
    }

    function assertFrozenAt(uint64 slot, uint256 firstBlock) private view {
        (uint64 index, uint64 first, uint64 last,) = turns.slotInfo();
        assertEq(index, slot, "stands still");
        assertEq(first, firstBlock, "began when it began");
        assertEq(last, type(uint64).max, "no end yet");
    }

    /// @dev Entered in the last block of slot 3 or in the first of slot 4: one block decides.
    function test_maintenance_atBoundaryBlocks() public {
        uint256 state = vm.snapshotState();
        toSlot(3, 119);
        turns.setMaintenance(true);
        toSlot(4, 0);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 4, "from 3 to 4");
        vm.revertToState(state);
        toSlot(4, 0);
        turns.setMaintenance(true);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 5, "from 4 to 5, within one block");
        turns.setMaintenance(true);
        turns.setMaintenance(false);
        assertEq(slotIndex(), 6, "and again");
    }

    function test_maintenance_opensTheNextSlotWithItsClaims() public {
        toSlot(3, 0);
        claim(RL2);
        turns.setMaintenance(true);
        toSlot(9, 77);
        turns.setMaintenance(false);
        assertOperator(RL2, "claimed in 3 for 4");
        claim(RL3);
        vm.roll(firstBlockOf(9) + 77 + 119);
        assertOperator(RL2, "all of slot 4");
        vm.roll(firstBlockOf(9) + 77 + 120);
        assertOperator(RL3, "slot 5");
    }

    function test_maintenance_withinGenesisChangesNoSlot() public {
        toSlot(0, 10);
        claim(RL1);
        turns.setMaintenance(true);
        assertFrozenAt(0, START);
        toSlot(0, 999);
        turns.setMaintenance(false);
        (uint64 index, uint64 first, uint64 last,) = turns.slotInfo();
        assertEq(index, 0, "Genesis goes on");
        assertEq(first, START, "from the deployment");
        assertEq(last, START + 999, "to its last block");
        assertSlotOperator(1, RL1, "slot 1 begins where it was to begin");
    }

    function test_maintenance_beyondGenesisOpensSlotOne() public {
        claim(RL1);
        turns.setMaintenance(true);
        toSlot(1, 0);
        assertFrozenAt(0, START);
        uint256 state = vm.snapshotState();
        turns.setMaintenance(false);
        assertEq(slotIndex(), 1, "in the first block after Genesis");
        assertOperator(RL1, "with the claims sent in Genesis");
        vm.revertToState(state);
        toSlot(30, 5);
        turns.setMaintenance(false);
        (uint64 index, uint64 first, uint64 last,) = turns.slotInfo();
        assertEq(index, 1, "or long after");
        assertEq(first, firstBlockOf(30) + 5, "first block");
        assertEq(last, firstBlockOf(30) + 124, "last block");
        assertOperator(RL1, "with the claims sent in Genesis");
    }

    function test_maintenance_emits() public {
        toSlot(2, 0);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.MaintenanceSet(true, 2);
        turns.setMaintenance(true);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.MaintenanceSet(false, 3);
        turns.setMaintenance(false);
    }

    // ------------------------------------------------------------------ the slot size

    function test_setSlotSize() public {
        toSlot(2, 100);
        turns.setMaintenance(true);
        vm.expectRevert(IRoundRobinOperatorManager.ZeroSlotSize.selector);
        turns.setSlotSize(0);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.SlotSizeSet(1);
        turns.setSlotSize(1);
        // What stands still began before: its first block does not depend on the new size.
        assertFrozenAt(2, firstBlockOf(2));
        turns.setSlotSize(type(uint32).max);
        assertFrozenAt(2, firstBlockOf(2));
        turns.setSlotSize(1);
        turns.setMaintenance(false);
        for (uint64 slot = 3; slot < 9; ++slot) {
            vm.roll(firstBlockOf(2) + 100 + slot - 3);
            (uint64 index, uint64 first, uint64 last, uint32 size) = turns.slotInfo();
            assertEq(index, slot, "one block, one slot");
            assertEq(first, last, "first is last");
            assertEq(size, 1, "size");
        }
    }

    function test_setSlotSize_inGenesisKeepsGenesis() public {
        turns.setMaintenance(true);
        turns.setSlotSize(10);
        turns.setMaintenance(false);
        toSlot(0, 999);
        assertEq(slotIndex(), 0, "1000 blocks still");
        toSlot(1, 0);
        assertEq(slotIndex(), 1, "then slots of ten");
        toSlot(1, 10);
        assertEq(slotIndex(), 2, "ten later");
    }

    // ------------------------------------------------------------------ the list

    function test_addOperator() public {
        turns.setMaintenance(true);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.OperatorAdded(STRANGER, 3, "n", "e");
        turns.addOperator("n", STRANGER, "e");
        assertEq(turns.count(), 4, "count");
        assertTrue(turns.isRegistered(STRANGER), "at once");
        (address account, string memory name, string memory endpoint) = turns.operatorAt(3);
        assertEq(account, STRANGER, "account");
        assertEq(name, "n", "name");
        assertEq(endpoint, "e", "endpoint");
    }

    function test_addOperator_refusesDuplicatesAndZero() public {
        turns.setMaintenance(true);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.AlreadyRegistered.selector, RL1));
        turns.addOperator("n", RL1, "e");
        vm.expectRevert(OperatorRegistry.ZeroOperator.selector);
        turns.addOperator("n", NOBODY, "e");
        assertEq(turns.count(), 3, "unchanged");
    }

    function test_addOperator_labelsAtTheirLimits() public {
        turns.setMaintenance(true);
        assertBadLabel(0, 1);
        assertBadLabel(1, 0);
        assertBadLabel(65, 1);
        assertBadLabel(1, 257);
        turns.addOperator(long(64), address(0x77), long(256));
        turns.addOperator(long(1), address(0x78), long(1));
        (, string memory name, string memory endpoint) = turns.operatorAt(3);
        assertEq(bytes(name).length, 64, "name");
        assertEq(bytes(endpoint).length, 256, "endpoint");
    }

    function assertBadLabel(uint256 nameBytes, uint256 endpointBytes) private {
        vm.expectRevert(
            abi.encodeWithSelector(OperatorRegistry.BadLabel.selector, nameBytes, endpointBytes)
        );
        turns.addOperator(long(nameBytes), STRANGER, long(endpointBytes));
    }

    function test_removeOperator_theLastTakesTheVacantPlace() public {
        turns.setMaintenance(true);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.OperatorRemoved(RL1, 0, RL3);
        turns.removeOperator(RL1);
        (address account, string memory name, string memory endpoint) = turns.operatorAt(0);
        assertEq(account, RL3, "account");
        assertEq(name, "RL-3", "name");
        assertEq(endpoint, "https://three", "endpoint");
        (account,,) = turns.operatorAt(1);
        assertEq(account, RL2, "the others stay");
        assertEq(turns.count(), 2, "count");
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.NoSuchOperator.selector, 2)
        );
        turns.operatorAt(2);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.OperatorRemoved(RL2, 1, NOBODY);
        turns.removeOperator(RL2);
    }

    function test_removeOperator_refusesStrangersAndTwice() public {
        turns.setMaintenance(true);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, STRANGER));
        turns.removeOperator(STRANGER);
        turns.removeOperator(RL1);
        vm.expectRevert(abi.encodeWithSelector(OperatorRegistry.NotRegistered.selector, RL1));
        turns.removeOperator(RL1);
    }

    /// @dev The reference cannot remove the only operator, and doubles it when it comes back.
    function test_removeOperator_theOnlyOne() public {
        claim(RL1);
        turns.setMaintenance(true);
        turns.removeOperator(RL3);
        turns.removeOperator(RL2);
        turns.removeOperator(RL1);
        assertEq(turns.count(), 0, "empty");
        (uint256 current, uint256 next) = turns.claims();
        assertEq(current | next, 0, "no claims left");
        assertEq(turns.forecast(), NOBODY, "nobody next");
        turns.setMaintenance(false);
        toSlot(1, 0);
        assertOperator(NOBODY, "an empty list");
        turns.setMaintenance(true);
        turns.addOperator("again", RL1, "e");
        assertEq(turns.count(), 1, "once");
        turns.setMaintenance(false);
        assertOperator(NOBODY, "its old claim is gone");
        claim(RL1);
        vm.roll(firstBlockOf(2));
        assertOperator(RL1, "it claims as before");
    }

    function test_wasOperator_keepsEveryTerm() public {
        vm.roll(START + 100);
        removed(RL1);
        vm.roll(START + 200);
        turns.setMaintenance(true);
        turns.addOperator("RL-1", RL1, "https://one");
        assertTerm(START + 100, START + 199, true);
        assertTerm(START + 101, START + 199, false);
        assertTerm(START + 101, START + 200, true);
        assertTerm(0, START - 1, false);
        assertTerm(0, START, true);
    }

    function assertTerm(uint256 from, uint256 to, bool expected) private view {
        assertEq(turns.wasOperator(RL1, uint64(from), uint64(to)), expected, "term");
    }

    // ------------------------------------------------------------------ the quorum

    function test_setCommitQuorum() public {
        turns.setMaintenance(true);
        assertBadQuorum(0, 3);
        assertBadQuorum(4, 3);
        assertBadQuorum(257, 3);
        assertBadQuorum(type(uint256).max, 3);
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.CommitQuorumSet(3);
        turns.setCommitQuorum(3);
        assertEq(turns.commitQuorum(), 3, "quorum");
    }

    function assertBadQuorum(uint256 quorum, uint256 operators) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRoundRobinOperatorManager.BadQuorum.selector, quorum, operators)
        );
        turns.setCommitQuorum(quorum);
    }

    function test_commitQuorum_fallsWithTheListButNeverBelowOne() public {
        turns.setMaintenance(true);
        turns.setCommitQuorum(2);
        turns.removeOperator(RL1);
        assertEq(turns.commitQuorum(), 2, "two of two");
        vm.expectEmit(address(turns));
        emit IRoundRobinOperatorManager.CommitQuorumSet(1);
        turns.removeOperator(RL2);
        assertEq(turns.commitQuorum(), 1, "one of one");
        turns.removeOperator(RL3);
        assertEq(turns.commitQuorum(), 1, "never zero");
        assertBadQuorum(1, 0);
        turns.addOperator("x", RL1, "y");
        turns.addOperator("x", RL2, "y");
        assertEq(turns.commitQuorum(), 1, "and does not rise by itself");
    }

    // ------------------------------------------------------------------ who and when

    function test_onlyInMaintenance() public {
        bytes4 refused = IRoundRobinOperatorManager.NotInMaintenance.selector;
        vm.expectRevert(refused);
        turns.addOperator("n", STRANGER, "e");
        vm.expectRevert(refused);
        turns.removeOperator(RL1);
        vm.expectRevert(refused);
        turns.setSlotSize(1);
        vm.expectRevert(refused);
        turns.setCommitQuorum(1);
    }

    function test_onlyOwner() public {
        assertOnlyOwner(abi.encodeCall(turns.setMaintenance, (true)));
        turns.setMaintenance(true);
        assertOnlyOwner(abi.encodeCall(turns.setMaintenance, (false)));
        assertOnlyOwner(abi.encodeCall(turns.addOperator, ("n", STRANGER, "e")));
        assertOnlyOwner(abi.encodeCall(turns.removeOperator, (RL1)));
        assertOnlyOwner(abi.encodeCall(turns.setSlotSize, (1)));
        assertOnlyOwner(abi.encodeCall(turns.setCommitQuorum, (1)));
        assertOnlyOwner(abi.encodeCall(Ownable.transferOwnership, (RL1)));
    }

    /// @dev An operator is no owner either.
    function assertOnlyOwner(bytes memory data) private {
        vm.prank(RL1);
        (bool done, bytes memory reason) = address(turns).call(data);
        assertFalse(done, "refused");
        assertEq(
            reason,
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, RL1),
            "not the owner"
        );
    }
}
