// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {SumTree} from "../../src/libraries/SumTree.sol";
import {
    BalanceProof,
    Execution,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";
import {Harness} from "./Harness.sol";

/// @title What a dishonest client, operator or stranger tries, and how it fails
contract AttacksTest is Harness {
    uint128 private constant HUNDRED = 100 * UNIT;

    /// @dev Ada has 100 WETH and Bob 100 WETH and 100 USDC, committed in rounds 1 and 2.
    function setUp() public override {
        super.setUp();
        deposit(ada, weth, HUNDRED);
        deposit(bob, weth, HUNDRED);
        deposit(bob, usdc, HUNDRED);
        commit(1, balances());
    }

    function balances() private pure returns (uint128[4] memory) {
        return [HUNDRED, HUNDRED, uint128(0), HUNDRED];
    }

    // ------------------------------------------------------------------ the tree

    /// @dev Both are told of 100, and the node says 100 in all: it hashes both sums, so neither
    /// proof leads to it.
    function test_attack_twoLeavesSharingOneBalance() public {
        rollTo(2, 0);
        bytes32 left = leaf(ada, HUNDRED);
        bytes32 right = leaf(bob, HUNDRED);
        Root[] memory roots = new Root[](2);
        bytes32 lying = keccak256(abi.encodePacked(uint8(1), left, right, uint256(HUNDRED * 2)));
        roots[0] = Root(address(weth), lying, HUNDRED * 2, 2);
        roots[1] = rootOf(usdc, 0, HUNDRED);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        rollTo(3, 0);
        vm.expectPartialRevert(SumTree.InvalidProof.selector);
        vm.prank(ada);
        mediator.initiateWithdrawal(address(weth), 1, ada, proofOfAda(HUNDRED, HUNDRED));
    }

    function test_attack_totalOtherThanTheContractsOwn() public {
        rollTo(2, 0);
        Root[] memory roots = new Root[](1);
        roots[0] = rootOf(weth, HUNDRED, HUNDRED + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.WrongTotal.selector, address(weth), 2 * HUNDRED + 1, 2 * HUNDRED
            )
        );
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    function testFuzz_attack_tamperedProof(uint8 what, uint256 by) public {
        vm.assume(by != 0);
        rollTo(2, 0);
        BalanceProof memory proof = proofOfAda(HUNDRED, HUNDRED);
        what %= 6;
        if (what == 0) proof.balance = uint128(proof.balance ^ by);
        if (what == 1) proof.index = uint64(proof.index ^ by);
        if (what == 2) proof.leafCount = uint64(proof.leafCount ^ by);
        if (what == 3) proof.siblings[0].hash = bytes32(uint256(proof.siblings[0].hash) ^ by);
        if (what == 4) proof.siblings[0].sum = uint128(proof.siblings[0].sum ^ by);
        if (what == 5) proof.siblings = new Sibling[](by % 4 == 1 ? 0 : by % 4);
        BalanceProof memory good = proofOfAda(HUNDRED, HUNDRED);
        vm.assume(keccak256(abi.encode(proof)) != keccak256(abi.encode(good)));
        vm.expectPartialRevert(SumTree.InvalidProof.selector);
        vm.prank(ada);
        mediator.initiateWithdrawal(address(weth), 1, ada, proof);
    }

    function test_attack_anotherClientsProof() public {
        rollTo(2, 0);
        vm.expectPartialRevert(SumTree.InvalidProof.selector);
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), 1, bob, proofOfAda(HUNDRED, HUNDRED));
    }

    // ------------------------------------------------------------------ withdrawals

    function bobAsksFor(uint128 amount) private {
        commit(2, balances());
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), amount, bob, proofOfBob(HUNDRED, HUNDRED));
    }

    function cancel(SignedOrder[] memory orders) private {
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), orders);
    }

    function test_attack_cancellingACoveredRequest() public {
        bobAsksFor(60 * UNIT);
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0] = bobSells(2, 1, 40 * UNIT);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOverdrawn.selector, HUNDRED, HUNDRED));
        cancel(orders);
        // One unit more, and it is overdrawn.
        orders[0] = bobSells(2, 1, 40 * UNIT + 1);
        cancel(orders);
        (uint64 round,,,) = mediator.withdrawal(bob, address(weth));
        assertEq(round, 0);
    }

    function test_attack_cancellingWithOneOrderTwice() public {
        bobAsksFor(60 * UNIT);
        SignedOrder[] memory orders = new SignedOrder[](2);
        orders[0] = bobSells(2, 1, 30 * UNIT);
        orders[1] = orders[0];
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 2, 1));
        cancel(orders);
    }

    function test_attack_cancellingWithOldForeignOrUnsignedOrders() public {
        commit(2, balances());
        commit(3, balances());
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), HUNDRED, bob, proofOfBob(HUNDRED, HUNDRED));
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0] = bobSells(1, 1, HUNDRED);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 1, 1));
        cancel(orders);
        orders[0] = bobSells(4, 1, HUNDRED);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, 4, 1));
        cancel(orders);
        orders[0] = signOrder(ADA_KEY, bob, bobSells(3, 1, HUNDRED));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongSigner.selector, 1, ada));
        cancel(orders);
    }

    /// @dev The orders alone exceed the balance: the reference reverts there, and pays.
    function test_overdraftFarBeyondTheBalanceCanBeCancelled() public {
        bobAsksFor(1);
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0] = bobSells(2, 1, type(uint128).max / 2);
        cancel(orders);
        assertEq(mediator.expectedTotal(address(weth)), 2 * HUNDRED);
    }

    function test_attack_commitThenCancel() public {
        bobAsksFor(60 * UNIT);
        commit(3, [HUNDRED, 40 * UNIT, uint128(0), HUNDRED]);
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0] = bobSells(2, 1, HUNDRED);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.AlreadyCommitted.selector, address(weth), 3)
        );
        cancel(orders);
    }

    function test_confirmedInTheRightQuarterAndNotOneBlockEarlier() public {
        bobAsksFor(60 * UNIT);
        commit(3, [HUNDRED, 40 * UNIT, uint128(0), HUNDRED]);
        commit(4, [HUNDRED, 40 * UNIT, uint128(0), HUNDRED]);
        vm.roll(genesis + 4 * ROUND + QUARTER - 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 2, 4));
        mediator.confirmWithdrawal(bob, address(weth));
        vm.roll(genesis + 4 * ROUND + QUARTER);
        mediator.confirmWithdrawal(bob, address(weth));
        assertEq(weth.balanceOf(bob), 60 * UNIT);
        vm.expectPartialRevert(IMediator.NoWithdrawal.selector);
        mediator.confirmWithdrawal(bob, address(weth));
    }

    /// @dev The request of round h-2 is inside the opening balance that the recovery pays.
    function test_attack_withdrawThenRecover() public {
        bobAsksFor(60 * UNIT);
        commit(3, [HUNDRED, 40 * UNIT, uint128(0), HUNDRED]);
        rollTo(4, 1);
        assertEq(mediator.currentRound(), 4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 2, 4));
        mediator.confirmWithdrawal(bob, address(weth));
        mediator.recoverBalance(bob, address(weth), proofOfBob(HUNDRED, HUNDRED));
        mediator.recoverBalance(ada, address(weth), proofOfAda(HUNDRED, HUNDRED));
        assertEq(weth.balanceOf(bob), HUNDRED);
        assertEq(weth.balanceOf(address(mediator)), 0);
    }

    function test_attack_recoverTwiceAndByStrangersInAnyOrder() public {
        commit(2, balances());
        deposit(bob, weth, 7);
        rollTo(3, 1);
        // A stranger recovers the deposits first: the balance is not forfeit.
        vm.prank(address(0xBAD));
        mediator.recoverDeposits(bob, address(weth));
        assertEq(weth.balanceOf(bob), 7);
        vm.prank(address(0xBAD));
        mediator.recoverBalance(bob, address(weth), proofOfBob(HUNDRED, HUNDRED));
        assertEq(weth.balanceOf(bob), HUNDRED + 7);
        vm.expectPartialRevert(IMediator.AlreadyRecovered.selector);
        mediator.recoverBalance(bob, address(weth), proofOfBob(HUNDRED, HUNDRED));
        vm.expectPartialRevert(IMediator.AlreadyRecovered.selector);
        mediator.recoverDeposits(bob, address(weth));
    }

    // ------------------------------------------------------------------ disputes

    /// @dev Bob sold 10 WETH for 20 USDC in round 1; Ada bought. Bob disputes in round 2 with his
    /// proofs and the operator's fill over `shownSold` and `shownBought`.
    function bobDisputes(uint128 shownSold, uint128 shownBought)
        private
        returns (SignedOrder memory order)
    {
        order = bobSells(1, 5, 10 * UNIT);
        commit(2, [HUNDRED + 10 * UNIT, 90 * UNIT, uint128(0), HUNDRED]);
        BalanceProof[] memory proofs = new BalanceProof[](2);
        proofs[0] = proofOfBob(HUNDRED, HUNDRED);
        proofs[1] = proofOfBob(0, HUNDRED);
        PresentedFill[] memory fills = new PresentedFill[](1);
        fills[0] = signFill(OPERATOR_KEY, order, shownSold, shownBought);
        vm.prank(bob);
        mediator.openDispute(bob, proofs, byDeposit(weth, 0), fills, noDelegation());
    }

    function prove(SignedOrder memory order, uint128 sold, uint128 bought) private {
        Execution[] memory executions = new Execution[](1);
        executions[0] = Execution(order, sold, bought);
        vm.prank(operator);
        mediator.proveExecutions(bob, 2, true, executions);
    }

    function close(BalanceProof memory wethProof, BalanceProof memory usdcProof) private {
        uint128[] memory openings = new uint128[](2);
        (openings[0], openings[1]) = (HUNDRED, HUNDRED);
        BalanceProof[] memory closings = new BalanceProof[](2);
        (closings[0], closings[1]) = (wethProof, usdcProof);
        vm.prank(operator);
        mediator.closeDispute(bob, 2, new Execution[](0), openings, new BalanceProof[](0), closings);
    }

    /// @dev The tree of round 2 lacks the 20 USDC: whatever the operator proves, it cannot close.
    function test_attack_closingWithoutPayingForAFill() public {
        SignedOrder memory order = bobDisputes(10 * UNIT, 20 * UNIT);
        BalanceProof memory wethProof = proofOfBob(HUNDRED + 10 * UNIT, 90 * UNIT);
        BalanceProof memory usdcProof = proofOfBob(0, HUNDRED);
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        close(wethProof, usdcProof);
        vm.expectRevert(abi.encodeWithSelector(IMediator.ExecutionOutsideOrder.selector, 5));
        prove(order, 10 * UNIT, 0);
        vm.expectRevert(abi.encodeWithSelector(IMediator.StaleExecution.selector, 5));
        prove(order, 5 * UNIT, 10 * UNIT);
        prove(order, 10 * UNIT, 20 * UNIT);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.BalanceMismatch.selector,
                address(usdc),
                int256(uint256(120 * UNIT)),
                HUNDRED
            )
        );
        close(wethProof, usdcProof);
        // Nobody closes it: the Mediator halts, and recovery pays the round before.
        rollTo(3, 0);
        commitSame(3);
        rollTo(3, 1);
        assertTrue(mediator.halted(), "an unanswered dispute halts");
        mediator.recoverBalance(bob, address(weth), proofOfBob(HUNDRED, HUNDRED));
        assertEq(weth.balanceOf(bob), HUNDRED);
    }

    function commitSame(uint64 round) private {
        commit(round, [HUNDRED + 10 * UNIT, 90 * UNIT, uint128(0), HUNDRED]);
    }

    /// @dev A good early price pays for no bad late one.
    function test_attack_closingWithALaterFillThatTakesThePriceBack() public {
        SignedOrder memory order = bobDisputes(4 * UNIT, 20 * UNIT);
        vm.expectRevert(abi.encodeWithSelector(IMediator.StaleExecution.selector, 5));
        prove(order, 10 * UNIT, 20 * UNIT);
    }

    function test_attack_fillsSignedByNobodysOperator() public {
        SignedOrder memory order = bobSells(1, 5, 10 * UNIT);
        commit(2, balances());
        PresentedFill[] memory fills = new PresentedFill[](1);
        fills[0] = signFill(ADA_KEY, order, UNIT, 5 * UNIT);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.FillNotSigned.selector, fills[0].orderHash, ada)
        );
        vm.prank(bob);
        mediator.openDispute(bob, new BalanceProof[](0), byDeposit(weth, 0), fills, noDelegation());
    }

    function test_attack_disputeByAStranger() public {
        commit(2, balances());
        address stranger = address(0x57);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, stranger));
        vm.prank(stranger);
        mediator.openDispute(
            stranger,
            new BalanceProof[](0),
            byDeposit(weth, 0),
            new PresentedFill[](0),
            noDelegation()
        );
        vm.expectPartialRevert(IMediator.NotDelegated.selector);
        vm.prank(stranger);
        mediator.openDispute(
            bob, new BalanceProof[](0), byDeposit(weth, 0), new PresentedFill[](0), noDelegation()
        );
    }

    function test_attack_disputeTwiceInARound() public {
        commit(2, balances());
        for (uint256 i = 0; i < 2; ++i) {
            if (i == 1) {
                vm.expectRevert(abi.encodeWithSelector(IMediator.DisputeExists.selector, bob, 2));
            }
            vm.prank(bob);
            mediator.openDispute(
                bob,
                new BalanceProof[](0),
                byDeposit(weth, 0),
                new PresentedFill[](0),
                noDelegation()
            );
        }
    }

    // ------------------------------------------------------------------ who may act

    function test_rescueWindowIsForApprovedOperatorsOnly() public {
        rollTo(2, 0);
        manager.setOperator(address(0x1234), "new", "http://b");
        Root[] memory roots = new Root[](1);
        roots[0] = rootOf(weth, HUNDRED, HUNDRED);
        vm.roll(genesis + 2 * ROUND + QUARTER - 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, operator));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.prank(address(0x1234));
        mediator.commit(roots, new Signature[](0));
    }

    function test_fillsOfARemovedOperatorStayFills() public {
        SignedOrder memory order = bobDisputes(10 * UNIT, 20 * UNIT);
        (uint128 sold, uint128 bought) = mediator.presentedFill(bob, 2, orderHash(bob, order));
        assertEq(sold, 10 * UNIT);
        assertEq(bought, 20 * UNIT);
        manager.setOperator(address(0x1234), "new", "http://b");
        assertTrue(manager.wasOperator(operator, genesis, genesis + ROUND), "its term stays");
        assertTrue(!manager.isRegistered(operator), "and is over");
    }
}
