// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {Root, Signature} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Commits that too few operators stand behind
/// @notice Three operators are approved, and a commit takes two of them.
contract QuorumAttacksTest is MediatorTest {
    uint256 private constant THIRD_KEY = 0xA13;

    function setUp() public override {
        super.setUp();
        manager.register(otherOperator, genesis, type(uint64).max);
        manager.register(vm.addr(THIRD_KEY), genesis, type(uint64).max);
        manager.setCommitQuorum(2);
        deposit(0, 0, 100);
        rollTo(1, 0);
    }

    function attest(uint256 key, uint64 round, Root[] memory roots)
        private
        view
        returns (Signature memory)
    {
        return sign(
            key,
            keccak256(abi.encode(Messages.COMMIT_TYPEHASH, round, keccak256(abi.encode(roots))))
        );
    }

    function commitWith(Root[] memory roots, Signature[] memory attestations) private {
        vm.prank(operator);
        mediator.commit(roots, attestations);
    }

    function list(Signature memory one_) private pure returns (Signature[] memory all) {
        all = new Signature[](1);
        all[0] = one_;
    }

    function refuses(address signer) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.BadAttestation.selector, signer));
    }

    function test_attack_commitWithTooFewOrTheSameOperators() public {
        Root[] memory roots = honestRoots();
        vm.expectRevert(abi.encodeWithSelector(IMediator.QuorumMissed.selector, 1, 2));
        commitWith(roots, new Signature[](0));
        // The sender is one already.
        refuses(operator);
        commitWith(roots, list(attest(OPERATOR_KEY, 1, roots)));
        manager.setCommitQuorum(3);
        Signature[] memory twice = new Signature[](2);
        twice[0] = attest(THIRD_KEY, 1, roots);
        twice[1] = twice[0];
        refuses(vm.addr(THIRD_KEY));
        commitWith(roots, twice);
        // All three, and ascending by address.
        twice[1] = attest(OTHER_OPERATOR_KEY, 1, roots);
        bool ascending = vm.addr(THIRD_KEY) < otherOperator;
        if (ascending) (twice[0], twice[1]) = (twice[1], twice[0]);
        refuses(ascending ? vm.addr(THIRD_KEY) : otherOperator);
        commitWith(roots, twice);
        (twice[0], twice[1]) = (twice[1], twice[0]);
        commitWith(roots, twice);
        assertEq(mediator.committedRound(), 1, "committed");
    }

    /// @dev What was attested is these roots, in this order, of this round, and nothing else.
    function test_attack_attestationOfOtherRoots() public {
        Root[] memory roots = honestRoots();
        Signature[] memory good = list(attest(OTHER_OPERATOR_KEY, 1, roots));
        Root[] memory wrong = honestRoots();
        wrong[0].node = bytes32(uint256(1));
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        commitWith(wrong, good);
        (wrong[0], wrong[1]) = (roots[1], roots[0]);
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        commitWith(wrong, good);
        Root[] memory part = new Root[](1);
        part[0] = roots[0];
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        commitWith(part, good);
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        commitWith(roots, list(attest(OTHER_OPERATOR_KEY, 2, roots)));
        commitWith(roots, good);
        rollTo(2, 0);
        vm.expectPartialRevert(IMediator.BadAttestation.selector);
        commitWith(roots, good);
        commitWith(roots, list(attest(OTHER_OPERATOR_KEY, 2, roots)));
    }

    /// @dev An operator that was removed stands behind nothing any more, nor does a stranger, nor
    /// whoever a bad signature recovers to.
    function test_attack_attestationOfARemovedOperator() public {
        Root[] memory roots = honestRoots();
        manager.register(otherOperator, genesis, uint64(vm.getBlockNumber()));
        refuses(otherOperator);
        commitWith(roots, list(attest(OTHER_OPERATOR_KEY, 1, roots)));
        refuses(clients[0]);
        commitWith(roots, list(attest(keyOf(0), 1, roots)));
        manager.register(address(0), genesis, type(uint64).max);
        Signature memory none;
        refuses(address(0));
        commitWith(roots, list(none));
    }

    /// @dev One stolen key waits for the rescue window: the quorum holds there too.
    function test_attack_commitWithoutQuorumInTheRescueWindow() public {
        Root[] memory roots = honestRoots();
        manager.setBroken(true);
        vm.roll(firstBlock(1, 1) - 1);
        operator = otherOperator;
        vm.expectRevert(abi.encodeWithSelector(IMediator.QuorumMissed.selector, 1, 2));
        commitWith(roots, new Signature[](0));
        commitWith(roots, list(attest(THIRD_KEY, 1, roots)));
        vm.roll(firstBlock(1, 1));
        assertFalse(mediator.halted(), "saved");
    }

    /// @dev Under a manager as it is deployed. Nobody has claimed: `operator()` is zero, and in the
    /// rescue window any approved operator may commit, with a quorum.
    function test_attack_commitWithoutQuorum() public {
        IRoundRobinOperatorManager turns = deployTurns(address(this), 1, 1000);
        turns.setMaintenance(true);
        turns.addOperator("a", operator, "http://a");
        turns.addOperator("b", otherOperator, "http://b");
        turns.setCommitQuorum(2);
        turns.setMaintenance(false);
        redeploy(address(turns));
        rollTo(1, 0);
        Root[] memory roots = honestRoots();
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, operator));
        commitWith(roots, new Signature[](0));
        vm.roll(firstBlock(1, 1) - quarterSize() / 4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.QuorumMissed.selector, 1, 2));
        commitWith(roots, new Signature[](0));
        refuses(operator);
        commitWith(roots, list(attest(OPERATOR_KEY, 1, roots)));
        commitWith(roots, list(attest(OTHER_OPERATOR_KEY, 1, roots)));
        assertEq(mediator.committedRound(), 1);
    }
}
