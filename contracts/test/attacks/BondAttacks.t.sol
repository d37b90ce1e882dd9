// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    PresentedFill,
    Statement
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @dev Refuses wei, or takes it and asks for more while it is being paid.
contract Greedy {
    IMediator private immutable _mediator;
    bool private _refuses;
    bool private _floods;
    bool public triedAgain;
    bool public paidAgain;
    address public token;

    constructor(IMediator mediator) {
        _mediator = mediator;
    }

    function setRefuses(bool refuses) external {
        _refuses = refuses;
    }

    function setFloods(bool floods) external {
        _floods = floods;
    }

    function open(address token_) external {
        Delegation memory none;
        _mediator.openDispute{value: _mediator.disputeBond()}(
            address(this),
            new BalanceProof[](0),
            _refOf(token_),
            _noFills(),
            none,
            new Statement[](0)
        );
    }

    function deposit(IERC20 token_, uint128 amount) external {
        token = address(token_);
        token_.approve(address(_mediator), amount);
        _mediator.deposit(token, amount);
    }

    function claim(address to) external {
        _mediator.claimBonds(to);
    }

    receive() external payable {
        require(!_refuses, "no wei, please");
        if (_floods) {
            assembly {
                return(0, 1000000)
            }
        }
        if (triedAgain) return;
        triedAgain = true;
        try _mediator.refundBond(address(this), 2) {
            paidAgain = true;
        } catch {}
        try _mediator.claimBonds(address(this)) {
            paidAgain = true;
        } catch {}
        try _mediator.confirmWithdrawal(address(this), token) {
            paidAgain = true;
        } catch {}
        try _mediator.refundWithdrawalBond(address(this), token) {
            paidAgain = true;
        } catch {}
    }

    function _refOf(address token_) private pure returns (DepositRef memory) {
        return DepositRef(token_, 0);
    }

    function _noFills() private pure returns (PresentedFill[] memory) {
        return new PresentedFill[](0);
    }
}

/// @title Attacks on the bonds of disputes and withdrawals
contract BondAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    Greedy private greedy;

    function bond() internal pure override returns (uint256) {
        return 1 ether;
    }

    function withdrawalBond() internal pure override returns (uint256) {
        return 3 ether;
    }

    function setUp() public override {
        super.setUp();
        greedy = new Greedy(mediator);
        clients[2] = address(greedy);
        deposit(ANN, 0, 100);
        deposit(BEN, 0, 60);
        tokens[0].mint(address(greedy), 40);
        greedy.deposit(IERC20(address(tokens[0])), 40);
        balances[0][2] = 40;
        honestlyTo(2);
    }

    function openAll() private {
        openByDeposit(ANN, 0, 0, noFills());
        openByDeposit(BEN, 0, 0, noFills());
        vm.deal(address(greedy), bond());
        greedy.open(address(tokens[0]));
        assertEq(address(mediator).balance, 3 ether, "three bonds");
    }

    function noDispute(uint256 client) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.NoOpenDispute.selector, clients[client], 2)
        );
    }

    function test_attack_wrongBond() public {
        uint256[4] memory given = [uint256(0), 1 ether - 1, 1 ether + 1, 100 ether];
        for (uint256 i = 0; i < given.length; ++i) {
            vm.deal(clients[ANN], given[i]);
            vm.expectRevert(abi.encodeWithSelector(IMediator.WrongBond.selector, given[i], 1 ether));
            vm.prank(clients[ANN]);
            mediator.openDispute{value: given[i]}(
                clients[ANN],
                new BalanceProof[](0),
                DepositRef(address(tokens[0]), 0),
                noFills(),
                noDelegation(),
                noStatements()
            );
        }
    }

    /// @dev A bond is paid once: to whoever closed, or back at the halt; never both, never twice.
    function test_attack_bondPaidTwice() public {
        openAll();
        closeProving(ANN, 2);
        honestlyTo(3);
        rollTo(3, 1);
        assertTrue(mediator.halted(), "two are open");
        noDispute(ANN);
        mediator.refundBond(clients[ANN], 2);
        mediator.refundBond(clients[BEN], 2);
        assertEq(clients[BEN].balance, 1 ether, "refunded");
        noDispute(BEN);
        mediator.refundBond(clients[BEN], 2);
        // What it was given back is not what it closed.
        vm.expectRevert(abi.encodeWithSelector(IMediator.NothingToClaim.selector, clients[BEN]));
        vm.prank(clients[BEN]);
        mediator.claimBonds(clients[BEN]);
        vm.prank(operator);
        mediator.claimBonds(address(0xCAFE));
        assertEq(address(0xCAFE).balance, 1 ether, "claimed after the halt too");
        mediator.refundBond(address(greedy), 2);
        assertTrue(greedy.triedAgain(), "asked for more");
        assertFalse(greedy.paidAgain(), "and got none");
        assertEq(address(mediator).balance, 0, "all bonds are paid");
    }

    /// @dev A client that cannot be paid keeps nobody from being paid.
    function test_attack_clientThatRefusesItsBond() public {
        openAll();
        greedy.setRefuses(true);
        rollTo(3, 1);
        vm.expectRevert(abi.encodeWithSelector(IMediator.TransferFailed.selector, address(greedy)));
        mediator.refundBond(address(greedy), 2);
        mediator.refundBond(clients[ANN], 2);
        mediator.refundBond(clients[BEN], 2);
        greedy.setRefuses(false);
        mediator.refundBond(address(greedy), 2);
        assertEq(address(greedy).balance, 1 ether, "and is paid when it can be");
    }

    /// @dev An operator that is a contract reenters while it is paid, and one that cannot be paid
    /// keeps its claim.
    function test_attack_reentrantOperatorClaims() public {
        manager.appoint(address(greedy));
        operator = address(greedy);
        openByDeposit(ANN, 0, 0, noFills());
        openByDeposit(BEN, 0, 0, noFills());
        closeProving(ANN, 2);
        closeProving(BEN, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IMediator.TransferFailed.selector, address(mediator))
        );
        vm.prank(address(greedy));
        mediator.claimBonds(address(mediator));
        assertEq(mediator.claimableBonds(address(greedy)), 2 ether, "still there");
        // Somebody else's bond is there to be taken, if anything were.
        vm.deal(address(mediator), 3 ether);
        vm.prank(address(greedy));
        mediator.claimBonds(address(greedy));
        assertTrue(greedy.triedAgain(), "asked for more");
        assertFalse(greedy.paidAgain(), "and got none");
        assertEq(address(greedy).balance, 2 ether, "its two bonds");
    }

    /// @dev Whoever closes is paid, not whoever proved the executions.
    function test_attack_bondOfAnotherOperatorsAnswer() public {
        openByDeposit(ANN, 0, 0, noFills());
        prove(ANN, 2, false, one(sale(ANN, 1, 1, 1), 0, 0));
        manager.appoint(otherOperator);
        operator = otherOperator;
        closeProving(ANN, 2);
        assertEq(mediator.claimableBonds(otherOperator), 1 ether, "closed it");
        assertEq(mediator.claimableBonds(vm.addr(OPERATOR_KEY)), 0, "did not");
    }

    // ------------------------------------------------------------------ of withdrawals

    function test_attack_wrongWithdrawalBond() public {
        uint256[3] memory given = [uint256(0), 3 ether - 1, 3 ether + 1];
        BalanceProof memory proof = proofOf(ANN, 0, 1);
        for (uint256 i = 0; i < given.length; ++i) {
            vm.deal(clients[ANN], given[i]);
            vm.expectRevert(abi.encodeWithSelector(IMediator.WrongBond.selector, given[i], 3 ether));
            vm.prank(clients[ANN]);
            mediator.initiateWithdrawal{value: given[i]}(
                address(tokens[0]), 1, clients[ANN], proof, noStatements()
            );
        }
    }

    /// @dev A client that is a contract reenters while its bond comes back.
    function test_attack_withdrawalBondPaidTwice() public {
        request(2, 0, 40);
        request(ANN, 0, 10);
        honestlyTo(4);
        rollTo(4, 1);
        mediator.confirmWithdrawal(address(greedy), address(tokens[0]));
        assertTrue(greedy.triedAgain(), "asked for more");
        assertFalse(greedy.paidAgain(), "and got none");
        assertEq(address(greedy).balance, 3 ether, "once");
        assertEq(address(mediator).balance, 3 ether, "Ann's is still there");
        rollTo(5, 1);
        // HALTED at 5: Ann's request of round 2 is payable, so its bond comes with the payment.
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.WithdrawalStillPayable.selector, clients[ANN], address(tokens[0])
            )
        );
        mediator.refundWithdrawalBond(clients[ANN], address(tokens[0]));
        mediator.confirmWithdrawal(clients[ANN], address(tokens[0]));
        assertEq(clients[ANN].balance, 3 ether, "Ann's");
    }

    /// @dev Refusing the bond stops neither the payment nor what a halt makes void; it can still be
    /// claimed.
    function test_attack_clientThatRefusesItsWithdrawalBond() public {
        request(2, 0, 40);
        greedy.setRefuses(true);
        honestlyTo(4);
        rollTo(4, 1);
        mediator.confirmWithdrawal(address(greedy), address(tokens[0]));
        assertEq(tokens[0].balanceOf(address(greedy)), 40, "paid all the same");
        assertEq(mediator.claimableBonds(address(greedy)), 3 ether, "kept");
        greedy.claim(clients[ANN]);
        assertEq(clients[ANN].balance, 3 ether, "and claimed");
    }

    /// @dev Whoever confirms for a client takes nothing of its bond.
    function test_attack_withdrawalBondOfAnother() public {
        request(ANN, 0, 10);
        honestlyTo(4);
        rollTo(4, 1);
        vm.prank(clients[BEN]);
        mediator.confirmWithdrawal(clients[ANN], address(tokens[0]));
        assertEq(clients[BEN].balance, 0, "nothing for the stranger");
        assertEq(clients[ANN].balance, 3 ether, "all for the client");
    }

    /// @dev A client that answers its bond with a megabyte makes nobody pay for a copy of it.
    function test_attack_clientThatFloodsWhoeverConfirms() public {
        request(2, 0, 40);
        request(BEN, 0, 40);
        honestlyTo(4);
        rollTo(4, 1);
        greedy.setFloods(true);
        mediator.confirmWithdrawal(address(greedy), address(tokens[0]));
        uint256 flooded = vm.lastCallGas().gasTotalUsed;
        greedy.setFloods(false);
        mediator.confirmWithdrawal(clients[BEN], address(tokens[0]));
        assertEq(address(greedy).balance, 3 ether, "paid");
        // Its own memory, and not that of the Mediator as well.
        assertLt(flooded, vm.lastCallGas().gasTotalUsed + 2_200_000, "one copy at most");
    }
}
