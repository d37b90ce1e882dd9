// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {MutableOperatorManager} from "../../src/managers/MutableOperatorManager.sol";
import {Root, Signature} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title The last quarter of a window: any approved operator may act, and nobody else
/// @notice Under managers as they are deployed.
contract RescueWindowTest is MediatorTest {
    function commitBy(address sender) private {
        Root[] memory roots = honestRoots();
        vm.prank(sender);
        mediator.commit(roots, new Signature[](0));
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
}
