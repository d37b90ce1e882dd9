// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DishonestWorld} from "./support/DishonestWorld.sol";
import {Laws} from "./support/Laws.sol";

/// @title Laws (a), (b), (d), (e) where everybody but two clients plots with the operator
contract DishonestOperatorTest is Laws {
    function setUp() public {
        build(type(DishonestWorld).name);
    }

    /// forge-config: deep.invariant.runs = 200
    /// forge-config: deep.invariant.depth = 150
    function invariant_dishonestOperator() public {
        world.check();
    }

    /// @dev A history ends with its halt, so several of them show everything.
    function test_dishonestHistoriesHaveEverything() public {
        string[21] memory deeds = [
            "trade",
            "request",
            "confirm",
            "redirect",
            "void",
            "commit",
            "dispute without need",
            "dispute in need",
            "trick refused",
            "closed",
            "closed overdone",
            "forgotten",
            "request stands",
            "commit refused",
            "forged",
            "halted",
            "recover balance",
            "recover deposits",
            "request with statements",
            "closed with a statement",
            "request stands against statements"
        ];
        uint256[21] memory done;
        for (uint256 seed = 0; seed < 30; ++seed) {
            uint256 start = vm.snapshotState();
            playOn(90, seed);
            world.finish(seed);
            for (uint256 i = 0; i < deeds.length; ++i) {
                done[i] += world.did(deeds[i]);
            }
            vm.revertToState(start);
        }
        for (uint256 i = 0; i < deeds.length; ++i) {
            assertGt(done[i], 0, string.concat("never happened: ", deeds[i]));
        }
    }
}
