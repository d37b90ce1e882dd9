// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {BalanceProof, Delegation, DepositRef, DisputeAnswer} from "../../src/types/Types.sol";
import {StatementTest} from "../base/StatementTest.sol";

/// @title Calls to the code for disputes at its own address, where it serves no exchange
/// @notice The Mediator beside it has a request, a dispute and bonds at stake: nothing of it moves,
/// and nothing is kept at the code's address.
contract DisputesCodeAttacksTest is StatementTest {
    /// @dev More than its storage layout has, mappings and arrays aside.
    uint256 private constant SLOTS = 64;

    IMediator private code;
    address private ann;
    address private token;
    bytes32 private mediatorBefore;
    bytes32 private codeBefore;

    function bond() internal pure override returns (uint256) {
        return 7;
    }

    function withdrawalBond() internal pure override returns (uint256) {
        return 5;
    }

    function setUp() public override {
        super.setUp();
        honestlyTo(2);
        code = IMediator(mediator.disputes());
        (ann, token) = (clients[ANN], address(tokens[0]));
        vm.deal(ann, 1 ether);
        request(ANN, 0, 10);
        vm.prank(ann);
        mediator.openDispute{value: 7}(
            ann, proofsOf(ANN, 1), noDeposit(), noFills(), noDelegation(), noStatements()
        );
        mediatorBefore = stateOf(address(mediator));
        codeBefore = stateOf(address(code));
    }

    function stateOf(address account) private view returns (bytes32 state) {
        for (uint256 slot = 0; slot < SLOTS; ++slot) {
            state = keccak256(abi.encode(state, vm.load(account, bytes32(slot))));
        }
    }

    function assertNothingMoved() private view {
        assertEq(address(code).balance, 0, "wei at the code");
        for (uint256 i = 0; i < tokens.length; ++i) {
            assertEq(tokens[i].balanceOf(address(code)), 0, "tokens at the code");
        }
        assertEq(stateOf(address(mediator)), mediatorBefore, "storage of the Mediator");
        assertEq(address(mediator).balance, 12, "bonds at the Mediator");
        assertEq(tokens[0].balanceOf(address(mediator)), 100, "tokens at the Mediator");
        assertEq(mediator.withdrawal(ann, token).amount, 10, "the request stands");
        assertTrue(mediator.dispute(ann, 2).open, "the dispute is open");
        assertEq(stateOf(address(code)), codeBefore, "storage of the code");
    }

    function test_attack_requestsAtTheCodeForDisputes() public {
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoWithdrawal.selector, ann, token));
        code.initiateWithdrawal{value: 5}(token, 10, ann, proof, noStatements());
        // Says what statements claim, of which there are none, and changes nothing.
        vm.prank(operator);
        code.cancelWithdrawal(ann, token, one(sale(ANN, 2, 1, 100)), noStatements(), noCovers());
        assertNothingMoved();
    }

    function test_attack_disputesAtTheCodeForDisputes() public {
        BalanceProof[] memory proofs = proofsOf(ANN, 1);
        DepositRef memory deposited = DepositRef(token, 0);
        Delegation memory none;
        vm.prank(ann);
        vm.expectRevert();
        code.openDispute{value: 7}(ann, proofs, noDeposit(), noFills(), none, noStatements());
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoStanding.selector, ann));
        code.openDispute{value: 7}(
            ann, new BalanceProof[](0), deposited, noFills(), none, noStatements()
        );
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoOpenDispute.selector, ann, uint64(2)));
        code.proveExecutions(ann, 2, true, noExecutions(), noStatements());
        DisputeAnswer memory answer;
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NoOpenDispute.selector, ann, uint64(2)));
        code.closeDispute(ann, 2, answer);
        assertNothingMoved();
    }

    /// @dev The code sees no tokens and no duties, so that it is never HALTED.
    function test_attack_bondsAtTheCodeForDisputes() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(IMediator.NotHalted.selector);
            code.refundBond(ann, 2);
            vm.expectRevert(IMediator.NotHalted.selector);
            code.refundWithdrawalBond(ann, token);
            vm.prank(operator);
            vm.expectRevert(abi.encodeWithSelector(IMediator.NothingToClaim.selector, operator));
            code.claimBonds(operator);
            (bool taken,) = address(code).call{value: 1}("");
            assertFalse(taken, "wei is refused");
            assertNothingMoved();
            vm.roll(firstBlock(4, 0));
        }
        assertTrue(mediator.halted(), "the Mediator is");
    }
}
