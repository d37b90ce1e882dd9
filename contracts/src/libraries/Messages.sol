// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {PresentedFill, Root, Signature, SignedOrder} from "../types/Types.sol";

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
