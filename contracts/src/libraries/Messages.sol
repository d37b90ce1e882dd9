// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {PresentedFill, Root, Signature, SignedOrder, Statement} from "../types/Types.sol";

/// @title EIP-712 messages of the exchange (docs/protocol.md section 5)
library Messages {
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(address owner,uint64 round,uint64 id,address sellToken,uint128 sellAmount,address buyToken,uint128 buyAmount,uint8 intent)"
    );
    bytes32 internal constant FILL_TYPEHASH = keccak256(
        "Fill(bytes32 orderHash,address owner,uint64 round,uint128 sold,uint128 bought,uint64 sequence)"
    );
    bytes32 internal constant COMMIT_TYPEHASH = keccak256("Commit(uint64 round,bytes32 rootsHash)");
    bytes32 internal constant DELEGATION_TYPEHASH =
        keccak256("DisputeDelegation(address client,address delegate,uint64 untilRound)");
    bytes32 internal constant STATEMENT_TYPEHASH = keccak256(
        "Statement(address client,uint64 round,uint64 watermark,uint64[] except,address[] tokens,uint128[] sold,uint128[] bought)"
    );
    bytes32 internal constant BATCH_TYPEHASH = keccak256("Batch(bytes32 root)");

    function hashOrder(address owner, SignedOrder calldata order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ORDER_TYPEHASH,
                owner,
                order.round,
                order.id,
                order.sellToken,
                order.sellAmount,
                order.buyToken,
                order.buyAmount,
                order.intent
            )
        );
    }

    function hashFill(address owner, uint64 round, PresentedFill calldata fill)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                FILL_TYPEHASH, fill.orderHash, owner, round, fill.sold, fill.bought, fill.sequence
            )
        );
    }

    function hashStatement(address client, Statement calldata statement)
        internal
        pure
        returns (bytes32)
    {
        uint64[] calldata except = statement.except;
        address[] calldata tokens = statement.tokens;
        uint128[] calldata sold = statement.sold;
        uint128[] calldata bought = statement.bought;
        bytes32[4] memory arrays;
        // An element is a word, as EIP-712 has it. Bits beyond its type would be signed with it.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            function hashWords(offset, count) -> hash {
                let free := mload(0x40)
                calldatacopy(free, offset, shl(5, count))
                hash := keccak256(free, shl(5, count))
            }
            mstore(arrays, hashWords(except.offset, except.length))
            mstore(add(arrays, 0x20), hashWords(tokens.offset, tokens.length))
            mstore(add(arrays, 0x40), hashWords(sold.offset, sold.length))
            mstore(add(arrays, 0x60), hashWords(bought.offset, bought.length))
        }
        return keccak256(
            abi.encode(STATEMENT_TYPEHASH, client, statement.round, statement.watermark, arrays)
        );
    }

    function hashCommit(uint64 round, Root[] calldata roots) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMMIT_TYPEHASH, round, keccak256(abi.encode(roots))));
    }

    function hashDelegation(address client, address delegate, uint64 untilRound)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(DELEGATION_TYPEHASH, client, delegate, untilRound));
    }

    /// @notice Who signed the message `structHash`, alone or in a batch; zero if nobody did.
    function signer(bytes32 domain, bytes32 structHash, Signature calldata signature)
        internal
        pure
        returns (address recovered)
    {
        uint256 depth = signature.path.length;
        if (depth > 0) {
            bytes32 node = keccak256(abi.encodePacked(uint8(0), structHash));
            for (uint256 i = 0; i < depth; ++i) {
                bytes32 other = signature.path[i];
                node = node < other
                    ? keccak256(abi.encodePacked(uint8(1), node, other))
                    : keccak256(abi.encodePacked(uint8(1), other, node));
            }
            structHash = keccak256(abi.encode(BATCH_TYPEHASH, node));
        }
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, structHash);
        // An error comes with the zero address, which nobody is: callers compare with who must be.
        (recovered,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
    }
}
