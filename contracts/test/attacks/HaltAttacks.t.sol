// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {SumTree} from "../../src/libraries/SumTree.sol";
import {TestToken} from "../mocks/TestToken.sol";
import {BalanceProof, Root, Signature, SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @dev Says that it holds whatever the test tells it to, and moves nothing.
contract LyingToken is TestToken {
    uint256 private _said;

    constructor() TestToken("Liar", "L", 18) {}

    function say(uint256 amount) external {
        _said = amount;
    }

    function balanceOf(address) public view override returns (uint256) {
        return _said;
    }

    function transferFrom(address, address, uint256 amount) public override returns (bool) {
        _said += amount;
        return true;
    }
}

/// @title Attacks by halting, and on the halt
contract HaltAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 60);
    }

    function haltsAt(uint64 round) private view {
        assertEq(mediator.haltBlock(), firstBlock(round, 1), "first block of the halt");
    }

    // ------------------------------------------------------------------ noticed late

    /// @dev An unanswered dispute, nobody calls for fifty rounds, and all that anybody sees and gets
    /// is what it was at the boundary.
    function test_attack_haltByDisputeNoticedManyRoundsLate() public {
        honestlyTo(2);
        openByDeposit(ANN, 0, 0, noFills());
        honestlyTo(3);
        vm.roll(firstBlock(53, 3) + 5);
        haltsAt(3);
        assertTrue(mediator.halted(), "halted");
        assertEq(mediator.currentRound(), 3, "round");
        assertEq(mediator.currentQuarter(), 1, "quarter");
        assertEq(mediator.committedRound(), 3, "committed");
        BalanceProof memory late = proofOf(ANN, 0, 2);
        late.balance += 1;
        vm.expectPartialRevert(SumTree.InvalidProof.selector);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), late);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        mediator.recoverBalance(clients[BEN], address(tokens[0]), proofOf(BEN, 0, 1));
        assertEq(tokens[0].balanceOf(address(mediator)), 0, "everybody, and nothing left");
    }

    /// @dev The disputed tree is never the one that users recover from, however late it is noticed.
    function test_attack_disputedTreeBecomesTheOneRecoveredFrom() public {
        honestlyTo(1);
        // Ben is credited with Ann's money.
        move(0, ANN, BEN, 100);
        honestlyTo(2);
        openWithProofs(ANN, noFills());
        honestlyTo(3);
        vm.roll(firstBlock(4, 0));
        Root[] memory roots = honestRoots();
        refusesHalted(3);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.roll(firstBlock(7, 2));
        BalanceProof memory stolen = proofOf(BEN, 0, 2);
        vm.expectPartialRevert(SumTree.InvalidProof.selector);
        mediator.recoverBalance(clients[BEN], address(tokens[0]), stolen);
        mediator.recoverBalance(clients[ANN], address(tokens[0]), proofOf(ANN, 0, 1));
        assertEq(walletOf(ANN, 0), 100, "hers");
    }

    // ------------------------------------------------------------------ several obligations

    /// @dev Whatever is open, the first boundary missed is the one that counts.
    function test_attack_severalObligationsAtDifferentBoundaries() public {
        haltsAt(1);
        rollTo(1, 0);
        openByDeposit(ANN, 0, 0, noFills());
        haltsAt(1);
        commitNow();
        haltsAt(2);
        rollTo(1, 1);
        openByDeposit(BEN, 0, 0, noFills());
        haltsAt(2);
        close(ANN, 1, new uint128[](0), new BalanceProof[](0));
        haltsAt(2);
        rollTo(2, 0);
        commitNow();
        // Ben's dispute was not closed in time: nothing that happens now moves the halt.
        haltsAt(2);
        openByDeposit(ANN, 0, 0, noFills());
        closeProving(ANN, 2);
        haltsAt(2);
        vm.expectPartialRevert(IMediator.OutsideWindow.selector);
        close(BEN, 1, new uint128[](0), new BalanceProof[](0));
        vm.roll(firstBlock(2, 1) - 1);
        assertFalse(mediator.halted(), "one block before");
        rollTo(2, 1);
        assertTrue(mediator.halted(), "and then");
    }

    /// @dev Disputes of two rounds open at once, closed in either order; then one of an earlier
    /// round does not come back.
    function test_attack_disputesOfTwoRoundsAtOnce() public {
        honestlyTo(2);
        rollTo(2, 3);
        openByDeposit(ANN, 0, 0, noFills());
        openByDeposit(BEN, 0, 0, noFills());
        rollTo(3, 0);
        commitNow();
        openByDeposit(ANN, 0, 0, noFills());
        haltsAt(3);
        uint256 before = vm.snapshotState();
        closeProving(ANN, 3);
        haltsAt(3);
        closeProving(ANN, 2);
        haltsAt(3);
        closeProving(BEN, 2);
        haltsAt(4);
        vm.revertToState(before);
        closeProving(ANN, 2);
        closeProving(BEN, 2);
        haltsAt(4);
        closeProving(ANN, 3);
        honestlyTo(6);
        openByDeposit(ANN, 0, 0, noFills());
        haltsAt(7);
        closeProving(ANN, 6);
        haltsAt(7);
        honestlyTo(7);
        haltsAt(8);
    }

    /// @dev Until the first listing nothing is owed, in however many rounds; from then on it is.
    function test_attack_roundsSkippedBeforeTheFirstListing() public {
        mediator = deployMediator();
        genesis = mediator.genesisBlock();
        vm.roll(firstBlock(1000, 1));
        assertFalse(mediator.halted(), "nothing owed");
        assertEq(mediator.haltBlock(), type(uint64).max, "no boundary");
        mediator.listToken(address(tokens[0]));
        haltsAt(1001);
        rollTo(1001, 0);
        Root[] memory roots = new Root[](1);
        roots[0] = Root(address(tokens[0]), 0, 0, 0);
        mediator.listToken(address(tokens[1]));
        haltsAt(1001);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        haltsAt(1002);
        // The other one is not owed yet, and may not be committed.
        roots[0].token = address(tokens[1]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.TokenNotInRound.selector, address(tokens[1]), uint64(1001)
            )
        );
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    // ------------------------------------------------------------------ what the halt refuses

    function refusesHalted(uint64 round) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.Halted.selector, round));
    }

    function test_attack_goingOnAfterTheHalt() public {
        honestlyTo(2);
        request(ANN, 0, 60);
        openByDeposit(ANN, 0, 0, noFills());
        SignedOrder memory order = sale(ANN, 2, 1, 100);
        TestToken late = new TestToken("Late", "L", 18);
        Root[] memory roots = honestRoots();
        BalanceProof memory proof = proofOf(BEN, 0, 2);
        rollTo(3, 1);
        refusesHalted(3);
        mediator.deposit(address(tokens[0]), 1);
        refusesHalted(3);
        mediator.depositWithPermit(address(tokens[0]), 1, 0, 0, 0, 0);
        refusesHalted(3);
        vm.prank(clients[BEN]);
        mediator.initiateWithdrawal(address(tokens[0]), 1, clients[BEN], proof, noStatements());
        refusesHalted(3);
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), one(order), noStatements(), noCovers()
        );
        refusesHalted(3);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        refusesHalted(3);
        openByDeposit(BEN, 0, 0, noFills());
        refusesHalted(3);
        prove(ANN, 2, false, one(order, 0, 0));
        BalanceProof[] memory openings = proofsOf(ANN, 1);
        refusesHalted(3);
        close(ANN, 2, new uint128[](0), openings);
        refusesHalted(3);
        mediator.listToken(address(late));
        refusesHalted(3);
        mediator.setTradingKey(clients[ANN]);
        assertEq(mediator.expectedTotal(address(tokens[0])), 100, "views still answer");
        assertEq(mediator.tokenSet(3).length, 2, "and this one");
    }

    // ------------------------------------------------------------------ a listed token that lies

    /// @dev The listing owner lists a token that claims to have received 2^128 - 1 in each of two
    /// rounds. No tree has such a total: were it credited, nobody could commit, and all would halt.
    function test_attack_tokenThatLiesSoThatNoTotalFits() public {
        LyingToken liar = new LyingToken();
        mediator.listToken(address(liar));
        mediator.deposit(address(liar), type(uint128).max);
        refusesTotal(address(liar));
        mediator.deposit(address(liar), 1);
        liar.say(0);
        refusesTotal(address(liar));
        mediator.deposit(address(liar), type(uint128).max);
        rollTo(1, 0);
        // Before the commit, what was deposited in the last round counts; after it, the total.
        liar.say(0);
        refusesTotal(address(liar));
        mediator.deposit(address(liar), 1);
        Root[] memory roots = new Root[](3);
        (roots[0], roots[1]) = (rootOf(0, balances[0]), rootOf(1, balances[1]));
        roots[2] = Root(address(liar), bytes32(uint256(1)), type(uint128).max, 1);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        haltsAt(2);
        rollTo(1, 1);
        refusesTotal(address(liar));
        mediator.deposit(address(liar), 1);
        rollTo(2, 0);
        refusesTotal(address(liar));
        mediator.deposit(address(liar), 1);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        haltsAt(3);
    }

    /// @dev What one transfer claims to bring is beyond any tree by itself.
    function test_attack_tokenThatLiesInOneDeposit() public {
        LyingToken liar = new LyingToken();
        mediator.listToken(address(liar));
        GrowingToken grower = new GrowingToken();
        mediator.listToken(address(grower));
        refusesTotal(address(grower));
        mediator.deposit(address(grower), 1);
        liar.say(5);
        mediator.deposit(address(liar), type(uint128).max - 1);
        uint128 credited = mediator.flows(address(liar), 0).deposits;
        assertEq(credited, type(uint128).max - 1, "the difference alone counts");
    }

    function refusesTotal(address token) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.TotalTooLarge.selector, token));
    }
}

/// @dev Says nothing at first, and 2^200 after a transfer.
contract GrowingToken is TestToken {
    bool private _paid;

    constructor() TestToken("Grower", "G", 18) {}

    function balanceOf(address) public view override returns (uint256) {
        return _paid ? 1 << 200 : 0;
    }

    function transferFrom(address, address, uint256) public override returns (bool) {
        _paid = true;
        return true;
    }
}
