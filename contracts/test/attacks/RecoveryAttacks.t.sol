// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {BalanceProof, Execution, Root, Signature, DisputeAnswer} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";
import {Trees} from "../base/Trees.sol";

/// @title Attacks on what is paid after the halt
contract RecoveryAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant MAL = 2;
    address private constant STRANGER = address(0xBAD);

    function token0() private view returns (address) {
        return address(tokens[0]);
    }

    function recoverAsStranger(uint256 client, BalanceProof memory proof) private {
        vm.prank(STRANGER);
        mediator.recoverBalance(clients[client], token0(), proof);
    }

    function refuses(bytes4 selector, uint256 client) private {
        vm.expectRevert(abi.encodeWithSelector(selector, clients[client], token0()));
    }

    function refusesCommit(uint64 round) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotCommitted.selector, token0(), round));
    }

    // ------------------------------------------------------------------ second leaves

    /// @dev Ann's own leaf is as it should be, so that no dispute of hers stays open. A second leaf
    /// of hers is worth 1 unit, Mal's. It is shown first, by the operator.
    function test_attack_strangerRecoversASmallerSecondLeafFirst() public {
        deposit(ANN, 0, 100);
        deposit(MAL, 0, 40);
        honestlyTo(1);
        address[] memory who = new address[](4);
        (who[0], who[1], who[2], who[3]) = (clients[ANN], clients[BEN], clients[MAL], clients[ANN]);
        uint128[] memory amounts = new uint128[](4);
        (amounts[0], amounts[2], amounts[3]) = (100, 39, 1);
        rollTo(2, 0);
        commitTree(who, amounts);
        rollTo(3, 0);
        commitTree(who, amounts);
        rollTo(4, 1);
        BalanceProof memory decoy = Trees.proof(who, amounts, 3);
        recoverAsStranger(ANN, decoy);
        assertEq(walletOf(ANN, 0), 1, "the decoy");
        recoverAsStranger(ANN, Trees.proof(who, amounts, 0));
        assertEq(walletOf(ANN, 0), 100, "all that is hers");
        refuses(IMediator.AlreadyRecovered.selector, ANN);
        recoverAsStranger(ANN, Trees.proof(who, amounts, 0));
        refuses(IMediator.AlreadyRecovered.selector, ANN);
        recoverAsStranger(ANN, decoy);
        uint128 taken = mediator.recovered(clients[ANN], token0()).balance;
        assertEq(taken, 100, "as the view says");
        recoverAsStranger(MAL, Trees.proof(who, amounts, 2));
        assertEq(tokens[0].balanceOf(address(mediator)), 1, "what Mal paid for the decoy");
    }

    /// @dev A second leaf of nothing at all.
    function test_attack_strangerRecoversAnEmptySecondLeafFirst() public {
        deposit(ANN, 0, 100);
        honestlyTo(1);
        address[] memory who = new address[](2);
        (who[0], who[1]) = (clients[ANN], clients[ANN]);
        uint128[] memory amounts = new uint128[](2);
        amounts[0] = 100;
        rollTo(2, 0);
        commitTree(who, amounts);
        rollTo(3, 0);
        commitTree(who, amounts);
        rollTo(4, 1);
        refuses(IMediator.NothingToRecover.selector, ANN);
        recoverAsStranger(ANN, Trees.proof(who, amounts, 1));
        recoverAsStranger(ANN, Trees.proof(who, amounts, 0));
        assertEq(walletOf(ANN, 0), 100, "all that is hers");
    }

    /// @dev Ann's leaf is emptied into Mal's, and a second one of 1 unit made hers: neither answers
    /// what she proves that she had, nor what the operator must prove that she had.
    function test_attack_secondLeafToAnswerADispute() public {
        deposit(ANN, 0, 100);
        deposit(MAL, 0, 40);
        honestlyTo(1);
        address[] memory who = new address[](4);
        (who[0], who[1], who[2], who[3]) = (clients[ANN], clients[BEN], clients[MAL], clients[ANN]);
        uint128[] memory amounts = new uint128[](4);
        (amounts[2], amounts[3]) = (139, 1);
        rollTo(2, 0);
        commitTree(who, amounts);
        uint256 before = vm.snapshotState();
        openWithProofs(ANN, noFills());
        answersWith(openingsOf(ANN, 1), new BalanceProof[](0), who, amounts);
        vm.revertToState(before);
        openByDeposit(ANN, 0, 0, noFills());
        answersWith(new uint128[](0), proofsOf(ANN, 1), who, amounts);
    }

    function answersWith(
        uint128[] memory openings,
        BalanceProof[] memory proofs,
        address[] memory who,
        uint128[] memory amounts
    ) private {
        for (uint256 leaf = 0; leaf < 4; leaf += 3) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMediator.BalanceMismatch.selector, token0(), int256(100), amounts[leaf]
                )
            );
            answerBy(leaf, openings, proofs, who, amounts);
        }
    }

    function answerBy(
        uint256 leaf,
        uint128[] memory openings,
        BalanceProof[] memory proofs,
        address[] memory who,
        uint128[] memory amounts
    ) private {
        BalanceProof[] memory closings = new BalanceProof[](2);
        closings[0] = Trees.proof(who, amounts, leaf);
        closings[1] = Trees.proof(clients, balances[1], ANN);
        vm.prank(operator);
        mediator.closeDispute(
            clients[ANN],
            2,
            DisputeAnswer(
                new Execution[](0), openings, proofs, closings, noStatements(), noCovers()
            )
        );
    }

    function commitTree(address[] memory who, uint128[] memory amounts) private {
        (bytes32 node, uint128 total) = Trees.top(who, amounts);
        Root[] memory roots = honestRoots();
        roots[0] = Root(token0(), node, total, uint64(who.length));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    // ------------------------------------------------------------------ rounds

    /// @dev Ann deposits 2^r in each round r. Whatever the round of the halt, deposits and balance
    /// are all of it, and no proof of another round adds to it.
    function test_attack_haltInEachOfTheFirstRounds() public {
        uint256 before = vm.snapshotState();
        for (uint64 halt = 1; halt <= 5; ++halt) {
            for (uint64 round = 0; round < halt; ++round) {
                honestlyTo(round);
                deposit(ANN, 0, uint128(1) << round);
            }
            rollTo(halt, 0);
            deposit(ANN, 0, uint128(1) << halt);
            rollTo(halt, 1);
            recoversAll(halt);
            vm.revertToState(before);
        }
    }

    function recoversAll(uint64 halt) private {
        assertEq(mediator.currentRound(), halt, "round of the halt");
        vm.prank(STRANGER);
        mediator.recoverDeposits(clients[ANN], token0());
        if (halt < 3) {
            BalanceProof memory none;
            refusesCommit(0);
            recoverAsStranger(ANN, none);
        } else {
            recoverAsStranger(ANN, proofOf(ANN, 0, halt - 2));
            refuses(IMediator.AlreadyRecovered.selector, ANN);
            recoverAsStranger(ANN, proofOf(ANN, 0, halt - 2));
        }
        refuses(IMediator.AlreadyRecovered.selector, ANN);
        mediator.recoverDeposits(clients[ANN], token0());
        assertEq(walletOf(ANN, 0), (uint256(2) << halt) - 1, "everything");
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "and nothing left");
    }

    /// @dev Tokens listed around the halt: first committed in the round after, if ever.
    function test_attack_haltAroundTheListingOfAToken() public {
        uint64 halt = 5;
        for (uint64 round = 1; round <= halt; ++round) {
            if (round == halt) rollTo(halt, 0);
            else honestlyTo(round);
            uint256 token = addToken();
            deposit(ANN, token, 7);
        }
        rollTo(halt, 1);
        assertTrue(mediator.halted(), "nobody committed");
        // Tokens 2 to 6, listed in rounds 1 to 5. The balances recovered are those of round 3.
        for (uint256 token = 2; token < 7; ++token) {
            address listed = address(tokens[token]);
            uint64 round = uint64(token) - 1;
            BalanceProof memory proof = proofOf(ANN, round < 3 ? token : 0, 3);
            if (round >= 3) vm.expectPartialRevert(IMediator.NotCommitted.selector);
            mediator.recoverBalance(clients[ANN], listed, proof);
            if (round < 3) vm.expectPartialRevert(IMediator.NothingToRecover.selector);
            mediator.recoverDeposits(clients[ANN], listed);
            assertEq(walletOf(ANN, token), 7, "paid once");
            assertEq(tokens[token].balanceOf(address(mediator)), 0, "and nothing left");
        }
    }

    /// @dev Requests of rounds 2, 3 and 4, by Ann, Ben and Mal, and a halt in 5: Ann's goes on, the
    /// others' is inside what they recover. Nobody gets a unit more or less, in either order.
    function test_attack_requestsOfEveryAgeAcrossTheHalt() public {
        for (uint256 client = 0; client < 3; ++client) {
            deposit(client, 0, 100);
        }
        honestlyTo(2);
        request(ANN, 0, 60);
        honestlyTo(3);
        request(BEN, 0, 60);
        honestlyTo(4);
        request(MAL, 0, 60);
        rollTo(4, 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 3, 4));
        mediator.confirmWithdrawal(clients[BEN], token0());
        // Round 9: noticed late, and the rounds count as they stood at the halt.
        rollTo(9, 2);
        for (uint256 client = BEN; client <= MAL; ++client) {
            vm.expectPartialRevert(IMediator.WithdrawalNotDue.selector);
            mediator.confirmWithdrawal(clients[client], token0());
        }
        recoverAsStranger(ANN, proofOf(ANN, 0, 3));
        mediator.confirmWithdrawal(clients[ANN], token0());
        refusesWithdrawal(ANN);
        for (uint256 client = BEN; client <= MAL; ++client) {
            recoverAsStranger(client, proofOf(client, 0, 3));
            vm.expectPartialRevert(IMediator.WithdrawalNotDue.selector);
            mediator.confirmWithdrawal(clients[client], token0());
        }
        for (uint256 client = 0; client < 3; ++client) {
            assertEq(walletOf(client, 0), 100, "whole");
        }
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "and nothing left");
    }

    function refusesWithdrawal(uint256 client) private {
        refuses(IMediator.NoWithdrawal.selector, client);
        mediator.confirmWithdrawal(clients[client], token0());
    }

    /// @dev Before the halt nothing is recovered, not even in the last block before it.
    function test_attack_recoveryWithoutAHalt() public {
        deposit(ANN, 0, 100);
        honestlyTo(4);
        vm.roll(firstBlock(5, 1) - 1);
        BalanceProof memory proof = proofOf(ANN, 0, 3);
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.recoverBalance(clients[ANN], token0(), proof);
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.recoverDeposits(clients[ANN], token0());
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.refundBond(clients[ANN], 4);
        rollTo(5, 1);
        mediator.recoverBalance(clients[ANN], token0(), proof);
    }

    // ------------------------------------------------------------------ twice

    /// @dev The request of round h-2 is inside the opening balance that the recovery pays.
    function test_attack_withdrawThenRecover() public {
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 100);
        honestlyTo(2);
        request(ANN, 0, 60);
        honestlyTo(3);
        rollTo(4, 1);
        assertEq(mediator.currentRound(), 4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 2, 4));
        mediator.confirmWithdrawal(clients[ANN], token0());
        mediator.recoverBalance(clients[ANN], token0(), proofOf(ANN, 0, 2));
        mediator.recoverBalance(clients[BEN], token0(), proofOf(BEN, 0, 2));
        assertEq(walletOf(ANN, 0), 100);
        assertEq(tokens[0].balanceOf(address(mediator)), 0);
    }

    /// @dev A stranger recovers the deposits first: the balance is not forfeit.
    function test_attack_recoverTwiceAndByStrangersInAnyOrder() public {
        deposit(ANN, 0, 100);
        honestlyTo(2);
        deposit(ANN, 0, 7);
        rollTo(3, 1);
        vm.prank(STRANGER);
        mediator.recoverDeposits(clients[ANN], token0());
        assertEq(walletOf(ANN, 0), 7);
        recoverAsStranger(ANN, proofOf(ANN, 0, 1));
        assertEq(walletOf(ANN, 0), 107);
        refuses(IMediator.AlreadyRecovered.selector, ANN);
        recoverAsStranger(ANN, proofOf(ANN, 0, 1));
        refuses(IMediator.AlreadyRecovered.selector, ANN);
        mediator.recoverDeposits(clients[ANN], token0());
    }
}
