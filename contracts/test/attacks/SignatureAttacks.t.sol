// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    PresentedFill,
    Root,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @dev A wallet that takes any signature for its own.
contract AnySignature {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// @title What one signed and what somebody makes of it
/// @notice Ann has 100 of token 0 and asked for all of it in round 2; Ben has 60.
contract SignatureAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 60);
        honestlyTo(2);
        request(ANN, 0, 100);
    }

    function cancel(SignedOrder memory order) private {
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), one(order), noStatements(), noCovers()
        );
    }

    function refuses() private {
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
    }

    function leafOf(bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), structHash));
    }

    function above(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return
            keccak256(a < b ? abi.encodePacked(uint8(1), a, b) : abi.encodePacked(uint8(1), b, a));
    }

    function batchHash(bytes32 root) private pure returns (bytes32) {
        return keccak256(abi.encode(Messages.BATCH_TYPEHASH, root));
    }

    function pathOf(bytes32 a) private pure returns (bytes32[] memory path) {
        path = new bytes32[](1);
        path[0] = a;
    }

    // ------------------------------------------------------------------ batches

    /// @dev Ann signed a batch of two orders, which cancel nothing. No path makes another order of
    /// it: not by taking the root for a leaf, a leaf for a root, or a node for a message.
    function test_attack_batchSecondPreimage() public {
        SignedOrder memory wanted = sale(ANN, 2, 7, 50);
        bytes32 message = hashOf(clients[ANN], wanted);
        bytes32 first = leafOf(hashOf(clients[ANN], sale(ANN, 2, 1, 1)));
        bytes32 second = leafOf(hashOf(clients[ANN], sale(ANN, 2, 2, 1)));
        bytes32 root = above(first, second);
        wanted.signature = sign(keyOf(ANN), batchHash(root));
        // As if it were the whole message, and along each node of the batch.
        refuses();
        cancel(wanted);
        bytes32[5] memory nodes = [first, second, root, message, leafOf(message)];
        for (uint256 i = 0; i < nodes.length; ++i) {
            wanted.signature.path = pathOf(nodes[i]);
            refuses();
            cancel(wanted);
        }
        // A signature over the root itself, or over a leaf, is no batch.
        wanted.signature = sign(keyOf(ANN), above(leafOf(message), first));
        wanted.signature.path = pathOf(first);
        refuses();
        cancel(wanted);
        wanted.signature = sign(keyOf(ANN), message);
        wanted.signature.path = pathOf(first);
        refuses();
        cancel(wanted);
        // A batch over the bare message instead of its leaf.
        wanted.signature = sign(keyOf(ANN), batchHash(above(message, first)));
        wanted.signature.path = pathOf(first);
        refuses();
        cancel(wanted);
        wanted.signature = sign(keyOf(ANN), batchHash(above(leafOf(message), first)));
        wanted.signature.path = pathOf(first);
        cancel(wanted);
    }

    /// @dev An inner node, whose children are chosen so that it could be one, is no message: the
    /// operator signs fills in a batch, and a client shows the root of a subtree as a fill.
    function test_attack_innerNodeOfABatchAsAFill() public {
        PresentedFill memory signed = fillOf(ANN, sale(ANN, 1, 1, 10), 10, 20);
        PresentedFill memory forged = fillOf(ANN, sale(ANN, 1, 2, 50), 50, 100);
        bytes32 left = leafOf(fillHash(clients[ANN], 1, signed));
        bytes32 inner = above(left, bytes32(uint256(7)));
        bytes32 root = above(inner, bytes32(uint256(9)));
        Signature memory signature = sign(OPERATOR_KEY, batchHash(root));
        forged.signature = signature;
        forged.signature.path = pathOf(bytes32(uint256(9)));
        vm.expectPartialRevert(IMediator.FillNotSigned.selector);
        openByDeposit(ANN, 0, 0, one(forged));
        forged.orderHash = inner;
        vm.expectPartialRevert(IMediator.FillNotSigned.selector);
        openByDeposit(ANN, 0, 0, one(forged));
        signed.signature = signature;
        signed.signature.path = new bytes32[](2);
        (signed.signature.path[0], signed.signature.path[1]) =
        (bytes32(uint256(7)), bytes32(uint256(9)));
        openByDeposit(ANN, 0, 0, one(signed));
        (uint128 sold, uint128 bought) = mediator.presentedFill(clients[ANN], 2, signed.orderHash);
        assertEq(sold, 10, "sold");
        assertEq(bought, 20, "bought");
    }

    // ------------------------------------------------------------------ one message for another

    /// @dev Every kind of message that a key signs, shown as every kind that the Mediator reads.
    function test_attack_digestReuseBetweenMessages() public {
        SignedOrder memory order = sale(ANN, 2, 7, 50);
        PresentedFill memory fill = fillOf(ANN, sale(ANN, 1, 7, 50), 50, 100);
        Root[] memory roots = honestRoots();
        Delegation memory delegation;
        delegation.untilRound = 9;
        bytes32[5] memory messages = [
            hashOf(clients[ANN], order),
            fillHash(clients[ANN], 1, fill),
            commitHash(3, roots),
            delegationHash(clients[ANN], clients[BEN], 9),
            batchHash(leafOf(hashOf(clients[ANN], order)))
        ];
        for (uint256 i = 1; i < messages.length; ++i) {
            order.signature = sign(keyOf(ANN), messages[i]);
            refuses();
            cancel(order);
        }
        for (uint256 i = 0; i < messages.length; ++i) {
            fill.signature = sign(OPERATOR_KEY, messages[i]);
            if (i == 1) continue;
            vm.expectPartialRevert(IMediator.FillNotSigned.selector);
            openByDeposit(ANN, 0, 0, one(fill));
        }
        for (uint256 i = 0; i < messages.length; ++i) {
            delegation.signature = long(sign(keyOf(ANN), messages[i]));
            if (i == 3) continue;
            refusesDelegate(clients[BEN]);
            openAs(clients[BEN], clients[ANN], delegation);
        }
        for (uint256 i = 0; i < messages.length; ++i) {
            if (i != 2) attestedBy(messages[i], roots);
        }
        delegation.signature = long(sign(keyOf(ANN), messages[3]));
        openAs(clients[BEN], clients[ANN], delegation);
    }

    function attestedBy(bytes32 message, Root[] memory roots) private {
        uint256 before = vm.snapshotState();
        manager.register(otherOperator, genesis, type(uint64).max);
        manager.setCommitQuorum(2);
        rollTo(3, 0);
        Signature[] memory attestations = new Signature[](1);
        attestations[0] = sign(OTHER_OPERATOR_KEY, message);
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        vm.prank(operator);
        mediator.commit(roots, attestations);
        vm.revertToState(before);
    }

    function commitHash(uint64 round, Root[] memory roots) private pure returns (bytes32) {
        return keccak256(abi.encode(Messages.COMMIT_TYPEHASH, round, keccak256(abi.encode(roots))));
    }

    // ------------------------------------------------------------------ malleability

    /// @dev The other root of the same signature is refused, and so is every bit turned in it.
    function test_attack_malleableSignature() public {
        SignedOrder memory order = sale(ANN, 2, 7, 50);
        bytes32 good = order.signature.vs;
        uint256 s = uint256(good) & (type(uint256).max >> 1);
        assertLe(s, HALF_ORDER, "the low root");
        uint256 parity = uint256(good) >> 255;
        // The high root does not fit beside the parity: its top bit is the parity's.
        order.signature.vs = bytes32((ORDER - s) | ((parity ^ 1) << 255));
        refuses();
        cancel(order);
        for (uint256 bit = 0; bit < 256; bit += 15) {
            order.signature.vs = good ^ bytes32(uint256(1) << bit);
            refuses();
            cancel(order);
        }
        order.signature.vs = good;
        cancel(order);
    }

    // ------------------------------------------------------------------ delegations

    function delegationHash(address client, address delegate, uint64 untilRound)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(Messages.DELEGATION_TYPEHASH, client, delegate, untilRound));
    }

    function long(Signature memory signature) private pure returns (bytes memory) {
        uint8 v = uint256(signature.vs) >> 255 == 1 ? 28 : 27;
        return abi.encodePacked(signature.r, uint256(signature.vs) & (type(uint256).max >> 1), v);
    }

    function refusesDelegate(address delegate) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotDelegated.selector, clients[ANN], delegate)
        );
    }

    function openAs(address delegate, address client, Delegation memory delegation) private {
        vm.prank(delegate);
        mediator.openDispute(
            client, new BalanceProof[](0), byDeposit(), noFills(), delegation, noStatements()
        );
    }

    function byDeposit() private view returns (DepositRef memory) {
        return DepositRef(address(tokens[0]), 0);
    }

    /// @dev A permission holds for its delegate, until its round, in its exchange.
    function test_attack_delegationOfAnotherDelegateRoundOrInstance() public {
        Delegation memory delegation;
        delegation.untilRound = 2;
        bytes32 message = delegationHash(clients[ANN], clients[BEN], 2);
        delegation.signature = long(sign(keyOf(ANN), message));
        refusesDelegate(address(0xBAD));
        openAs(address(0xBAD), clients[ANN], delegation);
        delegation.untilRound = 3;
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
        delegation.untilRound = 2;
        delegation.signature =
            long(signWith(keyOf(ANN), deployMediator().domainSeparator(), message));
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
        // Signed by the delegate itself, by nobody, and with no signature at all.
        delegation.signature = long(sign(keyOf(BEN), message));
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
        delegation.signature = new bytes(65);
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
        delegation.signature = "";
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
        honestlyTo(3);
        delegation.signature = long(sign(keyOf(ANN), message));
        refusesDelegate(clients[BEN]);
        openAs(clients[BEN], clients[ANN], delegation);
    }

    /// @dev The zero address, which a bad signature recovers to, is nobody's client.
    function test_attack_disputeForTheZeroAddress() public {
        Delegation memory delegation;
        (delegation.untilRound, delegation.signature) = (9, new bytes(65));
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotDelegated.selector, address(0), clients[BEN])
        );
        openAs(clients[BEN], address(0), delegation);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, address(0)));
        openAs(address(0), address(0), delegation);
    }

    /// @dev A contract wallet may delegate by ERC-1271, but what it calls its signature is never an
    /// order: it could take that back.
    function test_attack_contractWalletThatChangesItsMind() public {
        address wallet = address(new AnySignature());
        clients[2] = wallet;
        deposit(2, 0, 40);
        honestlyTo(4);
        request(2, 0, 40);
        SignedOrder memory order = sale(BEN, 4, 1, 1);
        order.signature = sign(keyOf(BEN), hashOf(wallet, order));
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        vm.prank(operator);
        mediator.cancelWithdrawal(
            wallet, address(tokens[0]), one(order), noStatements(), noCovers()
        );
        vm.prank(clients[BEN]);
        mediator.openDispute(
            wallet,
            new BalanceProof[](0),
            DepositRef(address(tokens[0]), 2),
            noFills(),
            Delegation(9, ""),
            noStatements()
        );
    }
}
