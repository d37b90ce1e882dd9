// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    BalanceProof,
    Execution,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder,
    Statement,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";
import {Trees} from "../base/Trees.sol";

/// @title What each transaction costs, kept in `gas/` beside what the reference's cost
/// @notice Whole transactions, calldata included: each call is a transaction of its own. Trees have
/// 1024 leaves (ten siblings) and the Mediator two tokens where nothing is said, as in the figures
/// of the reference, OAX's Mediator of 2019 under current rules.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract MediatorGasTest is MediatorTest {
    string private constant GROUP = "Mediator";
    uint256 private constant DEPTH = 10;
    uint256 private constant ANN = 0;
    uint256 private constant BOB = 1;
    uint128 private constant MINE = 1000 * UNIT;
    /// @dev Gas of one transaction on current Ethereum, and the bytes that its nodes pass on.
    uint256 private constant MOST_GAS = 2 ** 24;

    /// @dev What Ann holds of each token, and what all others do.
    mapping(uint256 token => uint128) private anns;
    mapping(uint256 token => uint128) private others;
    mapping(string call => mapping(uint64 orders => uint256)) private keptByOrders;

    /// @dev Of the transaction before.
    function cost() private view returns (uint256) {
        return vm.lastCallGas().gasTotalUsed;
    }

    function keep(string memory row, uint256 ours) private {
        vm.snapshotValue(GROUP, row, ours);
    }

    function keep(string memory row, uint256 ours, uint256 referenceCost) private {
        keep(row, ours);
        vm.snapshotValue(GROUP, string.concat(row, " (reference)"), referenceCost);
        assertLt(ours, referenceCost, row);
    }

    // ------------------------------------------------------------------ trees of 1024 leaves

    /// @dev Ann is leaf 0; what others hold is in the right half.
    function deepProof(uint256 token) private view returns (BalanceProof memory proof) {
        proof.balance = anns[token];
        proof.leafCount = uint64(1 << DEPTH);
        proof.siblings = new Sibling[](DEPTH);
        for (uint256 i = 0; i < DEPTH; ++i) {
            uint128 sum = i + 1 == DEPTH ? others[token] : 0;
            proof.siblings[i] = Sibling(keccak256(abi.encode(token, i)), sum);
        }
    }

    function deepProofs() private view returns (BalanceProof[] memory proofs) {
        proofs = new BalanceProof[](tokens.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i] = deepProof(i);
        }
    }

    function deepRoots() private view returns (Root[] memory roots) {
        roots = new Root[](tokens.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            BalanceProof memory proof = deepProof(i);
            bytes32 top = Trees.leaf(clients[ANN], proof.balance);
            for (uint256 j = 0; j < DEPTH; ++j) {
                Sibling memory sibling = proof.siblings[j];
                top = Trees.node(top, proof.balance, sibling.hash, sibling.sum);
            }
            uint128 total = anns[i] + others[i];
            roots[i] = Root(address(tokens[i]), top, total, uint64(1 << DEPTH));
        }
    }

    function deepCommit(uint64 round) private {
        rollTo(round, 0);
        Root[] memory roots = deepRoots();
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    function deepDeposit(uint256 client, uint256 token, uint128 amount) private {
        deposit(client, token, amount);
        if (client == ANN) anns[token] += amount;
        else others[token] += amount;
    }

    function deepRequest(uint256 token, uint128 amount) private {
        BalanceProof memory proof = deepProof(token);
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(
            address(tokens[token]), amount, clients[ANN], proof, noStatements()
        );
    }

    // ------------------------------------------------------------------ rows

    function test_gas_deposit() public {
        deposit(ANN, 0, MINE);
        keep("deposit, first", cost(), 122_925);
        deposit(ANN, 0, MINE);
        keep("deposit, later", cost(), 71_625);
    }

    function test_gas_commit() public {
        deepDeposit(ANN, 0, MINE);
        deepDeposit(ANN, 1, MINE);
        deepCommit(1);
        keep("commit, 2 tokens, first", cost(), 2 * 121_740);
        deepCommit(2);
        keep("commit, 2 tokens, later", cost(), 2 * 107_732);
    }

    function test_gas_commitOfManyTokens() public {
        while (tokens.length < 32) {
            addToken();
        }
        deepDeposit(ANN, 0, MINE);
        deepCommit(1);
        deepCommit(2);
        keep("commit, 32 tokens, later", cost(), 32 * 107_732);
    }

    function test_gas_withdrawal() public {
        deepDeposit(ANN, 0, MINE);
        deepCommit(1);
        deepCommit(2);
        deepRequest(0, MINE);
        keep("initiateWithdrawal", cost(), 157_218);
        anns[0] = 0;
        deepCommit(3);
        deepCommit(4);
        rollTo(4, 1);
        mediator.confirmWithdrawal(clients[ANN], address(tokens[0]));
        keep("confirmWithdrawal", cost(), 60_727);
    }

    function test_gas_cancelWithdrawal() public {
        keep("cancelWithdrawal, 1 order", cancelled(1), 67_000);
    }

    function test_gas_cancelWithdrawalOfTen() public {
        keep("cancelWithdrawal, 10 orders", cancelled(10), 185_000);
    }

    function cancelled(uint64 count) private returns (uint256) {
        deepDeposit(ANN, 0, MINE);
        deepCommit(1);
        deepCommit(2);
        deepRequest(0, MINE);
        SignedOrder[] memory orders = new SignedOrder[](count);
        for (uint64 i = 0; i < count; ++i) {
            orders[i] = sale(ANN, 2, i, UNIT);
        }
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        return cost();
    }

    function test_gas_disputeOfNothing() public {
        keep("openDispute, 0 fills", opened(0), 287_277);
        keep("closeDispute, 0 fills", answered(0), 137_841);
    }

    function test_gas_disputeOfOne() public {
        keep("openDispute, 1 fill", opened(1), 411_136);
        keep("closeDispute, 1 fill", answered(1), 214_285);
    }

    function test_gas_disputeOfTen() public {
        keep("openDispute, 10 fills", opened(10), 2_334_599);
        keep("closeDispute, 10 fills", answered(10), 868_009);
    }

    function test_gas_disputeOfFifty() public {
        keep("openDispute, 50 fills", opened(50));
        keep("closeDispute, 50 fills", answered(50), 3_814_088);
    }

    /// @dev More fills than an operator lets a client have in a round.
    function test_gas_openDisputeOfManyFills() public {
        uint256 ours = opened(256);
        keep("openDispute, 256 fills", ours);
        assertLt(ours, MOST_GAS, "one transaction");
    }

    /// @dev Ann sells `count` units to Bob in round 1; in round 2 she disputes.
    function opened(uint64 count) private returns (uint256) {
        deepDeposit(ANN, 0, MINE);
        deepDeposit(BOB, 1, MINE);
        deepCommit(1);
        PresentedFill[] memory fills = new PresentedFill[](count);
        for (uint64 i = 0; i < count; ++i) {
            insert(fills, i, fillOf(ANN, sale(ANN, 1, i, UNIT), UNIT, 2 * UNIT));
        }
        BalanceProof[] memory proofs = deepProofs();
        rollTo(2, 0);
        vm.prank(clients[ANN]);
        mediator.openDispute(
            clients[ANN], proofs, noDeposit(), fills, noDelegation(), noStatements()
        );
        return cost();
    }

    function answered(uint64 count) private returns (uint256) {
        uint128[] memory openings = new uint128[](2);
        (openings[0], openings[1]) = (anns[0], anns[1]);
        anns[0] -= count * UNIT;
        others[0] += count * UNIT;
        anns[1] += 2 * count * UNIT;
        others[1] -= 2 * count * UNIT;
        deepCommit(2);
        Execution[] memory executions = new Execution[](count);
        for (uint64 i = 0; i < count; ++i) {
            executions[i] = Execution(sale(ANN, 1, i, UNIT), UNIT, 2 * UNIT);
        }
        BalanceProof[] memory closings = deepProofs();
        vm.prank(operator);
        mediator.closeDispute(
            clients[ANN],
            2,
            DisputeAnswer(
                executions, openings, new BalanceProof[](0), closings, noStatements(), noCovers()
            )
        );
        return cost();
    }

    // ------------------------------------------------------------------ statements

    /// @dev Of so many of Ann's orders, each of a unit, in `round`.
    function summed(uint64 round, uint64 orders) private view returns (Statement memory) {
        uint128 sold = orders * UNIT;
        return statementOf(round, orders, noIds(), [sold, 0], [uint128(0), 2 * sold]);
    }

    function keepForOrders(string memory call, uint64 orders) private {
        string memory row = orders > 99 ? ", over 5,000 orders" : ", over 50 orders";
        keep(string.concat(call, row), cost());
        keptByOrders[call][orders] = cost();
    }

    /// @dev Ann sells `orders` units in round 1, and again in round 2, and shows it by statements.
    function stated(uint64 orders) private {
        deepDeposit(ANN, 0, 10_000 * UNIT);
        deepDeposit(BOB, 1, 30_000 * UNIT);
        deepCommit(1);
        Statement[] memory hers = countersigned(ANN, summed(1, orders));
        Statement[] memory signed = byClient(ANN, summed(1, orders));
        uint128[] memory openings = new uint128[](2);
        (openings[0], openings[1]) = (anns[0], anns[1]);
        BalanceProof[] memory proofs = deepProofs();
        rollTo(2, 0);
        vm.prank(clients[ANN]);
        mediator.openDispute(clients[ANN], proofs, noDeposit(), noFills(), noDelegation(), hers);
        keepForOrders("openDispute, statement", orders);
        anns[0] -= orders * UNIT;
        others[0] += orders * UNIT;
        anns[1] += 2 * orders * UNIT;
        others[1] -= 2 * orders * UNIT;
        deepCommit(2);
        DisputeAnswer memory answer;
        (answer.openingBalances, answer.closings) = (openings, deepProofs());
        (answer.statements, answer.covers) = (signed, coversOf(hers));
        vm.prank(operator);
        mediator.closeDispute(clients[ANN], 2, answer);
        keepForOrders("closeDispute, statement", orders);
    }

    /// @dev In round 3 Ann asks for all, and has sold it in both rounds.
    function cancelledByStatements(uint64 orders) private {
        deepCommit(3);
        uint128 mine = anns[0];
        Statement[] memory hers = new Statement[](2);
        Statement[] memory signed = new Statement[](2);
        for (uint64 i = 0; i < 2; ++i) {
            hers[i] = countersigned(ANN, summed(2 + i, orders))[0];
            signed[i] = byClient(ANN, summed(2 + i, orders))[0];
        }
        BalanceProof memory proof = deepProof(0);
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(address(tokens[0]), mine, clients[ANN], proof, hers);
        keepForOrders("initiateWithdrawal, 2 statements", orders);
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), new SignedOrder[](0), signed, coversOf(hers)
        );
        keepForOrders("cancelWithdrawal, 2 statements", orders);
    }

    /// @dev The same for few orders and for many.
    function test_gas_statements() public {
        uint256 start = vm.snapshotState();
        stated(50);
        cancelledByStatements(50);
        uint256[4] memory few = keptRow(50);
        vm.revertToState(start);
        stated(5000);
        cancelledByStatements(5000);
        uint256[4] memory many = keptRow(5000);
        for (uint256 i = 0; i < 4; ++i) {
            assertLt(many[i], few[i] + 500, "a few digits more");
        }
    }

    function keptRow(uint64 orders) private view returns (uint256[4] memory row) {
        row[0] = keptByOrders["openDispute, statement"][orders];
        row[1] = keptByOrders["closeDispute, statement"][orders];
        row[2] = keptByOrders["initiateWithdrawal, 2 statements"][orders];
        row[3] = keptByOrders["cancelWithdrawal, 2 statements"][orders];
    }

    /// @dev Keeps the first `count` and `fill` ascending by hash.
    function insert(PresentedFill[] memory fills, uint256 count, PresentedFill memory fill)
        private
        pure
    {
        uint256 at = count;
        for (; at > 0 && fills[at - 1].orderHash > fill.orderHash; --at) {
            fills[at] = fills[at - 1];
        }
        fills[at] = fill;
    }

    /// @dev The reference pays balance and deposits in one call.
    function test_gas_recovery() public {
        deepDeposit(ANN, 0, MINE);
        deepCommit(1);
        deepCommit(2);
        rollTo(3, 1);
        BalanceProof memory proof = deepProof(0);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proof);
        keep("recoverBalance", cost(), 99_539);
    }

    function test_gas_recoverDeposits() public {
        deepDeposit(ANN, 0, MINE);
        deepCommit(1);
        rollTo(2, 1);
        mediator.recoverDeposits(clients[ANN], address(tokens[0]));
        keep("recoverDeposits", cost(), 99_539);
    }
}
