// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    Cover,
    Root,
    Signature,
    SignedOrder,
    Statement
} from "../../src/types/Types.sol";
import {StatementTest} from "../base/StatementTest.sol";

/// @title Attacks by statements on requests, and on their cancellation (docs/protocol.md section 10)
/// @notice Ann has 100 of token 0 in rounds 1 and 2, and asks in round 2.
contract StatementWithdrawalAttacksTest is StatementTest {
    function ask(uint128 amount, Statement[] memory statements) private {
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(address(tokens[0]), amount, clients[ANN], proof, statements);
    }

    function cancel(
        SignedOrder[] memory orders,
        Statement[] memory statements,
        Cover[] memory covers
    ) private {
        vm.prank(operator);
        mediator.cancelWithdrawal(clients[ANN], address(tokens[0]), orders, statements, covers);
    }

    function notOverdrawn(int256 claimed) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotOverdrawn.selector, claimed, uint128(100))
        );
    }

    function stands(uint128 amount) private view {
        assertEq(mediator.withdrawal(clients[ANN], address(tokens[0])).amount, amount, "stands");
    }

    /// @dev Of `round`, ids below `watermark`: sold and bought of token 0.
    function turnover(uint64 round, uint64 watermark, uint128 sold, uint128 bought)
        private
        view
        returns (Statement memory)
    {
        return statementOf(round, watermark, noIds(), [sold, bought], [bought, sold]);
    }

    function both(Statement[] memory a, Statement[] memory b)
        private
        pure
        returns (Statement[] memory two)
    {
        two = new Statement[](2);
        (two[0], two[1]) = (a[0], b[0]);
    }

    /// @dev 3. She sold all and bought it back: the statement is left out, or one from before the
    /// purchase is used. Without the request's own she can be refused, as by the rule of old.
    function test_attack_cancellingACoveredRequestWithoutItsStatement() public {
        honestlyTo(2);
        SignedOrder[] memory sold = one(sale(ANN, 2, 1, 100));
        Statement memory older = turnover(2, 2, 100, 0);
        Statement memory last = turnover(2, 3, 100, 100);
        Statement[] memory hers = countersigned(ANN, last);
        uint256 before = vm.snapshotState();
        ask(100, hers);
        vm.expectRevert(IMediator.WrongCovers.selector);
        cancel(sold, noStatements(), noCovers());
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotCovered.selector, 2, 3));
        cancel(sold, noStatements(), coversOf(hers));
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotCovered.selector, 2, 3));
        cancel(new SignedOrder[](0), byClient(ANN, older), coversOf(hers));
        vm.expectRevert(IMediator.WrongCovers.selector);
        cancel(new SignedOrder[](0), byClient(ANN, older), coversOf(byClient(ANN, older)));
        // The order that it covers, beside it.
        vm.expectPartialRevert(IMediator.WrongOrder.selector);
        cancel(sold, byClient(ANN, last), coversOf(hers));
        notOverdrawn(100);
        cancel(new SignedOrder[](0), byClient(ANN, last), coversOf(hers));
        stands(100);
        vm.revertToState(before);
        ask(100, noStatements());
        cancel(sold, noStatements(), noCovers());
        stands(0);
    }

    /// @dev What she sold by a later statement counts, with what the orders outside it may sell.
    function test_cancellationByStatementsAndOrdersOutsideThem() public {
        honestlyTo(2);
        Statement[] memory hers = countersigned(ANN, turnover(1, 5, 7, 3));
        ask(60, hers);
        Statement[] memory two =
            both(byClient(ANN, turnover(1, 9, 10, 5)), byClient(ANN, turnover(2, 4, 20, 0)));
        // 60 + 5 + 20 + 15 is not above 100; one more is.
        notOverdrawn(100);
        cancel(one(sale(ANN, 2, 4, 15)), two, coversOf(hers));
        cancel(one(sale(ANN, 2, 4, 16)), two, coversOf(hers));
        stands(0);
    }

    /// @dev Of rounds before, twice, by others, or with tokens in disorder.
    function test_attack_cancellingWithWrongStatements() public {
        honestlyTo(2);
        ask(60, noStatements());
        Statement[] memory good = byClient(ANN, turnover(2, 4, 90, 0));
        vm.expectPartialRevert(IMediator.StatementNotSigned.selector);
        cancel(new SignedOrder[](0), signedBy(OPERATOR_KEY, ANN, turnover(2, 4, 90, 0)), noCovers());
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        cancel(new SignedOrder[](0), both(good, good), noCovers());
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        cancel(new SignedOrder[](0), byClient(ANN, turnover(3, 4, 90, 0)), noCovers());
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        cancel(new SignedOrder[](0), byClient(ANN, turnover(0, 4, 90, 0)), noCovers());
        Statement memory twice = turnover(2, 4, 30, 0);
        (twice.tokens[0], twice.tokens[1]) = (address(tokens[0]), address(tokens[0]));
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        cancel(new SignedOrder[](0), byClient(ANN, twice), noCovers());
        cancel(new SignedOrder[](0), good, noCovers());
        stands(0);
    }

    /// @dev A request presents statements of its round and the one before, countersigned.
    function test_attack_requestWithWrongStatements() public {
        honestlyTo(2);
        vm.expectPartialRevert(IMediator.StatementNotSigned.selector);
        this.askOnce(byClient(ANN, turnover(2, 4, 0, 900)));
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        this.askOnce(countersigned(ANN, turnover(3, 4, 0, 900)));
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        this.askOnce(countersigned(ANN, turnover(0, 4, 0, 900)));
        Statement[] memory good = countersigned(ANN, turnover(2, 4, 0, 900));
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        this.askOnce(both(good, good));
        this.askOnce(both(countersigned(ANN, turnover(1, 4, 0, 900)), good));
        stands(60);
    }

    function askOnce(Statement[] memory statements) external {
        ask(60, statements);
    }

    /// @dev A second request of the round presents nothing: what the first one presented is gone.
    function test_coversEndWithTheirRequest() public {
        honestlyTo(2);
        Statement[] memory hers = countersigned(ANN, turnover(2, 2, 0, 0));
        ask(100, hers);
        cancel(one(sale(ANN, 2, 2, 1)), byClient(ANN, turnover(2, 2, 0, 0)), coversOf(hers));
        ask(100, noStatements());
        vm.expectRevert(IMediator.WrongCovers.selector);
        cancel(one(sale(ANN, 2, 2, 1)), byClient(ANN, turnover(2, 2, 0, 0)), coversOf(hers));
        cancel(one(sale(ANN, 2, 2, 1)), noStatements(), noCovers());
        stands(0);
    }

    /// @dev 12. Orders that sold everything, covered by sums of zero with the operator's help: the
    /// request cannot be cancelled, no tree has the total, and the halt makes it void.
    function test_attack_overdraftCoveredBySumsOfZero() public {
        honestlyTo(2);
        Statement[] memory zero = countersigned(ANN, turnover(2, 99, 0, 0));
        // She sells all of it to Ben, who is honest.
        move(0, ANN, BEN, 100);
        move(1, BEN, ANN, 200);
        ask(100, zero);
        notOverdrawn(100);
        cancel(new SignedOrder[](0), byClient(ANN, turnover(2, 99, 0, 0)), coversOf(zero));
        rollTo(3, 0);
        Root[] memory roots = honestRoots();
        vm.prank(operator);
        vm.expectPartialRevert(IMediator.WrongTotal.selector);
        mediator.commit(roots, new Signature[](0));
        rollTo(3, 1);
        assertTrue(mediator.halted(), "silence halts");
        rollTo(9, 1);
        vm.expectPartialRevert(IMediator.WithdrawalNotDue.selector);
        mediator.confirmWithdrawal(clients[ANN], address(tokens[0]));
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        mediator.recoverBalance(clients[BEN], address(tokens[1]), proofOf(BEN, 1, 1));
        assertEq(walletOf(ANN, 0), 100, "once, and in the trade's place");
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "all of it");
    }

    /// @dev 12, with a false tree: Ben is short, disputes, and nobody can close.
    function test_attack_overdraftCoveredBySumsOfZeroAndAFalseTree() public {
        honestlyTo(2);
        Statement[] memory zero = countersigned(ANN, turnover(2, 99, 0, 0));
        SignedOrder memory bens = orderOf(BEN, 2, 1, [1, 0], [uint128(200), 100], 1);
        ask(100, zero);
        // Ann's money leaves, and Ben is said to have bought nothing of it.
        balances[0][ANN] -= 100;
        move(1, BEN, ANN, 200);
        rollTo(3, 0);
        commitNow();
        openWithProofs(BEN, one(fillOf(BEN, bens, 200, 100)));
        mismatch(0, 100, 0);
        closeWith(BEN, 3, one(bens, 200, 100));
        rollTo(4, 0);
        commitNow();
        rollTo(4, 1);
        assertTrue(mediator.halted(), "Ben's dispute is open");
        vm.expectPartialRevert(IMediator.WithdrawalNotDue.selector);
        mediator.confirmWithdrawal(clients[ANN], address(tokens[0]));
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 2));
        assertEq(walletOf(ANN, 0), 100);
        assertEq(tokens[0].balanceOf(address(mediator)), 0);
    }
}
