// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    DisputeAnswer,
    Execution,
    PresentedFill,
    SignedOrder,
    Statement
} from "../../src/types/Types.sol";
import {StatementTest} from "../base/StatementTest.sol";

/// @title A market maker: 5,000 executed orders of one client in one round
/// @notice Ann buys and sells small amounts of token 0, each order signed, each fill countersigned as
/// it comes, and a statement after every hundred. The operator never holds more than a hundred
/// orders that no statement covers.
contract StatementsTest is StatementTest {
    uint64 private constant ORDERS = 5000;
    uint64 private constant LIMIT = 100;
    /// Orders of the round that no statement covers yet, with what was executed of each.
    Execution[] private _open;
    uint64 private _nextId;
    uint128[2] private _sold;
    uint128[2] private _bought;
    Statement[] private _last;

    /// @dev Orders `_nextId` to `to` of `round`, each executed in full; statements as they go.
    function tradeTo(uint64 round, uint64 to) external {
        for (; _nextId < to; ++_nextId) {
            uint8 sells = uint8(_nextId % 2);
            uint128 amount = 1 + _nextId % 7;
            // A round trip gives back what it took, in both tokens.
            if (sells == 1) amount = 1 + (_nextId - 1) % 7;
            SignedOrder memory order =
                orderOf(ANN, round, _nextId, [sells, 1 - sells], [amount, amount], 1);
            move(sells, ANN, BEN, amount);
            move(1 - sells, BEN, ANN, amount);
            _sold[sells] += amount;
            _bought[1 - sells] += amount;
            _open.push(Execution(order, amount, amount));
            if (_open.length == LIMIT) state(round);
        }
    }

    /// @dev Ann signs the sums of all that is executed, and the operator after her.
    function state(uint64 round) private {
        Statement memory said = statementOf(round, _nextId + 1, noIds(), _sold, _bought);
        delete _last;
        _last.push(said);
        delete _open;
    }

    function trade(uint64 round, uint64 count) private {
        (_nextId, _sold, _bought) = (0, [uint128(0), 0], [uint128(0), 0]);
        delete _open;
        delete _last;
        // Signing so much costs more than forge lets one test spend. Each call has memory of its own.
        vm.pauseGasMetering();
        for (uint64 to = 50; to < count; to += 50) {
            this.tradeTo(round, to);
        }
        this.tradeTo(round, count);
        vm.resumeGasMetering();
    }

    function fillsOfOpen() private view returns (PresentedFill[] memory fills) {
        fills = new PresentedFill[](_open.length);
        for (uint256 i = 0; i < fills.length; ++i) {
            Execution memory made = _open[i];
            insert(fills, i, fillOf(ANN, made.order, made.sold, made.bought));
        }
    }

    function salesOfOpen() private view returns (SignedOrder[] memory orders) {
        orders = new SignedOrder[](_open.length);
        uint256 count = 0;
        for (uint256 i = 0; i < orders.length; ++i) {
            SignedOrder memory order = _open[i].order;
            if (order.sellToken == address(tokens[0])) orders[count++] = order;
        }
        assembly ("memory-safe") {
            mstore(orders, count)
        }
    }

    /// @dev In round 1 she trades, in round 2 disputes that and trades again, and asks for more than
    /// is hers; in round 3 nobody commits, and she recovers.
    function test_fiveThousandOrdersInOneRound() public {
        deposit(BEN, 0, 100);
        trade(1, ORDERS + 30);
        assertEq(_open.length, 30, "the last statement covers the first 5,000");
        assertEq(_last[0].watermark, ORDERS, "by its watermark");
        honestlyTo(2);

        openAt(2, countersigned(ANN, _last[0]), fillsOfOpen());
        assertEq(mediator.dispute(clients[ANN], 2).presented, 30, "fills");
        closeBy(byClient(ANN, _last[0]), countersigned(ANN, _last[0]), _open);
        assertClosed(ANN);

        // Nothing is left of what she sold and bought back; then she sells 60 and asks for 50.
        trade(2, ORDERS + 30);
        SignedOrder memory sale_ = orderOf(ANN, 2, _nextId, [0, 1], [uint128(60), 60], 1);
        move(0, ANN, BEN, 60);
        move(1, BEN, ANN, 60);
        _open.push(Execution(sale_, 60, 60));
        Statement[] memory hers = countersigned(ANN, _last[0]);
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(address(tokens[0]), 50, clients[ANN], proof, hers);
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), salesOfOpen(), byClient(ANN, _last[0]), coversOf(hers)
        );
        assertEq(mediator.withdrawal(clients[ANN], address(tokens[0])).amount, 0, "cancelled");

        honestlyTo(4);
        rollTo(5, 1);
        assertTrue(mediator.halted(), "nobody commits any more");
        for (uint256 client = 0; client < 2; ++client) {
            for (uint256 token = 0; token < 2; ++token) {
                BalanceProof memory hers_ = proofOf(client, token, 3);
                if (hers_.balance == 0) continue;
                mediator.recoverBalance(clients[client], address(tokens[token]), hers_);
                assertEq(walletOf(client, token), balances[token][client], "recovered");
            }
        }
        assertEq(walletOf(ANN, 0), 40, "100 less the last sale");
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "all of it");
    }

    /// @dev Without the statement the same request would be refused at the operator's whim.
    function test_activeTraderWithMoneyIsNotRefused() public {
        deposit(BEN, 0, 100);
        honestlyTo(2);
        trade(2, 100);
        Statement[] memory hers = countersigned(ANN, _last[0]);
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(address(tokens[0]), 100, clients[ANN], proof, hers);
        Statement[] memory signed = byClient(ANN, _last[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotOverdrawn.selector, int256(100), uint128(100))
        );
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), new SignedOrder[](0), signed, coversOf(hers)
        );
    }
}
