// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Who signs an order, and how: trading keys and batches
/// @notice Ben has 100 of token 0, committed in rounds 1 and 2. What he signed shows in what may
/// cancel a request for all of it.
contract SignaturesTest is MediatorTest {
    uint256 private constant BEN = 1;
    uint256 private constant HOT_KEY = 0x407;

    function setUp() public override {
        super.setUp();
        deposit(BEN, 0, 100);
        honestlyTo(2);
    }

    function cancel(SignedOrder memory order) private {
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[BEN], address(tokens[0]), one(order), noStatements(), noCovers()
        );
    }

    function hotOrder(uint64 round) private view returns (SignedOrder memory order) {
        order = sale(BEN, round, 1, 1);
        order.signature = sign(HOT_KEY, hashOf(clients[BEN], order));
    }

    function test_tradingKeySignsFromTheNextRoundOnAndStaysValidWhenRevoked() public {
        address hot = vm.addr(HOT_KEY);
        address ben = clients[BEN];
        vm.prank(ben);
        mediator.setTradingKey(hot);
        assertEq(mediator.tradingKey(ben, 2), address(0), "not in this round");
        assertEq(mediator.tradingKey(ben, 3), hot, "from the next");
        honestlyTo(3);
        request(BEN, 0, 100);
        // Revoked in the round whose orders it signed: the evidence stays evidence.
        vm.prank(ben);
        mediator.setTradingKey(address(0));
        SignedOrder memory early = hotOrder(2);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongSigner.selector, 1, hot));
        cancel(early);
        cancel(hotOrder(3));
        assertEq(mediator.tradingKey(ben, 4), address(0), "revoked from the next on");
    }

    function test_orderSignedInABatchIsEvidence() public {
        request(BEN, 0, 100);
        SignedOrder memory order = sale(BEN, 2, 1, 1);
        bytes32 mine = keccak256(abi.encodePacked(uint8(0), hashOf(clients[BEN], order)));
        bytes32 other = keccak256("another order of the batch");
        bytes32 root = mine < other
            ? keccak256(abi.encodePacked(uint8(1), mine, other))
            : keccak256(abi.encodePacked(uint8(1), other, mine));
        order.signature = sign(keyOf(BEN), keccak256(abi.encode(Messages.BATCH_TYPEHASH, root)));
        order.signature.path = new bytes32[](1);
        order.signature.path[0] = bytes32(uint256(other) ^ 1);
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        cancel(order);
        order.signature.path[0] = other;
        cancel(order);
    }
}
