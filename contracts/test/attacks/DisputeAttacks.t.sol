// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    DepositRef,
    Execution,
    PresentedFill,
    SignedOrder,
    Dispute,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Attacks by disputes, and on them
/// @notice In round 0 Ann deposits 100 of token 0 and Ben 200 of token 1; in round 1 Ann sells for
/// twice as much. Round 2 disputes that.
contract DisputeAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant NEW = 2;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 1, 200);
        honestlyTo(1);
    }

    function trade(uint128 amount) private {
        move(0, ANN, BEN, amount);
        move(1, BEN, ANN, 2 * amount);
    }

    function mismatch(uint256 token, int256 expected, uint128 proven) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.BalanceMismatch.selector, address(tokens[token]), expected, proven
            )
        );
    }

    function halts() private {
        rollTo(3, 0);
        commitNow();
        rollTo(3, 1);
        assertTrue(mediator.halted(), "nobody could close it");
    }

    // ------------------------------------------------------------------ standing

    /// @dev The operator leaves her out of the tree: her deposit alone is her standing.
    function test_attack_depositorWhomTheOperatorNeverAdmitted() public {
        deposit(NEW, 0, 30);
        // The total must be right, so somebody else gets her money.
        move(0, NEW, BEN, 30);
        honestlyTo(2);
        openByDeposit(NEW, 0, 1, noFills());
        mismatch(0, 30, 0);
        close(NEW, 2, new uint128[](0), new BalanceProof[](0));
        halts();
        mediator.recoverDeposits(clients[NEW], address(tokens[0]));
        assertEq(walletOf(NEW, 0), 30);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "and nobody lost anything");
    }

    /// @dev Admitted honestly: the same dispute is closed without an opening.
    function test_disputeByANewDepositorIsClosable() public {
        deposit(NEW, 0, 30);
        honestlyTo(2);
        openByDeposit(NEW, 0, 1, noFills());
        close(NEW, 2, new uint128[](0), new BalanceProof[](0));
        assertClosed(NEW);
    }

    /// @dev She has a leaf and shows no proofs, only an old or a new deposit: closable both ways.
    function test_attack_disputeWithoutProofsByAClientWithALeaf() public {
        deposit(ANN, 0, 5);
        honestlyTo(2);
        openByDeposit(ANN, 0, 0, noFills());
        openByDeposit(BEN, 1, 0, noFills());
        vm.expectPartialRevert(IMediator.ProofCount.selector);
        close(ANN, 2, new uint128[](0), new BalanceProof[](0));
        vm.expectRevert(IMediator.WrongOpenings.selector);
        close(ANN, 2, openingsOf(ANN, 1), new BalanceProof[](0));
        closeProving(ANN, 2);
        closeProving(BEN, 2);
        assertClosed(ANN);
        assertClosed(BEN);
        honestlyTo(3);
        rollTo(3, 1);
        assertFalse(mediator.halted(), "an honest operator is never halted");
    }

    function test_disputeByADepositOfTheDisputedRoundIsClosableWithOpenings() public {
        deposit(ANN, 0, 5);
        honestlyTo(2);
        openByDeposit(ANN, 0, 1, noFills());
        closeProving(ANN, 2);
        assertClosed(ANN);
    }

    /// @dev A deposit of this round, or of none, is no standing.
    function test_attack_standingByADepositNotYetCommitted() public {
        honestlyTo(2);
        deposit(NEW, 0, 30);
        for (uint64 round = 0; round < 6; ++round) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, clients[NEW]));
            openByDeposit(NEW, 0, round, noFills());
        }
    }

    function assertClosed(uint256 client) private view {
        Dispute memory found = mediator.dispute(clients[client], 2);
        (uint64 openedBlock, bool open) = (found.openedBlock, found.open);
        assertTrue(openedBlock > 0, "opened");
        assertFalse(open, "closed");
    }

    // ------------------------------------------------------------------ fills

    function refusedFill(uint256 client, PresentedFill memory fill) private {
        vm.expectPartialRevert(IMediator.FillNotSigned.selector);
        openByDeposit(client, client, 0, one(fill));
    }

    function test_attack_disputeWithAnothersFills() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        PresentedFill memory fill = fillOf(ANN, order, 10, 20);
        trade(10);
        honestlyTo(2);
        refusedFill(BEN, fill);
        // And over Ben's own name with Ann's order hash: the operator never signed that.
        fill.signature = sign(keyOf(BEN), fillHash(clients[BEN], 1, fill));
        refusedFill(BEN, fill);
    }

    function test_attack_replayedFillOfAnotherRound() public {
        PresentedFill memory fill = fillOf(ANN, sale(ANN, 1, 7, 10), 10, 20);
        trade(10);
        honestlyTo(3);
        refusedFill(ANN, fill);
    }

    function test_attack_replayedFillOfAnotherInstanceOrChain() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        PresentedFill memory fill = fillOf(ANN, order, 10, 20);
        bytes32 structHash = fillHash(clients[ANN], 1, fill);
        honestlyTo(2);
        IMediator twin = deployMediator();
        fill.signature = signWith(OPERATOR_KEY, twin.domainSeparator(), structHash);
        refusedFill(ANN, fill);
        vm.chainId(1);
        bytes32 foreign = mediator.domainSeparator();
        vm.chainId(31337);
        assertEq(mediator.domainSeparator(), domain, "back on forge's chain");
        assertNotEq(foreign, domain, "the domain holds the chain");
        fill.signature = signWith(OPERATOR_KEY, foreign, structHash);
        refusedFill(ANN, fill);
    }

    function test_attack_ordersOfAnotherInstanceAsExecutions() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        honestlyTo(2);
        openWithProofs(ANN, noFills());
        order.signature =
            signWith(keyOf(ANN), deployMediator().domainSeparator(), hashOf(clients[ANN], order));
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        prove(ANN, 2, false, one(order, 10, 20));
    }

    /// @dev In the round in which it was an operator it could bind the exchange; later it cannot.
    function test_attack_removedOperatorStillSigning() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        PresentedFill memory fill = fillOf(ANN, order, 10, 20);
        trade(10);
        manager.register(operator, genesis, uint64(vm.getBlockNumber()));
        manager.register(otherOperator, genesis, type(uint64).max);
        manager.setTurn(otherOperator);
        address former = operator;
        operator = otherOperator;
        honestlyTo(2);
        uint256 before = vm.snapshotState();
        openByDeposit(ANN, 0, 0, one(fill));
        vm.revertToState(before);
        honestlyTo(3);
        order = sale(ANN, 2, 7, 10);
        fill = fillOf(ANN, order, 10, 20);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.FillNotSigned.selector, fill.orderHash, former)
        );
        openByDeposit(ANN, 0, 0, one(fill));
    }

    function test_attack_oneFillTwiceOrOutOfOrder() public {
        honestlyTo(2);
        PresentedFill[] memory fills = new PresentedFill[](2);
        fills[0] = fillOf(ANN, sale(ANN, 1, 7, 10), 10, 20);
        fills[1] = fills[0];
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.FillNotAscending.selector, fills[0].orderHash)
        );
        openByDeposit(ANN, 0, 0, fills);
    }

    // ------------------------------------------------------------------ answers

    function test_attack_closingWithFewerFillsThanTheClientShowed() public {
        SignedOrder[2] memory orders = [sale(ANN, 1, 7, 10), sale(ANN, 1, 8, 20)];
        PresentedFill[] memory fills = new PresentedFill[](2);
        fills[0] = fillOf(ANN, orders[0], 10, 20);
        fills[1] = fillOf(ANN, orders[1], 20, 40);
        if (fills[0].orderHash > fills[1].orderHash) (fills[0], fills[1]) = (fills[1], fills[0]);
        trade(10);
        honestlyTo(2);
        openWithProofs(ANN, fills);
        prove(ANN, 2, false, one(orders[0], 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 1, 2));
        closeShown(ANN, 2);
        // The tree has no room for the second one: covered, the balance is wrong.
        prove(ANN, 2, false, one(orders[1], 20, 40));
        mismatch(0, 70, 90);
        closeShown(ANN, 2);
        halts();
    }

    /// @dev The operator signed (4, 20) and then (10, 32). It may answer the first with what is
    /// later, not with what sounds better in one amount and is worse in the other.
    function test_attack_closingWithABetterLookingStaleFill() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 8, 20)));
        uint128[2][4] memory answers =
            [[uint128(4), 20], [uint128(8), 19], [uint128(7), 40], [uint128(10), 20]];
        for (uint256 i = 0; i < answers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.StaleExecution.selector, 7));
            prove(ANN, 2, true, one(order, answers[i][0], answers[i][1]));
        }
        prove(ANN, 2, true, one(order, 10, 24));
    }

    function test_attack_ordersRepeatedAcrossProveExecutionsCalls() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        trade(20);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        prove(ANN, 2, false, one(order, 10, 20));
        bytes memory repeated = abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 7);
        vm.expectRevert(repeated);
        prove(ANN, 2, false, one(order, 10, 20));
        Execution[] memory twice = new Execution[](2);
        (twice[0], twice[1]) = (one(order, 10, 20)[0], one(order, 10, 20)[0]);
        vm.expectRevert(repeated);
        prove(ANN, 2, true, twice);
        // A lower id later, and the same id with another amount, are refused alike.
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 6));
        prove(ANN, 2, false, one(sale(ANN, 1, 6, 10), 10, 20));
        vm.expectRevert(repeated);
        prove(ANN, 2, false, one(sale(ANN, 1, 7, 11), 10, 20));
        // Id zero counts as seen once it was.
        prove(ANN, 2, true, one(sale(ANN, 1, 0, 10), 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 0));
        prove(ANN, 2, false, one(sale(ANN, 1, 0, 10), 10, 20));
    }

    /// @dev What closing takes goes on where `proveExecutions` ended, and is held to the same.
    function test_attack_ordersRepeatedBetweenProvingAndClosing() public {
        SignedOrder memory first = sale(ANN, 1, 7, 10);
        SignedOrder memory second = sale(ANN, 1, 8, 20);
        Execution[] memory both = new Execution[](2);
        (both[0], both[1]) = (one(first, 10, 20)[0], one(second, 20, 40)[0]);
        trade(30);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, second, 20, 40)));
        prove(ANN, 2, false, one(first, 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 7));
        closeWith(ANN, 2, both);
        vm.expectRevert(abi.encodeWithSelector(IMediator.StaleExecution.selector, 8));
        closeWith(ANN, 2, one(second, 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        closeWith(ANN, 2, new Execution[](0));
        uint256 before = vm.snapshotState();
        closeWith(ANN, 2, one(second, 20, 40));
        assertClosed(ANN);
        vm.revertToState(before);
        prove(ANN, 2, true, new Execution[](0));
        mismatch(0, 80, 70);
        closeWith(ANN, 2, one(second, 20, 40));
        closeWith(ANN, 2, both);
        assertClosed(ANN);
    }

    /// @dev Restarting forgets everything: what was covered before must be covered again.
    function test_attack_restartThatKeepsWhatWasCovered() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        prove(ANN, 2, false, one(order, 10, 20));
        prove(ANN, 2, true, new Execution[](0));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        closeShown(ANN, 2);
    }

    /// @dev Another approved operator begins with an order that was never filled, in the rescue
    /// window; the honest one goes on with its own accumulation, and with a restart too.
    function test_attack_accumulationStartedWronglyByAnotherOperatorAndRestarted() public {
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        SignedOrder memory unfilled = sale(ANN, 1, 9, 50);
        trade(10);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        manager.register(otherOperator, genesis, type(uint64).max);
        rollTo(2, 1);
        manager.setTurn(otherOperator);
        vm.prank(otherOperator);
        mediator.proveExecutions(clients[ANN], 2, false, one(unfilled, 50, 100), noStatements());
        manager.setTurn(operator);
        prove(ANN, 2, false, one(unfilled, 50, 100));
        prove(ANN, 2, true, one(order, 10, 20));
        uint256 before = vm.snapshotState();
        closeShown(ANN, 2);
        assertClosed(ANN);
        vm.revertToState(before);
        // The other one restarts its own as well, and closes.
        manager.setTurn(otherOperator);
        vm.prank(otherOperator);
        mediator.proveExecutions(clients[ANN], 2, true, one(order, 10, 20), noStatements());
        operator = otherOperator;
        closeShown(ANN, 2);
        assertClosed(ANN);
    }

    /// @dev Executions that the client never signed, or in a round or token that is not disputed.
    function test_attack_executionsThatTheClientNeverSigned() public {
        honestlyTo(2);
        openWithProofs(ANN, noFills());
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        order.sellAmount = 100;
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        prove(ANN, 2, false, one(order, 10, 20));
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        prove(ANN, 2, false, one(sale(BEN, 1, 7, 10), 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 2, 7));
        prove(ANN, 2, false, one(sale(ANN, 2, 7, 10), 10, 20));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 7));
        prove(ANN, 2, false, one(orderOf(ANN, 1, 7, [0, 0], [uint128(10), 10], 1), 10, 10));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 7));
        prove(ANN, 2, false, one(orderOf(ANN, 1, 7, [0, 1], [uint128(10), 0], 1), 10, 0));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 7));
        prove(ANN, 2, false, one(orderOf(ANN, 1, 7, [0, 1], [uint128(10), 20], 2), 10, 20));
    }

    /// @dev Room in one order covers nothing of another; 2^128 does not wrap the price rule.
    function testFuzz_attack_executionBeyondItsOrder(
        uint128[2] memory amounts,
        uint128 sold,
        uint128 bought,
        uint8 intent
    ) public {
        amounts[0] = uint128(bound(amounts[0], 1, type(uint128).max));
        amounts[1] = uint128(bound(amounts[1], 1, type(uint128).max));
        intent = intent & 1;
        honestlyTo(2);
        openWithProofs(ANN, noFills());
        SignedOrder memory order = orderOf(ANN, 1, 7, [0, 1], amounts, intent);
        bool within = sold <= amounts[0] && (intent == 1 || bought <= amounts[1])
            && priceHolds(amounts, sold, bought);
        if (!within) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.ExecutionOutsideOrder.selector, 7));
        }
        prove(ANN, 2, false, one(order, sold, bought));
    }

    /// @dev sold / bought <= sell / buy by long division, with no product in sight.
    function priceHolds(uint128[2] memory amounts, uint128 sold, uint128 bought)
        private
        pure
        returns (bool)
    {
        (uint256 a, uint256 b, uint256 c, uint256 d) = (sold, bought, amounts[0], amounts[1]);
        // a / b <= c / d, d > 0.
        while (true) {
            if (b == 0) return a == 0;
            uint256 left = a / b;
            uint256 right = c / d;
            if (left != right) return left < right;
            (a, c) = (a % b, c % d);
            if (a == 0) return true;
            if (c == 0) return false;
            // a / b <= c / d if and only if d / c <= b / a.
            (a, b, c, d) = (d, c, b, a);
        }
        return false;
    }

    // ------------------------------------------------------------------ what a close may say

    /// @dev The operator credits Ann with less, or more, than is hers: neither closes.
    function testFuzz_attack_closingOnAnyOtherBalance(uint128 credited) public {
        credited = uint128(bound(credited, 0, 100));
        trade(10);
        SignedOrder memory order = sale(ANN, 1, 7, 10);
        (balances[0][ANN], balances[0][BEN]) = (credited, 100 - credited);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        prove(ANN, 2, false, one(order, 10, 20));
        if (credited != 90) mismatch(0, 90, credited);
        closeShown(ANN, 2);
    }

    function test_attack_closingWithOtherOpeningsThanShown() public {
        honestlyTo(2);
        openWithProofs(ANN, noFills());
        uint128[] memory openings = openingsOf(ANN, 1);
        openings[0] -= 1;
        vm.expectRevert(IMediator.WrongOpenings.selector);
        close(ANN, 2, openings, new BalanceProof[](0));
        vm.expectRevert(IMediator.WrongOpenings.selector);
        close(ANN, 2, openingsOf(ANN, 1), proofsOf(ANN, 1));
        vm.expectRevert(IMediator.WrongOpenings.selector);
        close(ANN, 2, new uint128[](0), proofsOf(ANN, 1));
        closeShown(ANN, 2);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoOpenDispute.selector, clients[ANN], 2));
        closeShown(ANN, 2);
    }

    function test_attack_closingBeforeTheCommitOfTheRound() public {
        rollTo(2, 0);
        openByDeposit(ANN, 0, 0, noFills());
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotCommitted.selector, address(tokens[0]), 2)
        );
        vm.prank(operator);
        mediator.closeDispute(
            clients[ANN],
            2,
            DisputeAnswer(
                new Execution[](0), new uint128[](0), proofs, proofs, noStatements(), noCovers()
            )
        );
        commitNow();
        closeProving(ANN, 2);
        assertClosed(ANN);
    }

    // ------------------------------------------------------------------ fills without their price

    function refusesExecution(bytes4 selector, SignedOrder memory order, uint128[2] memory done)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(selector, order.id));
        prove(ANN, 2, true, one(order, done[0], done[1]));
    }

    /// @dev Ann sold 10, and the tree of round 2 lacks the 20 she bought: whatever the operator
    /// proves, it cannot close.
    function test_attack_closingWithoutPayingForAFill() public {
        SignedOrder memory order = sale(ANN, 1, 5, 10);
        move(0, ANN, BEN, 10);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        closeWith(ANN, 2, new Execution[](0));
        refusesExecution(IMediator.ExecutionOutsideOrder.selector, order, [uint128(10), 0]);
        refusesExecution(IMediator.StaleExecution.selector, order, [uint128(5), 10]);
        prove(ANN, 2, true, one(order, 10, 20));
        mismatch(1, 20, 0);
        closeWith(ANN, 2, new Execution[](0));
        // Nobody closes it: the Mediator halts, and recovery pays the round before.
        halts();
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        assertEq(walletOf(ANN, 0), 100);
    }

    /// @dev A good early price pays for no bad late one.
    function test_attack_closingWithALaterFillThatTakesThePriceBack() public {
        SignedOrder memory order = sale(ANN, 1, 5, 10);
        trade(10);
        honestlyTo(2);
        openWithProofs(ANN, one(fillOf(ANN, order, 4, 20)));
        refusesExecution(IMediator.StaleExecution.selector, order, [uint128(10), 20]);
    }

    function test_attack_fillsSignedByNobodysOperator() public {
        PresentedFill memory fill = fillOf(ANN, sale(ANN, 1, 5, 10), 1, 5);
        fill.signature = sign(keyOf(BEN), fillHash(clients[ANN], 1, fill));
        honestlyTo(2);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.FillNotSigned.selector, fill.orderHash, clients[BEN])
        );
        openByDeposit(ANN, 0, 0, one(fill));
    }

    function openFor(address client, address by) private {
        vm.prank(by);
        mediator.openDispute(
            client,
            new BalanceProof[](0),
            DepositRef(address(tokens[0]), 0),
            noFills(),
            noDelegation(),
            noStatements()
        );
    }

    function test_attack_disputeByAStranger() public {
        honestlyTo(2);
        address stranger = address(0x57);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, stranger));
        openFor(stranger, stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotDelegated.selector, clients[ANN], stranger)
        );
        openFor(clients[ANN], stranger);
    }

    function test_attack_disputeTwiceInARound() public {
        honestlyTo(2);
        openFor(clients[ANN], clients[ANN]);
        vm.expectRevert(abi.encodeWithSelector(IMediator.DisputeExists.selector, clients[ANN], 2));
        openFor(clients[ANN], clients[ANN]);
    }
}
