// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {MutableOperatorManager} from "../../src/managers/MutableOperatorManager.sol";
import {Root, Signature} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @dev Answers `operator()` with whatever it was made with, or not at all; one account is approved.
contract GarblingManager {
    enum Garble {
        DirtyWord,
        Nothing,
        HalfAWord,
        Revert,
        BurnsAllGas,
        ThreeMegabytes
    }

    Garble private immutable _garble;
    address private immutable _approved;

    constructor(Garble garble, address approved) {
        (_garble, _approved) = (garble, approved);
    }

    function isRegistered(address account) external view returns (bool) {
        return account == _approved;
    }

    function commitQuorum() external pure returns (uint256) {
        return 1;
    }

    function operator() external view {
        (Garble garble, address approved) = (_garble, _approved);
        if (garble == Garble.Revert) revert("maintenance");
        if (garble == Garble.BurnsAllGas) {
            assembly {
                invalid()
            }
        }
        assembly {
            mstore(0, approved)
            if eq(garble, 0) { mstore(0, or(approved, shl(160, 1))) }
            let size := 0
            if eq(garble, 0) { size := 32 }
            if eq(garble, 2) { size := 31 }
            if eq(garble, 5) {
                mstore(0, or(approved, shl(161, 1)))
                size := 3000000
            }
            return(0, size)
        }
    }
}

/// @title The last quarter of a window: any approved operator may act, and nobody else
/// @notice Under managers as they are deployed.
contract RescueWindowTest is MediatorTest {
    function commitBy(address sender) private {
        Root[] memory roots = honestRoots();
        vm.prank(sender);
        // The most that one transaction may take on current Ethereum.
        mediator.commit{gas: 2 ** 24}(roots, new Signature[](0));
    }

    function refuses(address sender) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, sender));
        commitBy(sender);
    }

    function test_rescueWindowIsForApprovedOperatorsOnly() public {
        bytes memory arguments = abi.encode(address(this), operator, "operator", "http://a");
        MutableOperatorManager single =
            MutableOperatorManager(deployArtifact("MutableOperatorManager", arguments));
        redeploy(address(single));
        rollTo(1, 0);
        single.setOperator(otherOperator, "new", "http://b");
        vm.roll(firstBlock(1, 1) - 1);
        refuses(operator);
        commitBy(otherOperator);
        assertEq(mediator.committedRound(), 1);
    }

    /// @dev The manager reverts in maintenance; an approved operator commits all the same, late.
    function test_maintenanceHeldAcrossADeadlineIsBridgedByTheRescueWindow() public {
        IRoundRobinOperatorManager turns = deployTurns(address(this), 1, 1000);
        turns.setMaintenance(true);
        turns.addOperator("a", operator, "http://a");
        redeploy(address(turns));
        uint256 opens = firstBlock(1, 1) - quarterSize() / 4;
        vm.roll(opens - 1);
        refuses(operator);
        vm.roll(opens);
        commitBy(operator);
        vm.roll(firstBlock(1, 1));
        assertFalse(mediator.halted(), "saved");
    }

    /// @dev Whatever a foreign manager answers, it is nobody's turn, and the rescue window opens.
    function test_attack_managerThatAnswersNoAddress() public {
        for (uint8 i = 0; i <= uint8(type(GarblingManager.Garble).max); ++i) {
            GarblingManager garbling = new GarblingManager(GarblingManager.Garble(i), operator);
            redeploy(address(garbling));
            uint256 opens = firstBlock(1, 1) - quarterSize() / 4;
            vm.roll(opens - 1);
            refuses(operator);
            vm.roll(opens);
            refuses(otherOperator);
            commitBy(operator);
            assertEq(mediator.committedRound(), 1, vm.toString(uint256(i)));
        }
    }

    /// @dev A manager that has gone (it destroyed itself) is nobody too, without a revert of ours.
    function test_managerWithoutCodeIsNobody() public {
        rollTo(1, 0);
        vm.etch(address(manager), "");
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, operator));
        commitBy(operator);
    }
}
