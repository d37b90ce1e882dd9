// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {MutableOperatorManager} from "../../src/managers/MutableOperatorManager.sol";
import {BalanceProof, Delegation, DepositRef, SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Disputes: who opens them, until when they are closed, and where their bonds go
/// @notice Ben has deposited 100 of token 0 in round 0. The bond is one ether.
contract DisputesTest is MediatorTest {
    uint256 private constant BEN = 1;
    address private constant TOWER = address(0x7A7C);
    address private ben;

    function bond() internal pure override returns (uint256) {
        return 1 ether;
    }

    function setUp() public override {
        super.setUp();
        ben = clients[BEN];
        deposit(BEN, 0, 100);
        honestlyTo(1);
        vm.deal(ben, 2 ether);
        vm.deal(TOWER, 2 ether);
    }

    function open(address by, uint256 value, Delegation memory delegation) private {
        DepositRef memory ref = DepositRef(address(tokens[0]), 0);
        vm.prank(by);
        mediator.openDispute{value: value}(
            ben, new BalanceProof[](0), ref, noFills(), delegation, noStatements()
        );
    }

    function answer() private {
        close(BEN, 1, new uint128[](0), new BalanceProof[](0));
    }

    function test_bondGoesToTheOperatorThatCloses() public {
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongBond.selector, 0, 1 ether));
        open(ben, 0, noDelegation());
        open(ben, 1 ether, noDelegation());
        answer();
        assertEq(mediator.claimableBonds(operator), 1 ether);
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
        assertEq(address(0xCAFE).balance, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NothingToClaim.selector, operator));
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
    }

    function test_bondGoesBackToTheClientWhenTheMediatorHalts() public {
        open(ben, 1 ether, noDelegation());
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.refundBond(ben, 1);
        rollTo(2, 1);
        mediator.refundBond(ben, 1);
        assertEq(ben.balance, 2 ether);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoOpenDispute.selector, ben, 1));
        mediator.refundBond(ben, 1);
    }

    function test_disputeMustBeClosedInTheNextQuarterAndHaltsLater() public {
        open(ben, 1 ether, noDelegation());
        rollTo(1, 2);
        vm.expectRevert(abi.encodeWithSelector(IMediator.OutsideWindow.selector, 1, 2));
        answer();
        assertFalse(mediator.halted(), "the halt comes at the end of the next quarter 0");
        assertEq(mediator.haltBlock(), firstBlock(2, 1));
    }

    function test_delegateOpensForTheClient() public {
        Delegation memory delegation = permission(1);
        delegation.untilRound = 2;
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotDelegated.selector, ben, TOWER));
        open(TOWER, 1 ether, delegation);
        delegation.untilRound = 1;
        open(TOWER, 1 ether, delegation);
        assertTrue(mediator.dispute(ben, 1).open, "open");
        assertEq(mediator.dispute(ben, 1).delegate, TOWER, "the bond is its own");
    }

    /// @dev Under a manager as it is deployed: removal ends a term and unsigns nothing.
    function test_fillsOfARemovedOperatorStayFills() public {
        bytes memory arguments = abi.encode(address(this), operator, "operator", "http://a");
        MutableOperatorManager single =
            MutableOperatorManager(deployArtifact("MutableOperatorManager", arguments));
        redeploy(address(single));
        addToken();
        deposit(BEN, 0, 100);
        honestlyTo(1);
        SignedOrder memory order = sale(BEN, 1, 5, 10);
        rollTo(2, 0);
        single.setOperator(address(0x1234), "new", "http://b");
        openByDeposit(BEN, 0, 0, one(fillOf(BEN, order, 10, 20)));
        (uint128 sold, uint128 bought) = mediator.presentedFill(ben, 2, hashOf(ben, order));
        assertEq(sold, 10);
        assertEq(bought, 20);
        uint64 from = uint64(firstBlock(0, 0));
        assertTrue(single.wasOperator(operator, from, from + roundSize()), "its term stays");
        assertFalse(single.isRegistered(operator), "and is over");
    }

    function permission(uint64 untilRound) private view returns (Delegation memory) {
        bytes32 structHash =
            keccak256(abi.encode(Messages.DELEGATION_TYPEHASH, ben, TOWER, untilRound));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(BEN), digest);
        return Delegation(untilRound, abi.encodePacked(r, s, v));
    }

    /// @dev Whoever paid gets it back: the watchtower, not the client for whom it disputed.
    function test_delegateGetsItsOwnBondBack() public {
        open(TOWER, 1 ether, permission(1));
        assertEq(TOWER.balance, 1 ether, "paid by the tower");
        rollTo(2, 1);
        mediator.refundBond(ben, 1);
        assertEq(TOWER.balance, 2 ether, "and back to it");
        assertEq(ben.balance, 2 ether, "not to the client");
    }

    /// @dev An account whose key delegated it to code that knows no ERC-1271 (EIP-7702) is that
    /// key's all the same.
    function test_delegationByTheKeyOfAnAccountWithCode() public {
        vm.etch(ben, address(tokens[0]).code);
        open(TOWER, 1 ether, permission(1));
        assertTrue(mediator.dispute(ben, 1).open, "open");
    }

    /// @dev Beside the Mediator its code for disputes has no clients, and keeps no bond.
    function test_disputesOutsideTheMediatorTakeNothing() public {
        IMediator beside = IMediator(mediator.disputes());
        DepositRef memory ref = DepositRef(address(tokens[0]), 0);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, ben));
        vm.prank(ben);
        beside.openDispute{value: 1 ether}(
            ben, new BalanceProof[](0), ref, noFills(), noDelegation(), noStatements()
        );
        assertEq(address(beside).balance, 0, "nothing kept");
    }
}
