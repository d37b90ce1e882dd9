// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Messages} from "../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    Execution,
    PresentedFill,
    Signature,
    SignedOrder,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {DeepTest} from "../base/DeepTest.sol";

/// @title Attacks by as much evidence as the exchange allows
/// @notice Limits are those of src/protocol/limits.ts. Whoever holds that much must be able to show
/// it in one transaction, and whoever must answer it, too. Each call is a transaction of its own, and
/// no byte of what it carries is zero that need not be.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract LimitAttacksTest is DeepTest {
    uint256 private constant MOST_GAS = 2 ** 24;
    /// @dev 128 kB, less what a transaction has around its calldata.
    uint256 private constant MOST_BYTES = 131_072 - 512;
    uint256 private constant FILL_PATH = 3;
    uint256 private constant EXECUTIONS_AT_CLOSE = 50;
    address private tower = vm.addr(0x7A7C);

    /// @dev Of the transaction before.
    function assertFits(uint256 dataBytes, string memory what) private view {
        assertLe(dataBytes, MOST_BYTES, string.concat(what, ": bytes"));
        assertLe(vm.lastCallGas().gasTotalUsed, MOST_GAS, string.concat(what, ": gas"));
    }

    // ------------------------------------------------------------------ the client's evidence

    /// @dev The exchange that the defaults are made for: sixteen tokens, a million clients.
    function test_attack_disputeAtTheLimitOfOrders() public {
        disputeAtTheLimit(16, 20, FILL_PATH);
    }

    /// @dev Every token that can be listed, 131,072 clients, fills signed one by one.
    function test_attack_disputeAtTheLimitOfOrdersAndTokens() public {
        disputeAtTheLimit(32, 17, 0);
    }

    function disputeAtTheLimit(uint256 tokenCount, uint256 levels, uint256 path) private {
        grow(tokenCount, levels);
        BalanceProof[] memory proofs = deepProofs();
        PresentedFill[] memory fills = fillsOf(ORDERS_PER_CLIENT_AND_ROUND, path);
        Delegation memory delegation = delegated();
        DepositRef memory ref = DepositRef(address(tokens[0]), 0);
        vm.prank(tower);
        mediator.openDispute(clients[ANN], proofs, ref, fills, delegation, noStatements());
        uint256 dataBytes =
            abi.encodeCall(
            mediator.openDispute, (clients[ANN], proofs, ref, fills, delegation, noStatements())
        )
        .length;
        assertFits(dataBytes, "openDispute");
        // The formulas of limits.ts, which refuse an exchange where this would not fit.
        uint256 words = 16 + tokenCount * (6 + 2 * levels) + fills.length * (10 + path);
        assertEq(dataBytes, 4 + 32 * words, "openDisputeBytes");
        uint256 bound = 250_000 + 16 * dataBytes + tokenCount * (10_000 + 1000 * levels)
            + fills.length * (40_000 + 500 * path);
        assertLe(vm.lastCallGas().gasTotalUsed, bound, "openDisputeGas");
        uint32 presented = mediator.dispute(clients[ANN], 2).presented;
        assertEq(presented, ORDERS_PER_CLIENT_AND_ROUND, "all of them");
    }

    /// @dev By two operators in turn, so that the manager is asked about each.
    function fillsOf(uint256 count, uint256 path)
        private
        view
        returns (PresentedFill[] memory fills)
    {
        fills = new PresentedFill[](count);
        for (uint256 i = 0; i < count; ++i) {
            PresentedFill memory fill = fills[i];
            fill.orderHash = bytes32((i + 1) << 248 | uint256(keccak256(abi.encode(i))) >> 8);
            (fill.sold, fill.bought, fill.sequence) = (SUM, SUM, 0x0101010101010101);
            bytes32 structHash = fillHash(clients[ANN], 1, fill);
            uint256 key = i % 2 == 0 ? OPERATOR_KEY : OTHER_OPERATOR_KEY;
            fill.signature = inBatch(key, structHash, path);
        }
    }

    function delegated() private view returns (Delegation memory delegation) {
        delegation.untilRound = type(uint64).max;
        Signature memory signature = sign(
            keyOf(ANN),
            keccak256(
                abi.encode(Messages.DELEGATION_TYPEHASH, clients[ANN], tower, type(uint64).max)
            )
        );
        uint8 v = uint256(signature.vs) >> 255 == 1 ? 28 : 27;
        delegation.signature =
            abi.encodePacked(signature.r, uint256(signature.vs) & (type(uint256).max >> 1), v);
    }

    // ------------------------------------------------------------------ the operator's

    /// @dev A client overdraws by tiny orders, as many as two rounds allow.
    function test_attack_overdraftByAsManyOrdersAsAllowed() public {
        grow(2, 20);
        BalanceProof memory proof = deepProof();
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(
            address(tokens[0]), SUM - 199, clients[ANN], proof, noStatements()
        );
        SignedOrder[] memory orders = tinyOrders();
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        uint256 dataBytes =
            abi.encodeCall(
            mediator.cancelWithdrawal,
            (clients[ANN], address(tokens[0]), orders, noStatements(), noCovers())
        )
        .length;
        assertFits(dataBytes, "cancelWithdrawal");
        assertEq(dataBytes, 4 + 32 * (8 + orders.length * (13 + ORDER_PATH)), "limits.ts");
    }

    /// @dev A client with every token, among a million, who shows nothing: the operator must prove
    /// openings and closings, beside as many executions as its software puts into that call.
    function test_attack_disputeThatTakesTheLongestAnswer() public {
        grow(32, 20);
        openByDeposit(ANN, 0, 0, noFills());
        Execution[] memory executions = thereAndBack(EXECUTIONS_AT_CLOSE);
        BalanceProof[] memory proofs = deepProofs();
        vm.prank(operator);
        mediator.closeDispute(
            clients[ANN],
            2,
            DisputeAnswer(executions, new uint128[](0), proofs, proofs, noStatements(), noCovers())
        );
        uint256 dataBytes =
            abi.encodeCall(
            mediator.closeDispute,
            (
                clients[ANN],
                2,
                DisputeAnswer(
                    executions, new uint128[](0), proofs, proofs, noStatements(), noCovers()
                )
            )
        )
        .length;
        assertFits(dataBytes, "closeDispute");
        // The formula of docs/security.md by which bonds are set, with executions.
        uint256 bound = 65_000 + 32 * (20_000 + 3850 * 20) + 23_000 * EXECUTIONS_AT_CLOSE;
        assertLe(vm.lastCallGas().gasTotalUsed, bound, "the bond would not pay for this answer");
        bool open = mediator.dispute(clients[ANN], 2).open;
        assertFalse(open, "closed");
    }

    /// @dev One call proves the executions of every order that the limit allows.
    function test_attack_disputeOverAsManyOrdersAsAllowed() public {
        grow(32, 17);
        openByDeposit(ANN, 0, 0, noFills());
        Execution[] memory executions = thereAndBack(ORDERS_PER_CLIENT_AND_ROUND);
        vm.prank(operator);
        mediator.proveExecutions(clients[ANN], 2, false, executions, noStatements());
        uint256 dataBytes =
            abi.encodeCall(
            mediator.proveExecutions, (clients[ANN], 2, false, executions, noStatements())
        )
        .length;
        assertFits(dataBytes, "proveExecutions");
    }

    /// @dev Sells what it bought, so that nothing is left of it.
    function thereAndBack(uint256 count) private view returns (Execution[] memory executions) {
        executions = new Execution[](count);
        for (uint64 i = 0; i < count; ++i) {
            uint8 sold = uint8(i % 2);
            SignedOrder memory order =
                orderOf(ANN, 1, type(uint64).max - 500 + i, [sold, 1 - sold], [SUM, SUM], 1);
            order.signature = inBatch(keyOf(ANN), hashOf(clients[ANN], order), ORDER_PATH);
            executions[i] = Execution(order, SUM, SUM);
        }
    }
}
