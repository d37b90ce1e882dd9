// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RoundRobinModel} from "./support/RoundRobinModel.sol";

/// @title The manager equals a plain model in every history of a small universe
/// @notice No sampling: three accounts that may be operators, slots of one or two blocks, and after
/// each of the beginnings below every sequence of steps up to the depth, each step compared. A step
/// is a block, a claim, a way in or out of maintenance, and in maintenance an operator added or
/// removed, or the other slot size. docs/security.md says what is proven.
contract RoundRobinExhaustiveTest is RoundRobinModel {
    uint256 private constant ACCOUNTS = 3;
    /// @dev Room for a claim, the slot that it is for, the one after that, and what comes between.
    uint256 private constant DEPTH = 5;

    function setUp() public {
        begin(2, 1);
        toggle();
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            changeList(account(i));
        }
    }

    /// @dev In maintenance, within Genesis.
    function test_everyHistoryFromGenesis() public {
        assertEq(everything(DEPTH), 6477, "histories");
    }

    /// @dev In slot 2, claimed for by one operator of three; the next is claimed for by another.
    function test_everyHistoryFromASlotWithClaims() public {
        toggle();
        tick(2);
        claim(account(1));
        tick(1);
        claim(account(2));
        assertEq(everything(DEPTH), 4172, "histories");
    }

    /// @dev As before, with one operator of whom nobody knows whether it comes back.
    function test_everyHistoryFromASlotWithoutTheFallback() public {
        toggle();
        tick(2);
        claim(account(0));
        tick(2);
        toggle();
        changeList(account(0));
        assertEq(everything(DEPTH), 6477, "histories");
    }

    /// @dev Gas is no limit here.
    function everything(uint256 steps) private returns (uint256) {
        vm.pauseGasMetering();
        return explore(steps);
    }

    /// @dev How many sequences of `steps` there are from here. Each is undone.
    function explore(uint256 steps) private returns (uint256 count) {
        compare();
        if (steps == 0) return 1;
        uint256 choices = maintenance ? 3 + ACCOUNTS : 2 + ACCOUNTS;
        for (uint256 choice = 0; choice < choices; ++choice) {
            uint256 here = vm.snapshotState();
            step(choice);
            count += explore(steps - 1);
            vm.revertToStateAndDelete(here);
        }
    }

    function step(uint256 choice) private {
        if (choice == 0) return tick(1);
        if (choice == 1) return toggle();
        if (choice < 2 + ACCOUNTS) {
            address which = account(choice - 2);
            return maintenance ? changeList(which) : claim(which);
        }
        setSize(size == 1 ? 2 : 1);
    }

    function account(uint256 index) private pure returns (address) {
        return address(uint160(0x3000 + index));
    }
}
