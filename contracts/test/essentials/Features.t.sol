// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Mediator} from "../../src/Mediator.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {RoundRobinOperatorManager} from "../../src/managers/RoundRobinOperatorManager.sol";
import {TestToken} from "../../src/mocks/TestToken.sol";
import {
    BalanceProof,
    Execution,
    Delegation,
    DepositRef,
    PresentedFill,
    Root,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";
import {Harness} from "./Harness.sol";

/// @dev Keeps a tenth of what is transferred.
contract FeeToken is TestToken {
    constructor() TestToken("Fee", "FEE", 18) {}

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _burn(from, amount / 10);
        return super.transferFrom(from, to, amount - amount / 10);
    }
}

/// @dev Says false instead of reverting.
contract FalseToken is TestToken {
    constructor() TestToken("False", "F", 18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @dev Calls back into the Mediator while it is being paid in.
contract ReentrantToken is TestToken {
    bool public tried;

    constructor() TestToken("Re", "RE", 18) {}

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (!tried) {
            tried = true;
            IMediator(msg.sender).deposit(address(this), 1);
        }
        return super.transferFrom(from, to, amount);
    }
}

/// @title Keys, batches, permits, bonds, delegation, quorum, odd tokens
contract FeaturesTest is Harness {
    uint128 private constant HUNDRED = 100 * UNIT;
    uint256 private constant HOT_KEY = 0x407;

    function fund() private {
        deposit(bob, weth, HUNDRED);
        commit(1, [uint128(0), HUNDRED, 0, 0]);
        commit(2, [uint128(0), HUNDRED, 0, 0]);
    }

    function askedForAll() private {
        fund();
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), HUNDRED, bob, proofOfBob(0, HUNDRED));
    }

    function hotOrder(uint64 round) private view returns (SignedOrder[] memory orders) {
        orders = new SignedOrder[](1);
        orders[0] = signOrder(HOT_KEY, bob, bobSells(round, 1, UNIT));
    }

    // ------------------------------------------------------------------ trading keys

    function test_tradingKeySignsFromTheNextRoundOnAndStaysValidWhenRevoked() public {
        fund();
        address hot = vm.addr(HOT_KEY);
        vm.prank(bob);
        mediator.setTradingKey(hot);
        assertTrue(mediator.tradingKey(bob, 2) == address(0), "not in this round");
        assertTrue(mediator.tradingKey(bob, 3) == hot, "from the next");
        commit(3, [uint128(0), HUNDRED, 0, 0]);
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), HUNDRED, bob, proofOfBob(0, HUNDRED));
        // Revoked in the round whose orders it signed: the evidence stays evidence.
        vm.prank(bob);
        mediator.setTradingKey(address(0));
        (SignedOrder[] memory early, SignedOrder[] memory inTime) = (hotOrder(2), hotOrder(3));
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), early);
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), inTime);
        assertTrue(mediator.tradingKey(bob, 4) == address(0), "revoked from the next on");
    }

    // ------------------------------------------------------------------ batches

    function test_orderSignedInABatchIsEvidence() public {
        askedForAll();
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0] = bobSells(2, 1, UNIT);
        bytes32 mine = keccak256(abi.encodePacked(uint8(0), orderHash(bob, orders[0])));
        bytes32 other = keccak256("another order of the batch");
        bytes32 root = mine < other
            ? keccak256(abi.encodePacked(uint8(1), mine, other))
            : keccak256(abi.encodePacked(uint8(1), other, mine));
        bytes32 structHash = keccak256(abi.encode(Messages.BATCH_TYPEHASH, root));
        orders[0].signature = compact(BOB_KEY, structHash);
        orders[0].signature.path = new bytes32[](1);
        orders[0].signature.path[0] = bytes32(uint256(other) ^ 1);
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), orders);
        orders[0].signature.path[0] = other;
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), orders);
    }

    // ------------------------------------------------------------------ permits

    function test_depositWithPermit_alsoWhenSomebodySentThePermitFirst() public {
        usdc.mint(bob, 100);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                bob,
                address(mediator),
                100,
                0,
                type(uint256).max
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(BOB_KEY, digest);
        usdc.permit(bob, address(mediator), 100, type(uint256).max, v, r, s);
        vm.prank(bob);
        mediator.depositWithPermit(address(usdc), 100, type(uint256).max, v, r, s);
        (uint128 credited,) = mediator.clientFlows(bob, address(usdc), 0);
        assertEq(credited, 100);
    }

    // ------------------------------------------------------------------ bonds and delegation

    function withBond() private {
        mediator = new Mediator(manager, ROUND, 1 ether, address(this));
        genesis = mediator.genesisBlock();
        mediator.listToken(address(weth));
        deposit(bob, weth, HUNDRED);
        rollTo(1, 0);
        Root[] memory roots = new Root[](1);
        roots[0] = rootOf(weth, 0, HUNDRED);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.deal(bob, 2 ether);
        vm.deal(address(0x7A7C), 2 ether);
    }

    function open(address by, uint256 value, Delegation memory delegation) private {
        DepositRef memory ref = byDeposit(weth, 0);
        vm.prank(by);
        mediator.openDispute{value: value}(
            bob, new BalanceProof[](0), ref, new PresentedFill[](0), delegation
        );
    }

    function test_bondGoesToTheOperatorThatCloses() public {
        withBond();
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongBond.selector, 0, 1 ether));
        open(bob, 0, noDelegation());
        open(bob, 1 ether, noDelegation());
        BalanceProof[] memory closings = new BalanceProof[](1);
        closings[0] = proofOfBob(0, HUNDRED);
        vm.prank(operator);
        mediator.closeDispute(
            bob, 1, new Execution[](0), new uint128[](0), new BalanceProof[](0), closings
        );
        assertEq(mediator.claimableBonds(operator), 1 ether);
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
        assertEq(address(0xCAFE).balance, 1 ether);
        vm.expectPartialRevert(IMediator.NothingToClaim.selector);
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
    }

    function test_bondGoesBackToTheClientWhenTheMediatorHalts() public {
        withBond();
        open(bob, 1 ether, noDelegation());
        vm.expectRevert(IMediator.NotHalted.selector);
        mediator.refundBond(bob, 1);
        rollTo(2, 1);
        mediator.refundBond(bob, 1);
        assertEq(bob.balance, 2 ether);
        vm.expectPartialRevert(IMediator.NoOpenDispute.selector);
        mediator.refundBond(bob, 1);
    }

    function test_disputeMustBeClosedInTheNextQuarterAndHaltsLater() public {
        withBond();
        open(bob, 1 ether, noDelegation());
        BalanceProof[] memory closings = new BalanceProof[](1);
        closings[0] = proofOfBob(0, HUNDRED);
        rollTo(1, 2);
        vm.expectPartialRevert(IMediator.OutsideWindow.selector);
        vm.prank(operator);
        mediator.closeDispute(
            bob, 1, new Execution[](0), new uint128[](0), new BalanceProof[](0), closings
        );
        assertTrue(!mediator.halted(), "the halt comes at the end of the next quarter 0");
        assertEq(mediator.haltBlock(), genesis + 2 * ROUND + QUARTER);
    }

    function test_delegateOpensForTheClient() public {
        withBond();
        address tower = address(0x7A7C);
        bytes32 structHash =
            keccak256(abi.encode(Messages.DELEGATION_TYPEHASH, bob, tower, uint64(1)));
        bytes32 digest =
            keccak256(abi.encodePacked(hex"1901", mediator.domainSeparator(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(BOB_KEY, digest);
        Delegation memory delegation = Delegation(2, abi.encodePacked(r, s, v));
        vm.expectPartialRevert(IMediator.NotDelegated.selector);
        open(tower, 1 ether, delegation);
        delegation.untilRound = 1;
        open(tower, 1 ether, delegation);
        (, bool isOpen,) = mediator.dispute(bob, 1);
        assertTrue(isOpen, "open");
    }

    // ------------------------------------------------------------------ quorum and turns

    function test_attack_commitWithoutQuorum() public {
        RoundRobinOperatorManager turns = new RoundRobinOperatorManager(address(this), 1, 1000);
        turns.setMaintenance(true);
        turns.addOperator("a", operator, "http://a");
        turns.addOperator("b", vm.addr(HOT_KEY), "http://b");
        turns.setCommitQuorum(2);
        turns.setMaintenance(false);
        mediator = new Mediator(turns, ROUND, 0, address(this));
        genesis = mediator.genesisBlock();
        mediator.listToken(address(weth));
        // Nobody has claimed: operator() is zero, and in the rescue window any approved one may.
        rollTo(1, 0);
        Root[] memory roots = new Root[](1);
        roots[0] = Root(address(weth), 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, operator));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.roll(genesis + ROUND + QUARTER - QUARTER / 4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.QuorumMissed.selector, 1, 2));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));

        bytes32 structHash = keccak256(
            abi.encode(Messages.COMMIT_TYPEHASH, uint64(1), keccak256(abi.encode(roots)))
        );
        Signature[] memory attestations = new Signature[](1);
        attestations[0] = compact(OPERATOR_KEY, structHash);
        vm.expectRevert(abi.encodeWithSelector(IMediator.BadAttestation.selector, operator));
        vm.prank(operator);
        mediator.commit(roots, attestations);
        attestations[0] = compact(HOT_KEY, structHash);
        vm.prank(operator);
        mediator.commit(roots, attestations);
        assertEq(mediator.committedRound(), 1);
    }

    /// @dev The manager reverts in maintenance; an approved operator commits all the same, late.
    function test_maintenanceHeldAcrossADeadlineIsBridgedByTheRescueWindow() public {
        RoundRobinOperatorManager turns = new RoundRobinOperatorManager(address(this), 1, 1000);
        turns.setMaintenance(true);
        turns.addOperator("a", operator, "http://a");
        mediator = new Mediator(turns, ROUND, 0, address(this));
        genesis = mediator.genesisBlock();
        mediator.listToken(address(weth));
        Root[] memory roots = new Root[](1);
        roots[0] = Root(address(weth), 0, 0, 0);
        vm.roll(genesis + ROUND + QUARTER - QUARTER / 4 - 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOperator.selector, operator));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.roll(genesis + ROUND + QUARTER - QUARTER / 4);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.roll(genesis + ROUND + QUARTER);
        assertTrue(!mediator.halted(), "saved");
    }

    // ------------------------------------------------------------------ tokens

    function depositOf(TestToken token, uint128 amount) private returns (uint128 credited) {
        mediator.listToken(address(token));
        token.mint(ada, amount);
        vm.prank(ada);
        token.approve(address(mediator), amount);
        vm.prank(ada);
        mediator.deposit(address(token), amount);
        (credited,) = mediator.clientFlows(ada, address(token), 0);
    }

    function test_attack_feeTakingTokenIsCreditedWithWhatArrived() public {
        assertEq(depositOf(new FeeToken(), 1000), 900);
    }

    function test_attack_tokenThatReturnsFalse() public {
        TestToken token = new FalseToken();
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        this.tryDeposit(token);
    }

    function tryDeposit(TestToken token) external {
        depositOf(token, 1000);
    }

    function test_attack_reentrantToken() public {
        TestToken token = new ReentrantToken();
        vm.expectPartialRevert(bytes4(keccak256("ReentrancyGuardReentrantCall()")));
        this.tryDeposit(token);
    }

    function test_tokenListedLaterIsCommittedFromTheNextRoundOn() public {
        fund();
        TestToken late = new TestToken("Late", "LATE", 8);
        vm.expectPartialRevert(IMediator.TokenNotListed.selector);
        vm.prank(ada);
        mediator.deposit(address(late), 5);
        mediator.listToken(address(late));
        deposit(ada, late, 5);
        assertEq(mediator.tokenSet(2).length, 2);
        assertEq(mediator.tokenSet(3).length, 3);
        rollTo(3, 0);
        Root[] memory roots = new Root[](3);
        roots[0] = rootOf(weth, 0, HUNDRED);
        roots[1] = rootOf(usdc, 0, 0);
        roots[2] = rootOf(late, 5, 0);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        assertEq(mediator.committedRound(), 3);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        vm.prank(ada);
        mediator.listToken(address(0x1));
    }
}
