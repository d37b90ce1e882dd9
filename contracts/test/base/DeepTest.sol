// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Messages} from "../../src/libraries/Messages.sol";
import {BalanceProof, Root, Sibling, Signature, SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "./MediatorTest.sol";
import {Trees} from "./Trees.sol";

/// @title One client in trees of any depth, over any number of tokens
/// @notice No byte of what is proven or signed is zero that need not be: evidence at its dearest.
abstract contract DeepTest is MediatorTest {
    uint256 internal constant ANN = 0;
    uint128 internal constant SUM = 0x01010101010101010101010101010101;
    /// @dev As src/protocol/limits.ts: orders of a client and round, and steps of an order's path.
    uint256 internal constant ORDERS_PER_CLIENT_AND_ROUND = 100;
    uint256 internal constant ORDER_PATH = 4;

    uint256 internal depth;

    /// @dev Ann has SUM of each token, and each sibling of hers as much, in rounds 1 and 2.
    function grow(uint256 tokenCount, uint256 levels) internal {
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

    function total() internal view returns (uint128) {
        return SUM * uint128(depth + 1);
    }

    function deepProof() internal view returns (BalanceProof memory proof) {
        proof.balance = SUM;
        proof.leafCount = uint64(1 << depth);
        proof.siblings = new Sibling[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof.siblings[i] = Sibling(keccak256(abi.encode(i)), SUM);
        }
    }

    function deepProofs() internal view returns (BalanceProof[] memory proofs) {
        proofs = new BalanceProof[](tokens.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i] = deepProof();
        }
    }

    function deepRoots() internal view returns (Root[] memory roots) {
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
        internal
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

    /// @dev As many of Ann's orders as two rounds allow, each selling one unit of token 0.
    function tinyOrders() internal view returns (SignedOrder[] memory orders) {
        orders = new SignedOrder[](2 * ORDERS_PER_CLIENT_AND_ROUND);
        for (uint64 i = 0; i < orders.length; ++i) {
            uint64 round = i < ORDERS_PER_CLIENT_AND_ROUND ? 1 : 2;
            orders[i] = orderOf(ANN, round, type(uint64).max - 500 + i, [0, 1], [1, SUM], 1);
            orders[i].signature = inBatch(keyOf(ANN), hashOf(clients[ANN], orders[i]), ORDER_PATH);
        }
    }
}
