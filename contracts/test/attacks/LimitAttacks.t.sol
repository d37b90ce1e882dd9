// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Messages} from "../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    Execution,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";
import {Trees} from "../base/Trees.sol";

/// @title Attacks by as much evidence as the exchange allows
/// @notice Limits are those of src/protocol/limits.ts. Whoever holds that much must be able to show
/// it in one transaction, and whoever must answer it, too. Each call is a transaction of its own, and
/// no byte of what it carries is zero that need not be.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract LimitAttacksTest is MediatorTest {
    uint256 private constant MOST_GAS = 2 ** 24;
    /// @dev 128 kB, less what a transaction has around its calldata.
    uint256 private constant MOST_BYTES = 131_072 - 512;
    uint256 private constant ORDERS_PER_CLIENT_AND_ROUND = 100;
    uint256 private constant ORDER_PATH = 4;
    uint256 private constant FILL_PATH = 3;
    uint256 private constant EXECUTIONS_AT_CLOSE = 50;
    uint256 private constant ANN = 0;
    address private tower = vm.addr(0x7A7C);
    uint128 private constant SUM = 0x01010101010101010101010101010101;

    uint256 private depth;

    /// @dev Ann has SUM of each token, and each sibling of hers as much, in rounds 1 and 2.
    function grow(uint256 tokenCount, uint256 levels) private {
        depth = levels;
        manager.register(otherOperator, genesis, type(uint64).max);
        while (tokens.length < tokenCount) {
            addToken();
        }
        for (uint256 i = 0; i < tokenCount; ++i) {
            deposit(ANN, i, total());
        }
        for (uint64 round = 1; round < 3; ++round) {
            rollTo(round, 0);
            Root[] memory roots = deepRoots();
            vm.prank(operator);
            mediator.commit(roots, new Signature[](0));
        }
    }

    function total() private view returns (uint128) {
        return SUM * uint128(depth + 1);
    }

    function deepProof() private view returns (BalanceProof memory proof) {
        proof.balance = SUM;
        proof.leafCount = uint64(1 << depth);
        proof.siblings = new Sibling[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof.siblings[i] = Sibling(keccak256(abi.encode(i)), SUM);
        }
    }

    function deepProofs() private view returns (BalanceProof[] memory proofs) {
        proofs = new BalanceProof[](tokens.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i] = deepProof();
        }
    }

    function deepRoots() private view returns (Root[] memory roots) {
        bytes32 top = Trees.leaf(clients[ANN], SUM);
        for (uint256 i = 0; i < depth; ++i) {
            top = Trees.node(top, SUM * uint128(i + 1), keccak256(abi.encode(i)), SUM);
        }
        roots = new Root[](tokens.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            roots[i] = Root(address(tokens[i]), top, total(), uint64(1 << depth));
        }
    }

    /// @dev `structHash` at the end of a path of `steps` in a batch of its own.
    function inBatch(uint256 key, bytes32 structHash, uint256 steps)
        private
        view
        returns (Signature memory signature)
    {
        if (steps == 0) return sign(key, structHash);
        bytes32[] memory path = new bytes32[](steps);
        bytes32 node = keccak256(abi.encodePacked(uint8(0), structHash));
        for (uint256 i = 0; i < steps; ++i) {
            bytes32 other = keccak256(abi.encode(structHash, i));
            path[i] = other;
            (bytes32 low, bytes32 high) = node < other ? (node, other) : (other, node);
            node = keccak256(abi.encodePacked(uint8(1), low, high));
        }
        signature = sign(key, keccak256(abi.encode(Messages.BATCH_TYPEHASH, node)));
        signature.path = path;
    }

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
        mediator.openDispute(clients[ANN], proofs, ref, fills, delegation);
        uint256 dataBytes =
            abi.encodeCall(mediator.openDispute, (clients[ANN], proofs, ref, fills, delegation))
        .length;
        assertFits(dataBytes, "openDispute");
        // The formulas of limits.ts, which refuse an exchange where this would not fit.
        uint256 words = 14 + tokenCount * (6 + 2 * levels) + fills.length * (10 + path);
        assertEq(dataBytes, 4 + 32 * words, "openDisputeBytes");
        uint256 bound = 250_000 + 16 * dataBytes + tokenCount * (10_000 + 1000 * levels)
            + fills.length * (40_000 + 500 * path);
        assertLe(vm.lastCallGas().gasTotalUsed, bound, "openDisputeGas");
        (,, uint32 presented) = mediator.dispute(clients[ANN], 2);
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
        mediator.initiateWithdrawal(address(tokens[0]), SUM - 199, clients[ANN], proof);
        SignedOrder[] memory orders = new SignedOrder[](2 * ORDERS_PER_CLIENT_AND_ROUND);
        for (uint64 i = 0; i < orders.length; ++i) {
            uint64 round = i < ORDERS_PER_CLIENT_AND_ROUND ? 1 : 2;
            orders[i] = orderOf(ANN, round, type(uint64).max - 500 + i, [0, 1], [1, SUM], 1);
            orders[i].signature = inBatch(keyOf(ANN), hashOf(clients[ANN], orders[i]), ORDER_PATH);
        }
        vm.prank(operator);
        mediator.cancelWithdrawal(clients[ANN], address(tokens[0]), orders);
        uint256 dataBytes =
            abi.encodeCall(mediator.cancelWithdrawal, (clients[ANN], address(tokens[0]), orders))
        .length;
        assertFits(dataBytes, "cancelWithdrawal");
        assertEq(dataBytes, 4 + 32 * (4 + orders.length * (13 + ORDER_PATH)), "limits.ts");
    }

    /// @dev A client with every token, among a million, who shows nothing: the operator must prove
    /// openings and closings, beside as many executions as its software puts into that call.
    function test_attack_disputeThatTakesTheLongestAnswer() public {
        grow(32, 20);
        openByDeposit(ANN, 0, 0, noFills());
        Execution[] memory executions = thereAndBack(EXECUTIONS_AT_CLOSE);
        BalanceProof[] memory proofs = deepProofs();
        vm.prank(operator);
        mediator.closeDispute(clients[ANN], 2, executions, new uint128[](0), proofs, proofs);
        uint256 dataBytes =
            abi.encodeCall(
            mediator.closeDispute, (clients[ANN], 2, executions, new uint128[](0), proofs, proofs)
        )
        .length;
        assertFits(dataBytes, "closeDispute");
        (, bool open,) = mediator.dispute(clients[ANN], 2);
        assertFalse(open, "closed");
    }

    /// @dev One call proves the executions of every order that the limit allows.
    function test_attack_disputeOverAsManyOrdersAsAllowed() public {
        grow(32, 17);
        openByDeposit(ANN, 0, 0, noFills());
        Execution[] memory executions = thereAndBack(ORDERS_PER_CLIENT_AND_ROUND);
        vm.prank(operator);
        mediator.proveExecutions(clients[ANN], 2, false, executions);
        uint256 dataBytes =
            abi.encodeCall(mediator.proveExecutions, (clients[ANN], 2, false, executions)).length;
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
