// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {HonestWorld} from "./support/HonestWorld.sol";
import {Laws} from "./support/Laws.sol";

/// @title Laws (a), (b), (c), (e) of an honest operator among clients who try everything
contract HonestOperatorTest is Laws {
    function setUp() public {
        build(type(HonestWorld).name);
    }

    /// forge-config: deep.invariant.runs = 100
    /// forge-config: deep.invariant.depth = 150
    function invariant_honestOperator() public {
        world.check();
    }

    /// @dev What the law above is about happens, and often enough to be about something.
    function test_honestHistoryHasEverything() public {
        playOn(250, 1);
        string[29] memory deeds = [
            "deposit",
            "list",
            "trade",
            "refill",
            "key",
            "hot order",
            "request",
            "cancel",
            "confirm",
            "redirect",
            "commit",
            "quorum",
            "dispute by proofs",
            "dispute by deposit",
            "dispute by old deposit",
            "delegate",
            "fills shown",
            "restart",
            "prove",
            "close",
            "closed with executions",
            "rescue",
            "statement",
            "statement with open orders",
            "later statement",
            "dispute with a statement",
            "covered fill shown",
            "closed with a statement",
            "cancel by statement"
        ];
        for (uint256 i = 0; i < deeds.length; ++i) {
            assertDid(deeds[i]);
        }
        assertDid("refused");
        world.finish(1);
        assertDid("recover balance");
    }
}
