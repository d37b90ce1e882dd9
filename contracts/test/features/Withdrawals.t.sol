// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Withdrawals: when they are paid
/// @notice Ben has 100 of token 0, committed in rounds 1 and 2.
contract WithdrawalsTest is MediatorTest {
    uint256 private constant BEN = 1;

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
}
