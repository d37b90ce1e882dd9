// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Withdrawals: when they are paid, to whom, and where their bonds go
/// @notice Ben has 100 of token 0, committed in rounds 1 and 2. The bond is one ether.
contract WithdrawalsTest is MediatorTest {
    uint256 private constant BEN = 1;

    function withdrawalBond() internal pure override returns (uint256) {
        return 1 ether;
    }

    function setUp() public override {
        super.setUp();
        deposit(BEN, 0, 100);
        honestlyTo(2);
    }

    function test_confirmedInTheRightQuarterAndNotOneBlockEarlier() public {
        (address ben, address token) = (clients[BEN], address(tokens[0]));
        request(BEN, 0, 60);
        honestlyTo(4);
        vm.roll(firstBlock(4, 1) - 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 2, 4));
        mediator.confirmWithdrawal(ben, token);
        vm.roll(firstBlock(4, 1));
        mediator.confirmWithdrawal(ben, token);
        assertEq(walletOf(BEN, 0), 60);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoWithdrawal.selector, ben, token));
        mediator.confirmWithdrawal(ben, token);
    }

    // ------------------------------------------------------------------ another recipient

    /// @dev Only the client, only of a request that is payable, and to nobody who cannot be paid.
    function test_requestThatIsDueGoesToAnotherRecipient() public {
        (address ben, address token) = (clients[BEN], address(tokens[0]));
        address other = address(0xFEE);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoWithdrawal.selector, ben, token));
        redirect(ben, other);
        request(BEN, 0, 60);
        honestlyTo(4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, 2, 4));
        redirect(ben, other);
        rollTo(4, 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoWithdrawal.selector, clients[0], token));
        redirect(clients[0], other);
        address[3] memory bad = [address(0), address(mediator), token];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.BadRecipient.selector, bad[i]));
            redirect(ben, bad[i]);
        }
        vm.expectEmit(address(mediator));
        emit IMediator.WithdrawalRedirected(ben, token, 2, other);
        redirect(ben, other);
        assertEq(mediator.withdrawal(ben, token).recipient, other, "as the view says");
        mediator.confirmWithdrawal(ben, token);
        assertEq(tokens[0].balanceOf(other), 60, "paid there");
        assertEq(walletOf(BEN, 0), 0, "and nowhere else");
        assertEq(ben.balance, 1 ether, "the bond is the client's");
    }

    function redirect(address client, address recipient) private {
        vm.prank(client);
        mediator.redirectWithdrawal(address(tokens[0]), recipient);
    }

    // ------------------------------------------------------------------ bonds

    function test_withdrawalBondComesBackWithThePayment() public {
        request(BEN, 0, 60);
        assertEq(address(mediator).balance, 1 ether, "held");
        honestlyTo(4);
        rollTo(4, 1);
        vm.prank(clients[0]);
        mediator.confirmWithdrawal(clients[BEN], address(tokens[0]));
        assertEq(clients[BEN].balance, 1 ether, "back, whoever confirmed");
        assertEq(address(mediator).balance, 0, "and nothing is left");
    }

    function test_withdrawalBondGoesToTheOperatorThatCancels() public {
        request(BEN, 0, 60);
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[BEN], address(tokens[0]), one(sale(BEN, 2, 1, 41)), noStatements(), noCovers()
        );
        assertEq(mediator.claimableBonds(operator), 1 ether);
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
        assertEq(address(0xCAFE).balance, 1 ether);
        assertEq(clients[BEN].balance, 0);
    }

    /// @dev Void at the halt: its money is in the balance that is recovered, its bond comes back.
    function test_withdrawalBondComesBackWhenAHaltMakesTheRequestVoid() public {
        (address ben, address token) = (clients[BEN], address(tokens[0]));
        request(BEN, 0, 60);
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.refundWithdrawalBond(ben, token);
        rollTo(3, 1);
        vm.expectEmit(address(mediator));
        emit IMediator.WithdrawalVoided(ben, token, 2, 60);
        mediator.refundWithdrawalBond(ben, token);
        assertEq(ben.balance, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoWithdrawal.selector, ben, token));
        mediator.refundWithdrawalBond(ben, token);
        mediator.recoverBalance(ben, token, proofOf(BEN, 0, 1));
        assertEq(walletOf(BEN, 0), 100, "the whole balance");
    }
}
