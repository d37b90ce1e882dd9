// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MutableOperatorManager} from "../../src/managers/MutableOperatorManager.sol";
import {OperatorRegistry} from "../../src/managers/OperatorRegistry.sol";
import {Artifacts} from "../base/Artifacts.sol";

/// @title Attacks on the record of who was an operator when
contract RegistryAttacksTest is Artifacts {
    address private constant ONE = address(0x1111);
    address private constant OTHER = address(0x2222);
    MutableOperatorManager private manager;

    function setUp() public {
        vm.roll(1000);
        bytes memory arguments = abi.encode(address(this), ONE, "one", "e");
        manager = MutableOperatorManager(deployArtifact("MutableOperatorManager", arguments));
    }

    /// @dev Terms of ONE begin at `from`, last ten blocks, and come every twenty.
    function turnOver(uint256 from, uint256 times) private {
        for (uint256 i = 0; i < times; ++i) {
            vm.roll(from + 20 * i);
            manager.setOperator(ONE, "one", "e");
            vm.roll(from + 20 * i + 10);
            manager.setOperator(OTHER, "other", "e");
        }
    }

    /// @dev A colluding owner turns operators over and over, so that nobody can afford to show what
    /// one of them signed before: the question must stay cheap.
    function test_attack_termsWithoutEndAgainstEvidence() public {
        vm.roll(1010);
        manager.setOperator(OTHER, "other", "e");
        turnOver(2000, 300);
        manager.wasOperator(ONE, 1000, 1063);
        uint256 cost = vm.lastCallGas().gasTotalUsed;
        assertTrue(manager.wasOperator(ONE, 1000, 1063), "it was, long before");
        assertLt(cost, 40_000, "ten steps, not three hundred");
    }

    /// @dev Every term and every gap between terms, at its first and its last block.
    function test_attack_signaturesBetweenTerms() public {
        manager.setOperator(OTHER, "other", "e");
        turnOver(2000, 9);
        for (uint64 i = 0; i < 9; ++i) {
            uint64 from = 2000 + 20 * i;
            assertTrue(manager.wasOperator(ONE, from, from), "first block");
            assertTrue(manager.wasOperator(ONE, from + 10, from + 10), "last block");
            assertTrue(manager.wasOperator(ONE, 1500, from), "and before");
            assertTrue(manager.wasOperator(ONE, from + 10, 9000), "and after");
            assertFalse(manager.wasOperator(ONE, from + 11, from + 19), "between terms");
        }
        assertTrue(manager.wasOperator(ONE, 1000, 1000), "one block, of which it was removed");
        assertFalse(manager.wasOperator(ONE, 1001, 1999), "the first gap");
        assertFalse(manager.wasOperator(ONE, 0, 999), "before the first");
        assertFalse(manager.wasOperator(ONE, 2171, type(uint64).max), "after the last");
        assertTrue(manager.wasOperator(OTHER, 2171, type(uint64).max), "for ever");
        assertFalse(manager.wasOperator(address(0), 0, type(uint64).max), "nobody");
    }

    /// @dev Whoever was approved in a round may have signed in it, removed and back in one block too.
    function test_attack_removedAndBackInOneBlock() public {
        vm.roll(1500);
        manager.setOperator(OTHER, "other", "e");
        manager.setOperator(ONE, "one", "e");
        assertTrue(manager.isRegistered(ONE), "back");
        assertTrue(manager.wasOperator(ONE, 1400, 1499), "before");
        assertTrue(manager.wasOperator(ONE, 1501, 1600), "after");
        assertTrue(manager.wasOperator(OTHER, 1500, 1500), "for one block");
        assertFalse(manager.wasOperator(OTHER, 1501, 1600), "and no longer");
        vm.expectRevert(OperatorRegistry.ZeroOperator.selector);
        manager.setOperator(address(0), "nobody", "e");
    }
}
