// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Mediator} from "../../src/Mediator.sol";
import {Root, Signature} from "../../src/types/Types.sol";
import {Harness} from "./Harness.sol";

/// @title The halt is a function of block and storage, whoever looks and whenever
contract HaltTest is Harness {
    function test_haltsAtTheFirstBlockOfQuarterOneWithoutACommit() public {
        vm.roll(genesis + ROUND + QUARTER - 1);
        assertTrue(!mediator.halted(), "last block of quarter 0 is in time");
        vm.roll(genesis + ROUND + QUARTER);
        assertTrue(mediator.halted(), "first block of quarter 1 is too late");
        assertEq(mediator.currentRound(), 1);
        assertEq(mediator.currentQuarter(), 1);
    }

    /// @dev However many rounds pass unnoticed, the round of the halt stays what it was.
    function testFuzz_noticingLateMovesNothing(uint64 commits, uint32 silence) public {
        commits %= 6;
        for (uint64 round = 1; round <= commits; ++round) {
            commit(round, [uint128(0), 0, 0, 0]);
        }
        uint64 boundary = genesis + (commits + 1) * ROUND + QUARTER;
        assertEq(mediator.haltBlock(), boundary);
        vm.roll(uint256(boundary) + silence);
        assertTrue(mediator.halted(), "halted for ever");
        assertEq(mediator.currentRound(), commits + 1);
        expectHalted(commits + 1);
        mediator.deposit(address(weth), 1);
    }

    function testFuzz_isTheModelAtEveryBlock(uint64 commits, uint64 at) public {
        commits %= 5;
        for (uint64 round = 1; round <= commits; ++round) {
            commit(round, [uint128(0), 0, 0, 0]);
        }
        uint64 from = commits == 0 ? genesis : genesis + commits * ROUND;
        uint64 number = from + at % (6 * ROUND);
        vm.roll(number);
        // The model: rounds, one by one, until one lacks its commit at the end of quarter 0.
        bool expected = number >= genesis + (commits + 1) * ROUND + QUARTER;
        assertTrue(mediator.halted() == expected, "halted() is the model");
    }

    function test_withoutTokensNothingIsOwed() public {
        setUpWithoutTokens();
        rollTo(9, 3);
        assertTrue(!mediator.halted(), "no duty, no halt");
        mediator.listToken(address(weth));
        rollTo(10, 0);
        assertTrue(!mediator.halted(), "first committed in the round after the listing");
        rollTo(10, 1);
        assertTrue(mediator.halted(), "and owed from then on");
    }

    function test_mediatorFitsTheCodeSizeLimit() public view {
        assertTrue(address(mediator).code.length <= 24_576, "EIP-170");
    }

    function test_allTokensMustBeCommitted() public {
        rollTo(1, 0);
        oneRoot();
        rollTo(1, 1);
        assertTrue(mediator.halted(), "one of two is not enough");
    }

    function oneRoot() private {
        Root[] memory roots = new Root[](1);
        roots[0] = rootOf(weth, 0, 0);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    function setUpWithoutTokens() private {
        mediator = new Mediator(manager, ROUND, 0, address(this));
        genesis = mediator.genesisBlock();
    }
}
