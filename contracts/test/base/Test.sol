// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {InvariantTargets} from "./InvariantTargets.sol";
import {Vm} from "./Vm.sol";

/// @title What every contract test here inherits: cheatcodes, asserts, bounds, invariant targets
/// @dev Our own, since the package registry's forge-std is years old and lacks most cheatcodes.
/// A failed assert reverts with `what: found != expected`, both values shown.
abstract contract Test is InvariantTargets {
    /// @dev Where forge answers cheatcodes.
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error EmptyRange(uint256 least, uint256 most);

    /// @notice Maps any fuzzed `value` to `least..most`, both included; a value inside stays.
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        if (least > most) revert EmptyRange(least, most);
        if (value >= least && value <= most) return value;
        uint256 width = most - least + 1;
        // A full range wraps the width to 0, but then every value is inside.
        return least + value % width;
    }

    function assertTrue(bool holds, string memory what) internal pure {
        vm.assertTrue(holds, what);
    }

    function assertFalse(bool holds, string memory what) internal pure {
        vm.assertFalse(holds, what);
    }

    function assertEq(bool found, bool expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(uint256 found, uint256 expected) internal pure {
        vm.assertEq(found, expected, "uint256");
    }

    function assertEq(uint256 found, uint256 expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(int256 found, int256 expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(address found, address expected) internal pure {
        vm.assertEq(found, expected, "address");
    }

    function assertEq(address found, address expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(bytes32 found, bytes32 expected) internal pure {
        vm.assertEq(found, expected, "bytes32");
    }

    function assertEq(bytes32 found, bytes32 expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(bytes memory found, bytes memory expected, string memory what) internal pure {
        vm.assertEq(found, expected, what);
    }

    function assertEq(string memory found, string memory expected, string memory what)
        internal
        pure
    {
        vm.assertEq(found, expected, what);
    }

    function assertNotEq(uint256 found, uint256 other, string memory what) internal pure {
        vm.assertNotEq(found, other, what);
    }

    function assertNotEq(address found, address other, string memory what) internal pure {
        vm.assertNotEq(found, other, what);
    }

    function assertNotEq(bytes32 found, bytes32 other, string memory what) internal pure {
        vm.assertNotEq(found, other, what);
    }

    function assertLt(uint256 found, uint256 limit, string memory what) internal pure {
        vm.assertLt(found, limit, what);
    }

    function assertLe(uint256 found, uint256 limit, string memory what) internal pure {
        vm.assertLe(found, limit, what);
    }

    function assertGt(uint256 found, uint256 limit, string memory what) internal pure {
        vm.assertGt(found, limit, what);
    }

    function assertGe(uint256 found, uint256 limit, string memory what) internal pure {
        vm.assertGe(found, limit, what);
    }
}
