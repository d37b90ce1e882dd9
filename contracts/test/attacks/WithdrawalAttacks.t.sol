// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {BalanceProof, Root, Signature, SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Attacks by requests to withdraw, and on them
/// @notice Ann has 100 of token 0, committed in rounds 1 and 2, and asks in round 2.
contract WithdrawalAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant HOT_KEY = 0x407;

    function setUp() public override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 60);
        honestlyTo(2);
    }

    function token0() private view returns (address) {
        return address(tokens[0]);
    }

    function cancel(SignedOrder[] memory orders) private {
        vm.prank(operator);
        mediator.cancelWithdrawal(clients[ANN], token0(), orders, noStatements(), noCovers());
    }

    function two(SignedOrder memory first, SignedOrder memory second)
        private
        pure
        returns (SignedOrder[] memory orders)
    {
        orders = new SignedOrder[](2);
        (orders[0], orders[1]) = (first, second);
    }

    function refusesOrder(uint64 round, uint64 id) private {
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, round, id));
    }

    // ------------------------------------------------------------------ evidence

    /// @dev Only what is shown counts: part of the evidence may not be enough, all of it is; none of
    /// it never is.
    function test_attack_cancellingWithASubset() public {
        request(ANN, 0, 60);
        SignedOrder[] memory orders = two(sale(ANN, 1, 9, 30), sale(ANN, 2, 3, 11));
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMediator.NotOverdrawn.selector, 60 + orders[i].sellAmount, 100
                )
            );
            cancel(one(orders[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOverdrawn.selector, 60, 100));
        cancel(new SignedOrder[](0));
        cancel(orders);
        assertEq(mediator.expectedTotal(token0()), 160, "as if never asked");
    }

    /// @dev Ascending by round, then id, so that nothing counts twice: not with another signature,
    /// not with another amount under the same id.
    function test_attack_cancellingWithADuplicate() public {
        request(ANN, 0, 60);
        refusesOrder(1, 9);
        cancel(two(sale(ANN, 2, 3, 30), sale(ANN, 1, 9, 30)));
        refusesOrder(2, 3);
        cancel(two(sale(ANN, 2, 3, 30), sale(ANN, 2, 3, 31)));
        refusesOrder(2, 2);
        cancel(two(sale(ANN, 2, 3, 30), sale(ANN, 2, 2, 30)));
        // Once signed alone, once in a batch of one neighbour: the same order.
        SignedOrder memory again = sale(ANN, 2, 3, 30);
        again.signature.path = new bytes32[](1);
        refusesOrder(2, 3);
        cancel(two(sale(ANN, 2, 3, 30), again));
        // The same id in both rounds is two orders, and id zero is one.
        cancel(two(sale(ANN, 1, 0, 30), sale(ANN, 2, 0, 11)));
    }

    function test_attack_cancellingWithForeignOrders() public {
        request(ANN, 0, 60);
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        cancel(one(sale(BEN, 2, 1, 100)));
        // Of Ann's, but selling another token.
        refusesOrder(2, 1);
        cancel(one(orderOf(ANN, 2, 1, [1, 0], [uint128(100), 100], 1)));
        // Nothing sold, or for itself: no orders at all.
        refusesOrder(2, 1);
        cancel(one(orderOf(ANN, 2, 1, [0, 0], [uint128(100), 100], 1)));
        refusesOrder(2, 1);
        cancel(one(orderOf(ANN, 2, 1, [0, 1], [uint128(100), 0], 1)));
        // Nobody's signature.
        SignedOrder memory unsigned = sale(ANN, 2, 1, 100);
        (unsigned.signature.r, unsigned.signature.vs) = (0, 0);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongSigner.selector, 1, address(0)));
        cancel(one(unsigned));
    }

    /// @dev Orders of every round but the two that count, the last of which would overflow.
    function test_attack_cancellingWithOrdersOfOtherRounds() public {
        honestlyTo(5);
        request(ANN, 0, 60);
        uint64[6] memory rounds = [uint64(0), 2, 3, 6, 7, type(uint64).max];
        for (uint256 i = 0; i < rounds.length; ++i) {
            refusesOrder(rounds[i], 1);
            cancel(one(sale(ANN, rounds[i], 1, 100)));
        }
        cancel(one(sale(ANN, 4, 1, 100)));
    }

    // ------------------------------------------------------------------ keys

    /// @dev Ann trades by a hot key, then changes it, then revokes it, in every order that the round
    /// allows: what it signed for the rounds it was recorded for stays evidence.
    function test_attack_tradingKeyChangedToMakeOldEvidenceInvalid() public {
        setKey(vm.addr(HOT_KEY));
        honestlyTo(3);
        SignedOrder memory order = hotSale(3, 41);
        setKey(vm.addr(0xBEEF));
        setKey(address(0));
        request(ANN, 0, 60);
        rollTo(4, 0);
        setKey(clients[BEN]);
        assertEq(mediator.tradingKey(clients[ANN], 3), vm.addr(HOT_KEY), "the history stands");
        assertEq(mediator.tradingKey(clients[ANN], 4), address(0), "the last of the round counts");
        cancel(one(order));
        // Where the record says nobody, nobody is who a bad signature recovers to.
        SignedOrder memory unsigned = sale(ANN, 4, 1, 100);
        (unsigned.signature.r, unsigned.signature.vs) = (0, 0);
        commitRestored();
        request(ANN, 0, 60);
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongSigner.selector, 1, address(0)));
        cancel(one(unsigned));
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        cancel(one(hotSale(4, 100)));
    }

    /// @dev The same in a dispute: the executions of round 3 are proven in round 4, after she
    /// revoked the key that signed them.
    function test_attack_tradingKeyRevokedBeforeTheDispute() public {
        setKey(vm.addr(HOT_KEY));
        honestlyTo(3);
        SignedOrder memory order = hotSale(3, 10);
        deposit(BEN, 1, 20);
        move(0, ANN, BEN, 10);
        move(1, BEN, ANN, 20);
        setKey(address(0));
        honestlyTo(4);
        setKey(vm.addr(0xBEEF));
        openWithProofs(ANN, one(fillOf(ANN, order, 10, 20)));
        prove(ANN, 4, false, one(order, 10, 20));
        closeShown(ANN, 4);
        bool open = mediator.dispute(clients[ANN], 4).open;
        assertFalse(open, "closed");
    }

    /// @dev A key signs for whoever named it, and for nobody else.
    function test_attack_tradingKeyOfAnotherClient() public {
        setKey(clients[BEN]);
        honestlyTo(3);
        request(ANN, 0, 60);
        SignedOrder memory order = sale(BEN, 3, 1, 100);
        // Ben's own order is not Ann's, though the same key signs for both.
        vm.expectPartialRevert(IMediator.WrongSigner.selector);
        cancel(one(order));
        order.signature = sign(keyOf(BEN), hashOf(clients[ANN], order));
        cancel(one(order));
    }

    function setKey(address key) private {
        vm.prank(clients[ANN]);
        mediator.setTradingKey(key);
    }

    function hotSale(uint64 round, uint128 amount) private view returns (SignedOrder memory order) {
        order = sale(ANN, round, 1, amount);
        order.signature = sign(HOT_KEY, hashOf(clients[ANN], order));
    }

    function commitRestored() private {
        balances[0][ANN] += 60;
        commitNow();
    }

    // ------------------------------------------------------------------ time

    /// @dev A cancelled request may be made again; a request is cancelled once; and the evidence of
    /// the first does not outlive the rounds of the second.
    function test_attack_askingAgainAfterACancellation() public {
        request(ANN, 0, 60);
        cancel(one(sale(ANN, 2, 1, 41)));
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NoWithdrawal.selector, clients[ANN], token0())
        );
        cancel(one(sale(ANN, 2, 1, 41)));
        balances[0][ANN] += 60;
        request(ANN, 0, 60);
        vm.roll(firstBlock(3, 1) - 1);
        cancel(one(sale(ANN, 2, 1, 41)));
        balances[0][ANN] += 60;
        commitNow();
        request(ANN, 0, 60);
        honestlyTo(4);
        vm.expectRevert(abi.encodeWithSelector(IMediator.AlreadyCommitted.selector, token0(), 4));
        cancel(one(sale(ANN, 3, 1, 41)));
        rollTo(4, 1);
        vm.expectPartialRevert(IMediator.OutsideWindow.selector);
        cancel(one(sale(ANN, 3, 1, 41)));
        honestlyTo(5);
        rollTo(5, 1);
        mediator.confirmWithdrawal(clients[ANN], token0());
        assertEq(walletOf(ANN, 0), 60, "paid once");
    }

    function test_attack_withdrawingBeyondOrBesideTheBalance() public {
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.startPrank(clients[ANN]);
        vm.expectRevert(abi.encodeWithSelector(IMediator.AmountExceedsOpening.selector, 101, 100));
        mediator.initiateWithdrawal(token0(), 101, clients[ANN], proof, noStatements());
        vm.expectRevert(IMediator.ZeroAmount.selector);
        mediator.initiateWithdrawal(token0(), 0, clients[ANN], proof, noStatements());
        address[3] memory bad = [address(0), address(mediator), token0()];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMediator.BadRecipient.selector, bad[i]));
            mediator.initiateWithdrawal(token0(), 1, bad[i], proof, noStatements());
        }
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NotCommitted.selector, address(this), uint64(1))
        );
        mediator.initiateWithdrawal(address(this), 1, clients[ANN], proof, noStatements());
        mediator.initiateWithdrawal(token0(), 1, clients[ANN], proof, noStatements());
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.WithdrawalActive.selector, clients[ANN], token0())
        );
        mediator.initiateWithdrawal(token0(), 1, clients[ANN], proof, noStatements());
        vm.stopPrank();
    }

    function test_attack_withdrawingInTheFirstRounds() public {
        mediator = deployMediator();
        genesis = mediator.genesisBlock();
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.OutsideWindow.selector, 0, 0));
        mediator.initiateWithdrawal(token0(), 1, clients[ANN], proof, noStatements());
        vm.expectRevert(abi.encodeWithSelector(IMediator.OutsideWindow.selector, 0, 0));
        openByDeposit(ANN, 0, 0, noFills());
        rollTo(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotCommitted.selector, token0(), 0));
        mediator.initiateWithdrawal(token0(), 1, clients[ANN], proof, noStatements());
    }

    // ------------------------------------------------------------------ covered or overdrawn

    function test_attack_cancellingACoveredRequest() public {
        request(ANN, 0, 60);
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotOverdrawn.selector, 100, 100));
        cancel(one(sale(ANN, 2, 1, 40)));
        // One unit more, and it is overdrawn.
        cancel(one(sale(ANN, 2, 1, 41)));
        uint64 round = mediator.withdrawal(clients[ANN], token0()).round;
        assertEq(round, 0);
    }

    function test_attack_cancellingWithOneOrderTwice() public {
        request(ANN, 0, 60);
        SignedOrder memory order = sale(ANN, 2, 1, 30);
        refusesOrder(2, 1);
        cancel(two(order, order));
    }

    function test_attack_cancellingWithOldForeignOrUnsignedOrders() public {
        honestlyTo(3);
        request(ANN, 0, 100);
        refusesOrder(1, 1);
        cancel(one(sale(ANN, 1, 1, 100)));
        refusesOrder(4, 1);
        cancel(one(sale(ANN, 4, 1, 100)));
        SignedOrder memory order = sale(ANN, 3, 1, 100);
        order.signature = sign(keyOf(BEN), hashOf(clients[ANN], order));
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongSigner.selector, 1, clients[BEN]));
        cancel(one(order));
    }

    /// @dev The orders alone exceed the balance: the reference reverts there, and pays.
    function test_overdraftFarBeyondTheBalanceCanBeCancelled() public {
        request(ANN, 0, 1);
        cancel(one(sale(ANN, 2, 1, type(uint128).max / 2)));
        assertEq(mediator.expectedTotal(token0()), 160);
    }

    function test_attack_commitThenCancel() public {
        request(ANN, 0, 60);
        honestlyTo(3);
        vm.expectRevert(abi.encodeWithSelector(IMediator.AlreadyCommitted.selector, token0(), 3));
        cancel(one(sale(ANN, 2, 1, 100)));
    }

    /// @dev Ann asks for what the operator then gives to Ben without a trade, and Ben asks for it
    /// again: no tree has a total below nothing, so the exchange halts, and neither is paid twice.
    function test_attack_requestsForMoreThanThereIs() public {
        rollTo(3, 0);
        move(0, ANN, BEN, 100);
        commitNow();
        ask(ANN, 100);
        rollTo(4, 0);
        balances[0][BEN] = 60;
        commitNow();
        ask(BEN, 160);
        rollTo(5, 0);
        balances[0][BEN] = 0;
        Root[] memory roots = honestRoots();
        bytes memory underflow = abi.encodeWithSignature("Panic(uint256)", 0x11);
        vm.expectRevert(underflow);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        vm.expectRevert(underflow);
        mediator.expectedTotal(token0());

        rollTo(5, 1);
        assertTrue(mediator.halted(), "no commit, no exchange");
        refusesToPay(ANN, 3);
        refusesToPay(BEN, 4);
        mediator.recoverBalance(clients[BEN], token0(), proofOf(BEN, 0, 3));
        assertEq(walletOf(BEN, 0), 160, "as of the round before the requests");
        assertEq(tokens[0].balanceOf(address(mediator)), 0);
    }

    function ask(uint256 client, uint128 amount) private {
        BalanceProof memory proof = proofOf(client, 0, roundNow() - 1);
        vm.deal(clients[client], withdrawalBond());
        vm.prank(clients[client]);
        mediator.initiateWithdrawal{value: withdrawalBond()}(
            token0(), amount, clients[client], proof, noStatements()
        );
    }

    function refusesToPay(uint256 client, uint64 requested) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.WithdrawalNotDue.selector, requested, uint64(5))
        );
        mediator.confirmWithdrawal(clients[client], token0());
    }
}
