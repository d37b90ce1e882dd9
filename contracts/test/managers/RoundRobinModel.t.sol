// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RoundRobinModel} from "./support/RoundRobinModel.sol";

/// @title The manager equals a plain model at every block of random histories
/// @notice Histories claim, change list and slot size, and go in and out of maintenance, also in
/// Genesis.
contract RoundRobinModelTest is RoundRobinModel {
    uint32 private constant GENESIS_BLOCKS = 10;
    uint32 private constant SLOT_BLOCKS = 7;

    function setUp() public {
        begin(GENESIS_BLOCKS, SLOT_BLOCKS);
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
}
