// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {SumTree} from "../../src/libraries/SumTree.sol";
import {
    BalanceProof,
    Execution,
    Root,
    Sibling,
    Signature,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";
import {Trees} from "../base/Trees.sol";

/// @title Attacks on the balance tree
/// @notice Three clients with 100, 60 and 40 of token 0 in round 1.
contract TreeAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant MAL = 2;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 60);
        deposit(MAL, 0, 40);
        honestlyTo(1);
        rollTo(2, 0);
    }

    function refused(uint256 client, BalanceProof memory proof) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                SumTree.InvalidProof.selector, clients[client], proof.index, proof.leafCount
            )
        );
        vm.prank(clients[client]);
        mediator.initiateWithdrawal(address(tokens[0]), 1, clients[client], proof, noStatements());
    }

    function accepted(uint256 client, BalanceProof memory proof, uint128 amount) private {
        vm.prank(clients[client]);
        mediator.initiateWithdrawal(
            address(tokens[0]), amount, clients[client], proof, noStatements()
        );
    }

    /// @dev The operator commits a tree of its own over token 0, and zeros over token 1.
    function commitTree(address[] memory who, uint128[] memory amounts) private {
        (bytes32 node, uint128 total) = Trees.top(who, amounts);
        Root[] memory roots = honestRoots();
        roots[0] = Root(address(tokens[0]), node, total, uint64(who.length));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    /// @dev Ann's 100 in two leaves of 60 and 40: either proof is valid, neither accounts for her.
    function test_attack_twoLeavesForOneHonestClient() public {
        address[] memory who = new address[](4);
        (who[0], who[1], who[2], who[3]) = (clients[ANN], clients[ANN], clients[BEN], clients[MAL]);
        uint128[] memory amounts = new uint128[](4);
        (amounts[0], amounts[1], amounts[2], amounts[3]) = (60, 40, 60, 40);
        commitTree(who, amounts);
        openWithProofs(ANN, noFills());
        BalanceProof[] memory closings = new BalanceProof[](2);
        closings[1] = Trees.proof(clients, balances[1], ANN);
        for (uint256 leaf = 0; leaf < 2; ++leaf) {
            closings[0] = Trees.proof(who, amounts, leaf);
            uint128[] memory openings = openingsOf(ANN, 1);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMediator.BalanceMismatch.selector,
                    address(tokens[0]),
                    int256(100),
                    amounts[leaf]
                )
            );
            vm.prank(operator);
            mediator.closeDispute(
                clients[ANN],
                2,
                DisputeAnswer(
                    new Execution[](0),
                    openings,
                    new BalanceProof[](0),
                    closings,
                    noStatements(),
                    noCovers()
                )
            );
        }
    }

    /// @dev Mal owns 40 in leaves of 30 and 10: what she takes stays below what is hers.
    function test_attack_twoLeavesForOneAccomplice() public {
        address[] memory who = new address[](4);
        (who[0], who[1], who[2], who[3]) = (clients[ANN], clients[BEN], clients[MAL], clients[MAL]);
        uint128[] memory amounts = new uint128[](4);
        (amounts[0], amounts[1], amounts[2], amounts[3]) = (100, 60, 30, 10);
        commitTree(who, amounts);
        rollTo(3, 0);
        commitTree(who, amounts);
        BalanceProof memory second = Trees.proof(who, amounts, 3);
        accepted(MAL, Trees.proof(who, amounts, 2), 30);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.WithdrawalActive.selector, clients[MAL], address(tokens[0])
            )
        );
        accepted(MAL, second, 10);

        rollTo(4, 1);
        mediator.recoverBalance(clients[MAL], address(tokens[0]), Trees.proof(who, amounts, 2));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.AlreadyRecovered.selector, clients[MAL], address(tokens[0])
            )
        );
        mediator.recoverBalance(clients[MAL], address(tokens[0]), second);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), Trees.proof(who, amounts, 0));
        mediator.recoverBalance(clients[BEN], address(tokens[0]), Trees.proof(who, amounts, 1));
        assertEq(walletOf(ANN, 0) + walletOf(BEN, 0) + walletOf(MAL, 0), 190);
        assertEq(tokens[0].balanceOf(address(mediator)), 10, "the second leaf is nobody's loss");
    }

    /// @dev An inner node shown as a leaf, with the levels below it left out.
    function test_attack_secondPreimageByInnerNode() public {
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        BalanceProof memory short = BalanceProof(160, 0, 2, new Sibling[](1));
        short.siblings[0] = proof.siblings[1];
        refused(ANN, short);
        (short.index, short.leafCount) = (0, 3);
        refused(ANN, short);
        // A leaf shown as a sibling of itself, one level too deep.
        BalanceProof memory deep = BalanceProof(100, 0, 5, new Sibling[](3));
        (deep.siblings[1], deep.siblings[2]) = (proof.siblings[0], proof.siblings[1]);
        refused(ANN, deep);
    }

    /// @dev Every index but the leaf's own, with every count.
    function test_attack_secondPreimageByIndex() public {
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        for (uint64 count = 0; count < 9; ++count) {
            for (uint64 index = 0; index < 10; ++index) {
                if (index == 0 && count == 3) continue;
                (proof.index, proof.leafCount) = (index, count);
                refused(ANN, proof);
            }
        }
        (proof.index, proof.leafCount) = (type(uint64).max, type(uint64).max);
        refused(ANN, proof);
        (proof.index, proof.leafCount) = (type(uint64).max - 1, type(uint64).max);
        refused(ANN, proof);
        accepted(ANN, proofOf(ANN, 0, 1), 100);
    }

    /// @dev Leaf 2 of 3 is promoted: as the fourth leaf, or beside a padding, it does not exist.
    function test_attack_secondPreimageByPadding() public {
        BalanceProof memory promoted = proofOf(MAL, 0, 1);
        assertEq(promoted.siblings.length, 1);
        BalanceProof memory padded = BalanceProof(40, 3, 4, new Sibling[](2));
        padded.siblings[0] = Sibling(Trees.leaf(clients[MAL], 40), 40);
        padded.siblings[1] = promoted.siblings[0];
        refused(MAL, padded);
        padded.siblings[0] = Sibling(0, 0);
        for (uint64 index = 0; index < 4; ++index) {
            for (uint64 count = 1; count < 5; ++count) {
                (padded.index, padded.leafCount) = (index, count);
                refused(MAL, padded);
            }
        }
        // An empty node of no weight beside the promoted one, or above the root.
        BalanceProof memory crowned = BalanceProof(40, 2, 3, new Sibling[](2));
        (crowned.siblings[0], crowned.siblings[1]) = (promoted.siblings[0], Sibling(0, 0));
        refused(MAL, crowned);
        accepted(MAL, promoted, 40);
    }

    /// @dev A tree whose sums pass 2^128 commits to no total that the contract takes.
    function test_attack_sumsThatOverflow() public {
        BalanceProof memory proof = proofOf(MAL, 0, 1);
        proof.siblings[0].sum = type(uint128).max;
        refused(MAL, proof);
        uint128[] memory amounts = new uint128[](3);
        (amounts[0], amounts[1], amounts[2]) = (type(uint128).max, 1, 200);
        bytes32 left = Trees.node(
            Trees.leaf(clients[ANN], amounts[0]), amounts[0], Trees.leaf(clients[BEN], 1), 1
        );
        // The sum of Ann and Ben is 2^128; written as what is left of it in 128 bits, zero.
        bytes32 top = Trees.node(left, 0, Trees.leaf(clients[MAL], 200), 200);
        Root[] memory roots = honestRoots();
        roots[0] = Root(address(tokens[0]), top, 200, 3);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        rollTo(3, 0);
        proof = BalanceProof(amounts[0], 0, 3, new Sibling[](2));
        proof.siblings[0] = Sibling(Trees.leaf(clients[BEN], 1), 1);
        proof.siblings[1] = Sibling(Trees.leaf(clients[MAL], 200), 200);
        refused(ANN, proof);
    }

    /// @dev A proof of one token, one round or one client is a proof of nothing else.
    function test_attack_proofOfAnotherTokenRoundOrClient() public {
        move(0, ANN, BEN, 50);
        commitNow();
        rollTo(3, 0);
        refused(ANN, proofOf(ANN, 0, 1));
        BalanceProof memory proof = proofOf(ANN, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(SumTree.InvalidProof.selector, clients[ANN], 0, 3));
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(address(tokens[1]), 1, clients[ANN], proof, noStatements());
        refused(BEN, proof);
        accepted(ANN, proof, 50);
    }

    /// @dev Ann and Ben are both told of 100, under a top that hashes the total alone, as the
    /// reference's does: ours hashes both sums, so neither proof leads to it.
    function test_attack_twoLeavesSharingOneBalance() public {
        address[] memory who = new address[](2);
        (who[0], who[1]) = (clients[ANN], clients[BEN]);
        uint128[] memory amounts = new uint128[](2);
        (amounts[0], amounts[1]) = (100, 100);
        Root[] memory roots = honestRoots();
        roots[0].leafCount = 2;
        roots[0].node = keccak256(
            abi.encodePacked(
                uint8(1), Trees.leaf(who[0], 100), Trees.leaf(who[1], 100), uint256(200)
            )
        );
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        rollTo(3, 0);
        refused(ANN, Trees.proof(who, amounts, 0));
        refused(BEN, Trees.proof(who, amounts, 1));
    }

    function test_attack_totalOtherThanTheContractsOwn() public {
        Root[] memory roots = new Root[](1);
        balances[0][BEN] += 1;
        roots[0] = rootOf(0, balances[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.WrongTotal.selector, address(tokens[0]), 201, 200)
        );
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    function testFuzz_attack_tamperedProof(uint8 what, uint256 by) public {
        vm.assume(by != 0);
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        what %= 6;
        if (what == 0) proof.balance = uint128(proof.balance ^ by);
        if (what == 1) proof.index = uint64(proof.index ^ by);
        if (what == 2) proof.leafCount = uint64(proof.leafCount ^ by);
        if (what == 3) proof.siblings[0].hash = bytes32(uint256(proof.siblings[0].hash) ^ by);
        if (what == 4) proof.siblings[0].sum = uint128(proof.siblings[0].sum ^ by);
        if (what == 5) proof.siblings = new Sibling[](by % 4 == 2 ? 0 : by % 4);
        BalanceProof memory good = proofOf(ANN, 0, 1);
        vm.assume(keccak256(abi.encode(proof)) != keccak256(abi.encode(good)));
        refused(ANN, proof);
    }

    function test_attack_anotherClientsProof() public {
        refused(BEN, proofOf(ANN, 0, 1));
    }

    /// @dev A tree of 2^64 - 1 leaves would make answers to disputes of 275 kB.
    function test_attack_treeTooDeepForItsProofs() public {
        Root[] memory roots = honestRoots();
        roots[0].leafCount = 2 ** 32 + 1;
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.TooManyLeaves.selector, 2 ** 32 + 1, 2 ** 32)
        );
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        roots[0].leafCount = 2 ** 32;
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        assertEq(mediator.committedRound(), 2);
    }
}
