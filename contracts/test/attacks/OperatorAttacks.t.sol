// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Batcher} from "../mocks/Batcher.sol";
import {
    BalanceProof,
    Execution,
    Root,
    Signature,
    SignedOrder,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Who may act, and who may never
/// @notice In round 2 Ann, with 100 of token 0, asks for all of it and has sold it, and disputes: so
/// every duty of an operator is due at once.
contract OperatorAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    SignedOrder[] private evidence;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        honestlyTo(2);
        request(ANN, 0, 100);
        evidence.push(sale(ANN, 2, 1, 100));
        openByDeposit(ANN, 0, 0, noFills());
    }

    /// @dev All four duties are refused to `who`: `commit` in the last block of its window, in round
    /// 3, the others now.
    function refusedEverything(address who) private {
        refusedAnswers(who);
        bytes memory refusal = abi.encodeWithSelector(IMediator.NotOperator.selector, who);
        uint256 before = vm.snapshotState();
        rollTo(3, 0);
        Root[] memory roots = honestRoots();
        vm.roll(firstBlock(3, 1) - 1);
        vm.expectRevert(refusal);
        vm.prank(who);
        mediator.commit(roots, new Signature[](0));
        vm.revertToState(before);
    }

    /// @dev What answers Ann, her request or her dispute, is refused to `who` now.
    function refusedAnswers(address who) private {
        SignedOrder[] memory orders = evidence;
        BalanceProof[] memory openings = proofsOf(ANN, 1);
        BalanceProof[] memory closings = proofsOf(ANN, 2);
        bytes memory refusal = abi.encodeWithSelector(IMediator.NotOperator.selector, who);
        vm.expectRevert(refusal);
        vm.prank(who);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        vm.expectRevert(refusal);
        vm.prank(who);
        mediator.proveExecutions(
            clients[ANN], 2, false, one(sale(ANN, 1, 1, 1), 1, 2), noStatements()
        );
        vm.expectRevert(refusal);
        vm.prank(who);
        mediator.closeDispute(
            clients[ANN],
            2,
            DisputeAnswer(
                new Execution[](0), new uint128[](0), openings, closings, noStatements(), noCovers()
            )
        );
    }

    function test_attack_operatorZeroMeansNobody() public {
        manager.register(operator, 0, 1);
        manager.setTurn(address(0));
        vm.roll(firstBlock(2, 2) - 1);
        address[5] memory anybody =
            [address(0), operator, otherOperator, clients[ANN], address(this)];
        for (uint256 i = 0; i < anybody.length; ++i) {
            refusedEverything(anybody[i]);
        }
    }

    function test_attack_strangersWhileTheManagerIsBroken() public {
        manager.setBroken(true);
        vm.roll(firstBlock(2, 2) - 1);
        refusedEverything(address(0));
        refusedEverything(clients[ANN]);
        refusedEverything(otherOperator);
    }

    /// @dev Neither the listing owner nor the manager's owner is an operator.
    function test_attack_ownersAreNoOperators() public {
        refusedEverything(address(this));
        refusedEverything(address(manager));
    }

    /// @dev An approved operator out of turn, up to the last block before the rescue window.
    function test_attack_approvedOperatorOutOfTurn() public {
        manager.register(otherOperator, genesis, type(uint64).max);
        SignedOrder[] memory orders = evidence;
        vm.roll(firstBlock(3, 1) - quarterSize() / 4 - 1);
        bytes memory refusal = abi.encodeWithSelector(IMediator.NotOperator.selector, otherOperator);
        vm.expectRevert(refusal);
        vm.prank(otherOperator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        Root[] memory roots = honestRoots();
        vm.expectRevert(refusal);
        vm.prank(otherOperator);
        mediator.commit(roots, new Signature[](0));

        vm.roll(firstBlock(3, 1) - quarterSize() / 4);
        manager.setBroken(true);
        vm.prank(otherOperator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        balances[0][ANN] += 100;
        operator = otherOperator;
        commitNow();
    }

    /// @dev The rescue window for answers is that of the quarter after the dispute's.
    function test_rescueWindowForAnswers() public {
        manager.register(otherOperator, genesis, type(uint64).max);
        manager.setTurn(address(0));
        operator = otherOperator;
        vm.roll(firstBlock(2, 2) - quarterSize() / 4 - 1);
        refusedAnswers(otherOperator);
        vm.roll(firstBlock(2, 2) - quarterSize() / 4);
        prove(ANN, 2, false, one(sale(ANN, 1, 1, 1), 0, 0));
        closeProving(ANN, 2);
    }

    /// @dev A contract acts for itself: whoever calls through it acts, whoever sent the transaction
    /// does not, and an operator that calls through a contract is that contract.
    function test_attack_contractAsOperator() public {
        Batcher wallet = new Batcher();
        rollTo(3, 0);
        Batcher.Call[] memory calls = new Batcher.Call[](1);
        calls[0] = Batcher.Call(
            address(mediator), abi.encodeCall(mediator.commit, (honestRoots(), new Signature[](0)))
        );
        bytes memory refusal =
            abi.encodeWithSelector(IMediator.NotOperator.selector, address(wallet));
        vm.expectRevert(refusal);
        vm.prank(operator, operator);
        wallet.run(calls);
        manager.appoint(address(wallet));
        wallet.run(calls);
        assertEq(mediator.committedRound(), 3);
    }

    function test_attack_ownershipHandedToNobody() public {
        Ownable2Step owned = ownershipOf(address(mediator));
        vm.expectRevert(IMediator.RenouncingDisabled.selector);
        owned.renounceOwnership();
        owned.transferOwnership(address(0));
        assertEq(owned.owner(), address(this), "until accepted");
        owned.transferOwnership(otherOperator);
        assertEq(owned.owner(), address(this), "until accepted");
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(0))
        );
        vm.prank(address(0));
        owned.acceptOwnership();
        vm.prank(otherOperator);
        owned.acceptOwnership();
        assertEq(owned.owner(), otherOperator);
    }

    function test_attack_deploymentWithoutManagerOwnerOrRounds() public {
        uint64[6] memory sizes = [uint64(0), 4, 7, 9, 10, 65];
        for (uint256 i = 0; i < sizes.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.BadRoundSize.selector, sizes[i]));
            this.deployWith(address(manager), sizes[i], address(this));
        }
        vm.expectRevert(IMediator.ZeroAddress.selector);
        this.deployWith(address(0), 64, address(this));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        this.deployWith(address(manager), 64, address(0));
        this.deployWith(address(manager), 8, address(this));
    }

    function deployWith(address manager_, uint64 size, address owner) external {
        mediatorOf(manager_, size, 0, owner);
    }
}
