// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    Cover,
    Delegation,
    DisputeAnswer,
    Execution,
    PresentedFill,
    SignedOrder,
    Statement
} from "../../src/types/Types.sol";
import {StatementTest} from "../base/StatementTest.sol";

/// @title Attacks by statements in disputes, and on them (docs/protocol.md section 10)
/// @notice In round 0 Ann deposits 100 of token 0 and Ben 200 of token 1; in round 1 Ann sells ten
/// by each order, for twenty. Round 2 disputes that. Numbers are those of section 10's table.
contract StatementAttacksTest is StatementTest {
    // ------------------------------------------------------------------ what covers what

    /// @dev 1. Two statements of one watermark; order 2 is executed and outside the older one.
    function test_attack_olderStatementOfOneWatermark() public {
        sell(1);
        Statement memory older = statementOf(1, 3, oneId(2), [uint128(10), 0], [uint128(0), 20]);
        // The tree knows nothing of order 2.
        honestlyTo(2);
        Statement memory newer = sums(2);
        openWith(countersigned(ANN, newer), noFills());
        refusesCover(1, 3);
        closeBy(byClient(ANN, older), countersigned(ANN, newer), noExecutions());
        mismatch(0, 80, 90);
        closeBy(byClient(ANN, newer), countersigned(ANN, newer), noExecutions());
        halts();
    }

    /// @dev 2. Fills of orders that the presented statement covers: decided at the closing.
    function test_attack_fillsOfCoveredOrdersAtTheOpening() public {
        sell(1);
        honestlyTo(2);
        Statement memory said = sums(1);
        openWith(countersigned(ANN, said), one(fillOf(ANN, sale(ANN, 1, 1, 10), 10, 20)));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        closeBy(byClient(ANN, said), countersigned(ANN, said), noExecutions());
        // By another order than the fill's, and then by its own, which nobody need have signed.
        wrongOrder(0);
        closeBy(byClient(ANN, said), countersigned(ANN, said), shown(0));
        closeBy(byClient(ANN, said), countersigned(ANN, said), shown(1));
        assertClosed(ANN);
    }

    /// @dev 4. Executions proven beside no statement count beside none that covers them.
    function test_attack_executionsBesideTheirStatement() public {
        sell(1);
        // Ann is paid for once, and twice is taken from her.
        move(0, ANN, BEN, 10);
        move(1, BEN, ANN, 20);
        honestlyTo(2);
        Statement memory said = sums(1);
        openWith(countersigned(ANN, said), noFills());
        prove(ANN, 2, false, one(sale(ANN, 1, 1, 10), 10, 20));
        mismatch(0, 90, 80);
        closeBy(byClient(ANN, said), countersigned(ANN, said), noExecutions());
        // Nor can they be sent beside it: nobody presented a fill of the order.
        wrongOrder(1);
        proveBeside(byClient(ANN, said), one(sale(ANN, 1, 1, 10), 10, 20));
        halts();
    }

    /// @dev 5. A statement that was signed and never countersigned, and orders executed after it.
    function test_attack_statementSignedAndOrdersExecutedSince() public {
        sell(1);
        Statement memory said = sums(1);
        // Ann goes on at ids from the watermark on. The tree leaves that out.
        honestlyTo(2);
        SignedOrder memory later = sale(ANN, 1, said.watermark, 10);
        openWith(noStatements(), one(fillOf(ANN, later, 10, 20)));
        vm.expectRevert(abi.encodeWithSelector(IMediator.FillsNotCovered.selector, 0, 1));
        closeBy(byClient(ANN, said), noStatements(), noExecutions());
        mismatch(0, 80, 90);
        closeBy(byClient(ANN, said), noStatements(), one(later, 10, 20));
        halts();
    }

    /// @dev 6. An order that another device has just placed stays outside: it must be accounted for.
    function test_attack_statementOverAnOrderStillOpen() public {
        sell(2);
        honestlyTo(2);
        SignedOrder memory open = sale(ANN, 1, 1, 10);
        Statement memory said = statementOf(1, 3, oneId(1), [uint128(10), 0], [uint128(0), 20]);
        openWith(countersigned(ANN, said), one(fillOf(ANN, open, 10, 20)));
        // Its order without the signature does not do outside the statement.
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        closeBy(byClient(ANN, said), countersigned(ANN, said), shown(1));
        closeBy(byClient(ANN, said), countersigned(ANN, said), one(open, 10, 20));
        assertClosed(ANN);
    }

    /// @dev 7. The statement hidden, and old fills of orders that it covers: all are answered, for
    /// less gas than presenting them takes.
    function test_attack_hiddenStatementAndOldFills() public {
        uint64 count = 10;
        for (uint64 i = 0; i < count; ++i) {
            sell(1);
        }
        honestlyTo(2);
        PresentedFill[] memory fills = new PresentedFill[](count);
        for (uint64 i = 0; i < count; ++i) {
            insert(fills, i, fillOf(ANN, sale(ANN, 1, i + 1, 10), 10, 20));
        }
        uint256 gas_ = gasleft();
        openWith(noStatements(), fills);
        uint256 asked = gas_ - gasleft();
        Statement[] memory said = byClient(ANN, sums(count));
        Execution[] memory all = new Execution[](count);
        for (uint64 i = 0; i < count; ++i) {
            all[i] = shown(i + 1)[0];
        }
        gas_ = gasleft();
        proveBeside(said, all);
        assertLt(gas_ - gasleft(), asked, "asking costs more");
        closeBy(said, noStatements(), noExecutions());
        assertClosed(ANN);
    }

    /// @dev 8. An older statement, or none: the last covers as much.
    function test_attack_olderStatementPresentedOrNone() public {
        sell(1);
        Statement memory older = sums(1);
        sell(1);
        honestlyTo(2);
        Statement memory last = sums(2);
        openWith(countersigned(ANN, older), one(fillOf(ANN, sale(ANN, 1, 2, 10), 10, 20)));
        uint256 opened = vm.snapshotState();
        closeBy(byClient(ANN, last), countersigned(ANN, older), shown(2));
        assertClosed(ANN);
        vm.revertToState(opened);
        // Or with the older one, and what came after.
        closeBy(byClient(ANN, older), countersigned(ANN, older), one(sale(ANN, 1, 2, 10), 10, 20));
        assertClosed(ANN);
    }

    /// @dev 9. Two that do not cover one another: the one presented binds, the other one is not
    /// countersigned.
    function test_attack_twoStatementsThatDoNotCoverOneAnother() public {
        sell(2);
        honestlyTo(2);
        Statement memory first = statementOf(1, 3, oneId(1), [uint128(10), 0], [uint128(0), 20]);
        Statement memory second = statementOf(1, 3, oneId(2), [uint128(10), 0], [uint128(0), 20]);
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        Statement[] memory hers = byClient(ANN, second);
        vm.prank(clients[ANN]);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.StatementNotSigned.selector, 1, clients[ANN])
        );
        mediator.openDispute(clients[ANN], proofs, noDeposit(), noFills(), noDelegation(), hers);
        openWith(countersigned(ANN, first), noFills());
        refusesCover(1, 3);
        closeBy(hers, countersigned(ANN, first), one(sale(ANN, 1, 2, 10), 10, 20));
        closeBy(byClient(ANN, first), countersigned(ANN, first), one(sale(ANN, 1, 1, 10), 10, 20));
        assertClosed(ANN);
    }

    // ------------------------------------------------------------------ sums

    /// @dev 10. An accomplice signs that he bought what nobody sold: Ann is short of it.
    function test_attack_sumsOfAnAccomplice() public {
        move(0, ANN, BEN, 50);
        honestlyTo(2);
        openWith(noStatements(), noFills());
        Statement memory made = statementOf(1, 9, noIds(), [uint128(0), 0], [uint128(50), 0]);
        vm.expectPartialRevert(IMediator.StatementNotSigned.selector);
        closeBy(byClient(BEN, made), noStatements(), noExecutions());
        mismatch(0, 100, 50);
        closeBy(noStatements(), noStatements(), noExecutions());
        halts();
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        assertEq(walletOf(ANN, 0), 100, "she has what she had");
    }

    /// @dev 11. A countersignature that the journal does not know, by a key that was stolen.
    function test_attack_countersignatureByAStolenKey() public {
        manager.register(otherOperator, genesis, type(uint64).max);
        sell(1);
        honestlyTo(2);
        Statement[] memory made = signedBy(OTHER_OPERATOR_KEY, ANN, sums(7));
        openWith(made, noFills());
        vm.expectRevert(IMediator.WrongCovers.selector);
        closeBy(byClient(ANN, sums(1)), noStatements(), one(sale(ANN, 1, 1, 10), 10, 20));
        refusesCover(1, 8);
        closeBy(byClient(ANN, sums(1)), made, noExecutions());
        halts();
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        mediator.recoverBalance(clients[BEN], address(tokens[1]), proofOf(BEN, 1, 1));
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "and nothing is taken");
    }

    /// @dev 13. Never countersigned: closing with it is closing on the client's own sums.
    function test_attack_statementNeverCountersigned() public {
        sell(1);
        move(0, ANN, BEN, 1);
        honestlyTo(2);
        openWith(noStatements(), one(fillOf(ANN, sale(ANN, 1, 1, 10), 10, 20)));
        mismatch(0, 90, 89);
        closeBy(byClient(ANN, sums(1)), noStatements(), shown(1));
        halts();
    }

    /// @dev 14. An order executed further after the statement: what she signed is what counts, and an
    /// execution of it counts no more.
    function test_attack_executionAfterTheStatement() public {
        SignedOrder memory order = sale(ANN, 1, 1, 30);
        sell(1);
        move(0, ANN, BEN, 5);
        move(1, BEN, ANN, 10);
        honestlyTo(2);
        Statement memory said = sums(1);
        openWith(countersigned(ANN, said), noFills());
        wrongOrder(1);
        closeBy(byClient(ANN, said), countersigned(ANN, said), one(order, 15, 30));
        mismatch(0, 90, 85);
        closeBy(byClient(ANN, said), countersigned(ANN, said), noExecutions());
        halts();
    }

    /// @dev 15. A fill from before the statement, told after it, and presented: the sums hold.
    function test_attack_fillToldAfterTheStatement() public {
        SignedOrder memory order = sale(ANN, 1, 1, 30);
        sell(1);
        honestlyTo(2);
        Statement memory said = sums(1);
        openWith(countersigned(ANN, said), one(fillOf(ANN, order, 15, 30)));
        Execution[] memory beyond = one(order, 15, 30);
        beyond[0].order.signature = shown(1)[0].order.signature;
        // Amounts beside a covered order are not looked at.
        closeBy(byClient(ANN, said), countersigned(ANN, said), beyond);
        assertClosed(ANN);
    }

    // ------------------------------------------------------------------ whose, when, where

    /// @dev 16. Of another round, client, exchange, or signed as another message.
    function test_attack_statementOfAnotherRoundClientOrExchange() public {
        sell(1);
        honestlyTo(2);
        Statement memory said = sums(1);
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        Statement[] memory wrong = countersigned(ANN, said);
        wrong[0].round = 2;
        wrong[0].signature = sign(OPERATOR_KEY, statementHash(clients[ANN], wrong[0]));
        refusedAtOpening(proofs, wrong, IMediator.WrongStatement.selector);
        refusedAtOpening(proofs, countersigned(BEN, said), IMediator.StatementNotSigned.selector);
        wrong = countersigned(ANN, said);
        wrong[0].signature = signWith(
            OPERATOR_KEY, keccak256("another exchange"), statementHash(clients[ANN], said)
        );
        refusedAtOpening(proofs, wrong, IMediator.StatementNotSigned.selector);
        // The operator's signature of a fill, under a statement.
        wrong[0].signature = fillOf(ANN, sale(ANN, 1, 1, 10), 10, 20).signature;
        refusedAtOpening(proofs, wrong, IMediator.StatementNotSigned.selector);
        Statement[] memory two = new Statement[](2);
        (two[0], two[1]) = (countersigned(ANN, said)[0], countersigned(ANN, said)[0]);
        refusedAtOpening(proofs, two, IMediator.WrongStatement.selector);
        openWith(countersigned(ANN, said), noFills());
        vm.expectPartialRevert(IMediator.StatementNotSigned.selector);
        closeBy(byClient(BEN, said), countersigned(ANN, said), noExecutions());
        closeBy(byClient(ANN, said), countersigned(ANN, said), noExecutions());
        assertClosed(ANN);
    }

    /// @dev 17. The trading key of the round signs for it, whatever was set since.
    function test_attack_tradingKeyChangedBesideAStatement() public {
        vm.prank(clients[ANN]);
        mediator.setTradingKey(vm.addr(HOT_KEY));
        honestlyTo(2);
        sell(1);
        vm.prank(clients[ANN]);
        mediator.setTradingKey(address(0));
        honestlyTo(3);
        Statement memory said = statementOf(2, 2, noIds(), [uint128(10), 0], [uint128(0), 20]);
        Statement memory early = statementOf(1, 2, noIds(), [uint128(10), 0], [uint128(0), 20]);
        openAt(3, countersigned(ANN, said), noFills());
        vm.expectPartialRevert(IMediator.WrongStatement.selector);
        closeAt(3, signedBy(HOT_KEY, ANN, early), countersigned(ANN, said), noExecutions());
        closeAt(3, signedBy(HOT_KEY, ANN, said), countersigned(ANN, said), noExecutions());
        assertFalse(mediator.dispute(clients[ANN], 3).open, "closed");
    }

    /// @dev 18. A stolen trading key signs what it likes, as orders: it needs the operator, and
    /// withdraws nothing.
    function test_attack_stolenTradingKeySignsAStatement() public {
        vm.prank(clients[ANN]);
        mediator.setTradingKey(vm.addr(HOT_KEY));
        honestlyTo(2);
        sell(1);
        honestlyTo(3);
        openAt(3, noStatements(), noFills());
        Statement memory away = statementOf(2, 9, noIds(), [uint128(100), 0], [uint128(0), 0]);
        mismatch(0, 0, 90);
        closeAt(3, signedBy(HOT_KEY, ANN, away), noStatements(), noExecutions());
        BalanceProof memory proof = proofOf(ANN, 0, 2);
        vm.prank(vm.addr(HOT_KEY));
        vm.expectRevert();
        mediator.initiateWithdrawal(address(tokens[0]), 1, vm.addr(HOT_KEY), proof, noStatements());
    }

    // ------------------------------------------------------------------ form

    /// @dev 19. A token twice, not of the round, or too many ids.
    function test_attack_statementWithATokenTwiceOrTooManyIds() public {
        sell(1);
        honestlyTo(2);
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        Statement memory said = sums(1);
        said.tokens[1] = said.tokens[0];
        refusedAtOpening(proofs, countersigned(ANN, said), IMediator.WrongStatement.selector);
        said = sums(1);
        said.sold = new uint128[](1);
        refusedAtOpening(proofs, countersigned(ANN, said), IMediator.WrongStatement.selector);
        said = sums(40);
        said.except = new uint64[](33);
        for (uint64 i = 0; i < 33; ++i) {
            said.except[i] = i;
        }
        refusedAtOpening(proofs, countersigned(ANN, said), IMediator.WrongStatement.selector);
        openWith(noStatements(), noFills());
        said = sums(1);
        (said.tokens[0], said.tokens[1]) = (address(1), address(type(uint160).max));
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.TokenNotInRound.selector, address(1), uint64(2))
        );
        closeBy(byClient(ANN, said), noStatements(), noExecutions());
    }

    /// @dev 20. One statement in two forms: ids at or above the watermark, twice, or descending.
    function test_attack_statementOfTwoForms() public {
        sell(1);
        honestlyTo(2);
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        uint64[2][3] memory pairs = [[uint64(0), 2], [uint64(1), 1], [uint64(1), 0]];
        for (uint256 i = 0; i < pairs.length; ++i) {
            Statement memory said = sums(1);
            said.except = new uint64[](2);
            (said.except[0], said.except[1]) = (pairs[i][0], pairs[i][1]);
            refusedAtOpening(proofs, countersigned(ANN, said), IMediator.WrongStatement.selector);
        }
        Statement memory nothing = sums(1);
        nothing.watermark = 0;
        refusedAtOpening(proofs, countersigned(ANN, nothing), IMediator.WrongStatement.selector);
    }

    /// @dev 21. One id and two contents, each with a fill, which takes an operator that signs both:
    /// it can answer one of them, and halts.
    function test_attack_orderOfOneIdAndTwoContents() public {
        sell(1);
        honestlyTo(2);
        PresentedFill[] memory fills = new PresentedFill[](2);
        insert(fills, 0, fillOf(ANN, sale(ANN, 1, 1, 10), 10, 20));
        insert(fills, 1, fillOf(ANN, sale(ANN, 1, 1, 11), 10, 20));
        openWith(noStatements(), fills);
        Execution[] memory both = new Execution[](2);
        (both[0], both[1]) = (shown(1)[0], shown(1)[0]);
        both[1].order.sellAmount = 11;
        both[1].order.buyAmount = 22;
        wrongOrder(1);
        closeBy(byClient(ANN, sums(1)), noStatements(), both);
        halts();
    }

    /// @dev 22. A watchtower that has an old statement spends the only dispute of the round.
    function test_attack_watchtowerWithAnOldStatement() public {
        sell(1);
        Statement memory older = sums(1);
        sell(1);
        honestlyTo(2);
        address tower = address(0x70E2);
        Delegation memory allowed = delegation(ANN, tower, 2);
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        Statement[] memory old = countersigned(ANN, older);
        vm.prank(tower);
        mediator.openDispute(clients[ANN], proofs, noDeposit(), noFills(), allowed, old);
        refusedAtOpening(proofs, countersigned(ANN, sums(2)), IMediator.DisputeExists.selector);
        closeBy(byClient(ANN, sums(2)), old, noExecutions());
        assertClosed(ANN);
    }

    /// @dev Both sides' forms of the same ids; the answer's must be the longer ones (23).
    function test_attack_idsInTheGapsOfWhatWasPresented() public {
        for (uint256 i = 0; i < 5; ++i) {
            sell(1);
        }
        honestlyTo(2);
        uint64[] memory presented = new uint64[](2);
        (presented[0], presented[1]) = (2, 4);
        Statement memory said = statementOf(1, 5, presented, [uint128(20), 0], [uint128(0), 40]);
        openWith(countersigned(ANN, said), noFills());
        for (uint64 id = 1; id <= 3; id += 2) {
            Statement memory less = statementOf(1, 6, oneId(id), [uint128(40), 0], [uint128(0), 80]);
            refusesCover(1, 5);
            closeBy(
                byClient(ANN, less), countersigned(ANN, said), one(sale(ANN, 1, id, 10), 10, 20)
            );
        }
        Statement memory more = statementOf(1, 6, oneId(4), [uint128(40), 0], [uint128(0), 80]);
        Cover[] memory covers = coversOf(countersigned(ANN, said));
        (covers[0].watermark, covers[0].except) = (4, oneId(2));
        vm.expectRevert(IMediator.WrongCovers.selector);
        closeCovering(byClient(ANN, more), covers, one(sale(ANN, 1, 4, 10), 10, 20));
        closeBy(byClient(ANN, more), countersigned(ANN, said), one(sale(ANN, 1, 4, 10), 10, 20));
        assertClosed(ANN);
    }
}
