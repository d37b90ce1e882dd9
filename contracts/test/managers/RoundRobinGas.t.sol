// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Artifacts} from "../base/Artifacts.sol";

/// @title What claims and turns cost, kept in `gas/` beside what the reference costs
/// @notice Claims are whole transactions, with 21,000 and calldata; `operator()` is the call alone.
/// Figures of the reference are those of zkBob's RoundRobin.sol without its console.log calls, the
/// lower end where they vary. Its list has 10 operators where nothing is said.
contract RoundRobinGasTest is Artifacts {
    string private constant GROUP = "RoundRobinOperatorManager";
    /// @dev 21,000 and four bytes of calldata, none of them zero.
    uint256 private constant TRANSACTION = 21_000 + 4 * 16;
    uint256 private constant START = 5000;

    IRoundRobinOperatorManager private turns;
    uint256 private constant SLOT_BLOCKS = 10;

    function list(uint160 operators) private {
        vm.roll(START);
        turns = deployTurns(address(this), uint32(SLOT_BLOCKS), 10);
        turns.setMaintenance(true);
        for (uint160 i = 0; i < operators; ++i) {
            turns.addOperator("x", account(i), "y");
        }
        turns.setMaintenance(false);
    }

    function account(uint160 index) private pure returns (address) {
        return address(0x2000 + index);
    }

    function toSlot(uint256 slot) private {
        vm.roll(START + slot * SLOT_BLOCKS);
    }

    /// @dev `referenceCost` zero: the reference has no such figure.
    function keep(string memory row, uint256 ours, uint256 referenceCost) private {
        vm.snapshotValue(GROUP, row, ours);
        if (referenceCost == 0) return;
        vm.snapshotValue(GROUP, string.concat(row, " (reference)"), referenceCost);
        assertLt(ours, referenceCost, row);
    }

    /// @dev What a transaction with nothing but `claim()` costs.
    function claimCost(uint160 index) private returns (uint256) {
        vm.cool(address(turns));
        vm.prank(account(index));
        turns.claim();
        return uint256(vm.lastCallGas().gasTotalUsed) + TRANSACTION;
    }

    function operatorCost(address expected) private returns (uint256) {
        vm.cool(address(turns));
        address found = turns.operator();
        uint256 cost = vm.lastCallGas().gasTotalUsed;
        assertEq(found, expected, "operator");
        return cost;
    }

    // ------------------------------------------------------------------ rows

    function test_gas_claim() public {
        list(10);
        keep("claim, first ever", claimCost(3), 55_149);
        keep("claim, first of another operator", claimCost(7), 55_149);
        toSlot(1);
        claimCost(3);
        toSlot(2);
        keep("claim, steady", claimCost(3), 38_478);
        keep("claim, repeated", claimCost(3), 32_878);
        toSlot(9);
        keep("claim, after idle slots", claimCost(3), 38_478);
    }

    /// @dev Not a gas more for 88 operators than for one.
    function test_gas_claim_flat() public {
        uint256[3] memory one = claimsAmong(1);
        uint256[3] memory all = claimsAmong(88);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(all[i], one[i], "flat");
        }
        keep("claim, steady, 88 operators", all[1], 0);
    }

    function claimsAmong(uint160 operators) private returns (uint256[3] memory costs) {
        list(operators);
        costs[0] = claimCost(operators - 1);
        toSlot(1);
        costs[1] = claimCost(operators - 1);
        costs[2] = claimCost(operators - 1);
    }

    function test_gas_operator_firstCandidate() public {
        list(10);
        claimCost(0);
        toSlot(1);
        keep("operator, first candidate", operatorCost(account(0)), 12_659);
    }

    function test_gas_operator_fallback10() public {
        keep("operator, fallback, 10 operators", fallbackAmong(10), 58_682);
    }

    function test_gas_operator_fallback50() public {
        keep("operator, fallback, 50 operators", fallbackAmong(50), 253_682);
    }

    function test_gas_operator_fallbackFlat() public {
        uint256 all = fallbackAmong(88);
        assertEq(all, fallbackAmong(1), "flat");
        keep("operator, fallback, 88 operators", all, 0);
    }

    function fallbackAmong(uint160 operators) private returns (uint256) {
        list(operators);
        claimCost(operators - 1);
        toSlot(5);
        return operatorCost(account(operators - 1));
    }

    /// @dev The farthest candidate there is: the search wraps round past all others.
    function test_gas_operator_farthestCandidateFlat() public {
        uint256 few = farthestAmong(2);
        uint256 all = farthestAmong(88);
        // Where the search goes round it takes one branch more, whatever the distance.
        assertEq(all, few, "flat");
        keep("operator, farthest candidate, 88 operators", all, 0);
    }

    function farthestAmong(uint160 operators) private returns (uint256) {
        list(operators);
        toSlot(1);
        claimCost(0);
        toSlot(2);
        return operatorCost(account(0));
    }
}
