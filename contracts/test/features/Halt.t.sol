// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Root, Signature} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title The halt is a function of block and storage, whoever looks and whenever
contract HaltTest is MediatorTest {
    function test_haltsAtTheFirstBlockOfQuarterOneWithoutACommit() public {
        vm.roll(firstBlock(1, 1) - 1);
        assertFalse(mediator.halted(), "last block of quarter 0 is in time");
        vm.roll(firstBlock(1, 1));
        assertTrue(mediator.halted(), "first block of quarter 1 is too late");
        assertEq(mediator.currentRound(), 1);
        assertEq(mediator.currentQuarter(), 1);
    }

    /// @dev However many rounds pass unnoticed, the round of the halt stays what it was.
    function testFuzz_noticingLateMovesNothing(uint64 commits, uint32 silence) public {
        commits %= 6;
        honestlyTo(commits);
        uint256 boundary = firstBlock(commits + 1, 1);
        assertEq(mediator.haltBlock(), boundary);
        vm.roll(boundary + silence);
        assertTrue(mediator.halted(), "halted for ever");
        assertEq(mediator.currentRound(), commits + 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.Halted.selector, commits + 1));
        mediator.deposit(address(tokens[0]), 1);
    }

    function testFuzz_isTheModelAtEveryBlock(uint64 commits, uint64 at) public {
        commits %= 5;
        honestlyTo(commits);
        uint256 number = firstBlock(commits, 0) + at % (6 * roundSize());
        vm.roll(number);
        // The model: rounds, one by one, until one lacks its commit at the end of quarter 0.
        bool expected = number >= firstBlock(commits + 1, 1);
        assertEq(mediator.halted(), expected, "halted() is the model");
    }

    function test_withoutTokensNothingIsOwed() public {
        mediator = deployMediator();
        genesis = mediator.genesisBlock();
        rollTo(9, 3);
        assertFalse(mediator.halted(), "no duty, no halt");
        mediator.listToken(address(tokens[0]));
        rollTo(10, 0);
        assertFalse(mediator.halted(), "first committed in the round after the listing");
        rollTo(10, 1);
        assertTrue(mediator.halted(), "and owed from then on");
    }

    function test_allTokensMustBeCommitted() public {
        rollTo(1, 0);
        Root[] memory roots = new Root[](1);
        roots[0] = rootOf(0, balances[0]);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        rollTo(1, 1);
        assertTrue(mediator.halted(), "one of two is not enough");
    }

    function test_mediatorFitsTheCodeSizeLimit() public view {
        // EIP-170, and four kilobytes of room for a mend.
        assertLe(address(mediator).code.length, 24_576 - 4096, "room under the code size limit");
        assertLe(mediator.disputes().code.length, 24_576 - 4096, "the other half as well");
    }
}
