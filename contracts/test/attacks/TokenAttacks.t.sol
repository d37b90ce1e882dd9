// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {TestToken} from "../mocks/TestToken.sol";
import {BalanceProof} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @dev On each transfer it makes the call that it was armed with, and keeps what became of it.
contract ArmedToken is TestToken {
    address private target;
    bytes private call_;
    bool public fired;
    bytes public answer;

    constructor() TestToken("Armed", "A", 18) {}

    function arm(address target_, bytes calldata data) external {
        (target, call_, fired) = (target_, data, false);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target == address(0) || fired) return;
        fired = true;
        // What becomes of it is what the test looks at.
        // forge-lint: disable-next-line(unchecked-call)
        (, answer) = target.call(call_);
    }
}

/// @dev Like USDT: no return value at all, zero approvals first, a list of those refused.
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address account => bool) public refused;
    bool public liar;

    error Refused();

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function refuse(address account, bool is_) external {
        refused[account] = is_;
    }

    function setLiar(bool is_) external {
        liar = is_;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        move(from, to, amount);
    }

    function transfer(address to, uint256 amount) external {
        move(msg.sender, to, amount);
        // A token that says false although nothing moved back.
        if (liar) {
            assembly {
                mstore(0, 0)
                return(0, 32)
            }
        }
    }

    function move(address from, address to, uint256 amount) private {
        if (refused[to]) revert Refused();
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

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

/// @dev Calls back into the Mediator while it is being paid in, and passes on what it answers.
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

/// @title Tokens that misbehave
contract TokenAttacksTest is MediatorTest {
    uint256 private constant ANN = 0;
    uint256 private constant BEN = 1;
    uint256 private constant ARMED = 2;
    uint256 private constant SILENT = 3;
    ArmedToken private armed;
    SilentToken private silent;

    function setUp() public override {
        super.setUp();
        armed = new ArmedToken();
        silent = new SilentToken();
        list(address(armed));
        list(address(silent));
        deposit(ANN, ARMED, 100);
        deposit(BEN, ARMED, 50);
        silent.mint(clients[ANN], 100);
        vm.prank(clients[ANN]);
        mediator.deposit(address(silent), 100);
        balances[SILENT][ANN] = 100;
        honestlyTo(2);
        request(ANN, ARMED, 30);
        request(ANN, SILENT, 30);
    }

    function list(address token) private {
        mediator.listToken(token);
        balances[tokens.length] = new uint128[](clients.length);
        tokens.push(TestToken(token));
        listedRounds.push(0);
    }

    /// @dev The call from within the token was refused by the guard, whatever it was.
    function assertGuarded() private view {
        assertTrue(armed.fired(), "the token did call back");
        assertEq(
            armed.answer(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "refused"
        );
    }

    function reentries() private view returns (bytes[] memory calls) {
        calls = new bytes[](6);
        address token = address(armed);
        BalanceProof memory proof = proofOf(ANN, ARMED, 2);
        calls[0] = abi.encodeCall(mediator.deposit, (token, 1));
        calls[1] = abi.encodeCall(mediator.confirmWithdrawal, (clients[ANN], token));
        calls[2] = abi.encodeCall(mediator.recoverBalance, (clients[ANN], token, proof));
        calls[3] = abi.encodeCall(mediator.recoverDeposits, (clients[ANN], token));
        calls[4] = abi.encodeCall(
            mediator.initiateWithdrawal, (token, 1, clients[ANN], proof, noStatements())
        );
        calls[5] = abi.encodeCall(mediator.claimBonds, (clients[ANN]));
    }

    function test_attack_reentrantTokenOnDepositConfirmAndRecover() public {
        honestlyTo(4);
        rollTo(4, 1);
        bytes[] memory calls = reentries();
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < calls.length; ++i) {
            armed.arm(address(mediator), calls[i]);
            mediator.confirmWithdrawal(clients[ANN], address(armed));
            assertGuarded();
            assertEq(walletOf(ANN, ARMED), 30, "paid once");
            vm.revertToState(before);
        }
        tokens[ARMED].mint(clients[BEN], 1);
        vm.prank(clients[BEN]);
        tokens[ARMED].approve(address(mediator), 1);
        armed.arm(address(mediator), calls[0]);
        vm.prank(clients[BEN]);
        mediator.deposit(address(armed), 1);
        assertGuarded();
        rollTo(5, 1);
        // HALTED at 5: balances of 3 and requests up to 2.
        armed.arm(address(mediator), calls[2]);
        mediator.recoverBalance(clients[ANN], address(armed), proofOf(ANN, ARMED, 3));
        assertGuarded();
        armed.arm(address(mediator), calls[3]);
        mediator.recoverDeposits(clients[BEN], address(armed));
        assertGuarded();
        mediator.confirmWithdrawal(clients[ANN], address(armed));
        mediator.recoverBalance(clients[BEN], address(armed), proofOf(BEN, ARMED, 3));
        assertEq(armed.balanceOf(address(mediator)), 0, "everybody, and nothing left");
    }

    function test_attack_tokenThatReturnsNothingIsPaidAllTheSame() public {
        honestlyTo(4);
        rollTo(4, 1);
        mediator.confirmWithdrawal(clients[ANN], address(silent));
        assertEq(silent.balanceOf(clients[ANN]), 30);
    }

    /// @dev A payment that the token refuses, or denies, leaves the request as it was.
    function test_attack_tokenThatRefusesOrDeniesAPayment() public {
        honestlyTo(4);
        rollTo(4, 1);
        silent.refuse(clients[ANN], true);
        vm.expectRevert(SilentToken.Refused.selector);
        mediator.confirmWithdrawal(clients[ANN], address(silent));
        silent.refuse(clients[ANN], false);
        silent.setLiar(true);
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        mediator.confirmWithdrawal(clients[ANN], address(silent));
        silent.setLiar(false);
        uint128 amount = mediator.withdrawal(clients[ANN], address(silent)).amount;
        assertEq(amount, 30, "still asked for");
        mediator.confirmWithdrawal(clients[ANN], address(silent));
        assertEq(silent.balanceOf(clients[ANN]), 30);
    }

    /// @dev Tokens sent without a deposit are nobody's: they change no total and no payment.
    function test_attack_donation() public {
        armed.mint(address(mediator), 1000);
        assertEq(mediator.expectedTotal(address(armed)), 150);
        honestlyTo(3);
        assertEq(mediator.expectedTotal(address(armed)), 120);
        deposit(BEN, ARMED, 1);
        uint128 credited = mediator.clientFlows(clients[BEN], address(armed), 3).deposits;
        assertEq(credited, 1, "what arrived with the deposit, no more");
    }

    function test_attack_depositOfNothing() public {
        vm.expectRevert(IMediator.ZeroAmount.selector);
        vm.prank(clients[ANN]);
        mediator.deposit(address(armed), 0);
    }

    // ------------------------------------------------------------------ what a deposit brings

    /// @dev Listed, and paid in by Ann in round 2.
    function depositOf(TestToken token, uint128 amount, bytes memory refusal)
        private
        returns (uint128 credited)
    {
        mediator.listToken(address(token));
        token.mint(clients[ANN], amount);
        vm.prank(clients[ANN]);
        token.approve(address(mediator), amount);
        if (refusal.length > 0) vm.expectRevert(refusal);
        vm.prank(clients[ANN]);
        mediator.deposit(address(token), amount);
        credited = mediator.clientFlows(clients[ANN], address(token), 2).deposits;
    }

    function test_attack_feeTakingTokenIsCreditedWithWhatArrived() public {
        assertEq(depositOf(new FeeToken(), 1000, ""), 900);
    }

    function test_attack_tokenThatReturnsFalse() public {
        TestToken token = new FalseToken();
        bytes memory refusal =
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token));
        assertEq(depositOf(token, 1000, refusal), 0, "nothing is credited");
    }

    function test_attack_reentrantToken() public {
        bytes memory refusal =
            abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(depositOf(new ReentrantToken(), 1000, refusal), 0, "nothing is credited");
    }
}
