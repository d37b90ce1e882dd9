// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    DepositRef,
    Execution,
    Signature,
    SignedOrder,
    Statement,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Law (f): every call that changes something, in every block of three rounds
/// @notice Round 5 is committed in its first block, and nothing after it: from quarter 1 of round 6
/// on the Mediator is HALTED. Each call is made in each block of rounds 5, 6 and 7, by whoever may
/// make it, by an approved operator out of turn and by a stranger, and then undone.
contract WindowsTest is MediatorTest {
    enum Call {
        ListToken,
        SetTradingKey,
        Deposit,
        DepositWithPermit,
        InitiateWithdrawal,
        CancelWithdrawal,
        CancelCommitted,
        ConfirmOf2,
        ConfirmOf3,
        ConfirmOf4,
        ConfirmOf5,
        Commit,
        OpenDispute,
        ProveExecutions,
        CloseDispute,
        ClaimBonds,
        RecoverBalance,
        RecoverDeposits,
        RefundBond,
        TransferOwnership,
        RenounceOwnership,
        RedirectOf3,
        RedirectOf4,
        RefundOf3,
        RefundOf4
    }

    bytes4 private constant ALLOWED = 0;
    address private constant STRANGER = address(0x5151);
    uint64 private constant LAST = 5;

    SignedOrder[] private evidence;
    /// The quarter of round 5 in which the dispute that is answered was opened.
    uint64 private openedIn;
    /// Whether both sides show statements.
    bool private stated;

    function roundSize() internal pure override returns (uint64) {
        return 32;
    }

    function bond() internal pure override returns (uint256) {
        return 5;
    }

    function withdrawalBond() internal pure override returns (uint256) {
        return 3;
    }

    /// @dev Requests of rounds 2, 3 and 4, covered, and one of round 5, overdrawn.
    function setUp() public override {
        super.setUp();
        manager.register(otherOperator, genesis, type(uint64).max);
        for (uint256 client = 0; client < 3; ++client) {
            deposit(client, 0, 100);
            deposit(client, 1, 100);
        }
        honestlyTo(2);
        request(0, 0, 10);
        honestlyTo(3);
        request(1, 0, 10);
        honestlyTo(4);
        request(2, 0, 10);
        openWithProofs(1, noFills());
        closeShown(1, 4);
        honestlyTo(LAST);
        deposit(0, 0, 5);
        request(0, 1, 100);
        evidence.push(orderOf(0, LAST, 1, [1, 0], [uint128(100), 1], 1));
    }

    // ------------------------------------------------------------------ the table

    function test_everyCallInEveryBlock() public {
        vm.pauseGasMetering();
        for (uint8 i = 0; i <= uint8(type(Call).max); ++i) {
            Call what = Call(i);
            if (what == Call.ProveExecutions || what == Call.CloseDispute) {
                for (openedIn = 0; openedIn < 4; ++openedIn) {
                    tryEverywhere(what);
                }
            } else {
                tryEverywhere(what);
            }
        }
    }

    /// @dev Statements open no window, and close none.
    function test_everyCallWithStatementsInEveryBlock() public {
        vm.pauseGasMetering();
        stated = true;
        tryEverywhere(Call.InitiateWithdrawal);
        tryEverywhere(Call.CancelWithdrawal);
        tryEverywhere(Call.CancelCommitted);
        tryEverywhere(Call.OpenDispute);
        for (openedIn = 0; openedIn < 4; ++openedIn) {
            tryEverywhere(Call.ProveExecutions);
            tryEverywhere(Call.CloseDispute);
        }
    }

    /// @dev Where the exchange goes on, the request of round 4 is payable from quarter 1 of round 6.
    function test_requestOfRound4InEveryBlockOfRound6() public {
        rollTo(LAST + 1, 0);
        commitNow();
        for (uint256 at = firstBlock(LAST + 1, 0); at < firstBlock(LAST + 2, 0); ++at) {
            uint256 before = vm.snapshotState();
            vm.roll(at);
            if (at < firstBlock(LAST + 1, 1)) {
                vm.expectPartialRevert(IMediator.WithdrawalNotDue.selector);
            }
            mediator.confirmWithdrawal(clients[2], address(tokens[0]));
            vm.revertToState(before);
        }
    }

    /// @dev Round 0 has no commit; without one in quarter 0 of round 1 that is the halt.
    function test_everyCallInEveryBlockOfTheFirstRounds() public {
        vm.pauseGasMetering();
        mediator = deployMediator();
        genesis = mediator.genesisBlock();
        for (uint256 token = 0; token < 2; ++token) {
            mediator.listToken(address(tokens[token]));
            (listedRounds[token], balances[token]) = (0, new uint128[](3));
            deposit(0, token, 100);
        }
        Call[9] memory calls = [
            Call.ListToken,
            Call.SetTradingKey,
            Call.Deposit,
            Call.InitiateWithdrawal,
            Call.ConfirmOf2,
            Call.Commit,
            Call.OpenDispute,
            Call.RecoverBalance,
            Call.RecoverDeposits
        ];
        for (uint256 at = firstBlock(0, 0); at < firstBlock(3, 0); ++at) {
            for (uint256 i = 0; i < calls.length; ++i) {
                probeFirst(calls[i], at);
            }
        }
    }

    function probeFirst(Call what, uint256 at) private {
        uint256 before = vm.snapshotState();
        prepare(what);
        vm.roll(at);
        (bytes memory data, uint256 value) = (dataOf(what, LAST + 1), bondOf(what));
        if (what == Call.OpenDispute) {
            data = abi.encodeCall(
                mediator.openDispute,
                (
                    clients[0],
                    new BalanceProof[](0),
                    DepositRef(address(tokens[0]), 0),
                    noFills(),
                    noDelegation(),
                    noStatements()
                )
            );
        }
        address who = mayCall(what);
        vm.deal(who, value);
        vm.prank(who);
        (bool ok, bytes memory answer) = address(mediator).call{value: value}(data);
        string memory where = string.concat(
            "call ", vm.toString(uint256(what)), " in block ", vm.toString(at - genesis)
        );
        bytes4 found = ok ? ALLOWED : bytes4(answer);
        assertEq(bytes32(found), bytes32(expectedFirst(what, at)), where);
        vm.revertToState(before);
    }

    function expectedFirst(Call what, uint256 at) private view returns (bytes4) {
        bool late = at >= firstBlock(1, 1);
        bool roundZero = at < firstBlock(1, 0);
        if (what == Call.ConfirmOf2) return IMediator.NoWithdrawal.selector;
        if (what == Call.RecoverDeposits) return late ? ALLOWED : IMediator.NotHalted.selector;
        if (what == Call.RecoverBalance) {
            return late ? IMediator.NotCommitted.selector : IMediator.NotHalted.selector;
        }
        if (late) return IMediator.Halted.selector;
        if (what == Call.InitiateWithdrawal) {
            return roundZero ? IMediator.OutsideWindow.selector : IMediator.NotCommitted.selector;
        }
        bool afterRoundZero = what == Call.Commit || what == Call.OpenDispute;
        return afterRoundZero && roundZero ? IMediator.OutsideWindow.selector : ALLOWED;
    }

    function tryEverywhere(Call what) private {
        uint256 from = firstBlock(LAST, 0);
        if (what == Call.CancelCommitted) from = firstBlock(LAST + 1, 0);
        if (answers(what)) from = firstBlock(LAST, openedIn);
        uint256 to =
            what == Call.CancelCommitted ? firstBlock(LAST + 2, 1) : firstBlock(LAST + 3, 0);
        for (uint256 at = from; at < to; ++at) {
            probe(what, mayCall(what), at);
            if (!isDuty(what)) continue;
            probe(what, otherOperator, at);
            probe(what, STRANGER, at);
        }
    }

    function probe(Call what, address who, uint256 at) private {
        uint256 before = vm.snapshotState();
        prepare(what);
        vm.roll(at);
        bytes memory data = dataOf(what, uint64((at - genesis) / roundSize()));
        uint256 value = bondOf(what);
        vm.deal(who, value);
        vm.prank(who);
        (bool ok, bytes memory answer) = address(mediator).call{value: value}(data);
        bytes4 found = ok ? ALLOWED : bytes4(answer);
        bytes4 expected = expectedOf(what, who, at);
        if (found != expected) {
            string memory where = string.concat(
                "call ",
                vm.toString(uint256(what)),
                " of ",
                vm.toString(who),
                " in block ",
                vm.toString(at - genesis)
            );
            assertEq(bytes32(found), bytes32(expected), where);
        }
        vm.revertToState(before);
    }

    function bondOf(Call what) private pure returns (uint256) {
        if (what == Call.InitiateWithdrawal) return withdrawalBond();
        return what == Call.OpenDispute ? bond() : 0;
    }

    function answers(Call what) private pure returns (bool) {
        return what == Call.ProveExecutions || what == Call.CloseDispute;
    }

    function isDuty(Call what) private pure returns (bool) {
        return answers(what) || what == Call.Commit || what == Call.CancelWithdrawal
            || what == Call.CancelCommitted;
    }

    function mayCall(Call what) private view returns (address) {
        if (isDuty(what) || what == Call.ClaimBonds) return operator;
        bool owners = what == Call.ListToken || what == Call.TransferOwnership
            || what == Call.RenounceOwnership;
        if (owners) return address(this);
        if (what == Call.RedirectOf4) return clients[2];
        bool ofClient1 = what == Call.InitiateWithdrawal || what == Call.RedirectOf3;
        return ofClient1 ? clients[1] : clients[0];
    }

    /// @dev What the protocol says, section by section.
    function expectedOf(Call what, address who, uint256 at) private view returns (bytes4) {
        // Section 7: these go on, or begin, when halted.
        bool late = at >= firstBlock(LAST + 1, 1);
        if (what == Call.RecoverBalance || what == Call.RecoverDeposits || what == Call.RefundBond)
        {
            return late ? ALLOWED : IMediator.NotHalted.selector;
        }
        if (what == Call.ClaimBonds || what == Call.TransferOwnership) return ALLOWED;
        if (what == Call.RenounceOwnership) return IMediator.RenouncingDisabled.selector;
        // Section 4: (r, quarter >= 1) pays r-2; (r, quarter 0) and HALTED at r pay r-3.
        bytes4 notDue = IMediator.WithdrawalNotDue.selector;
        if (what == Call.ConfirmOf2) return ALLOWED;
        if (what == Call.ConfirmOf3 || what == Call.RedirectOf3) {
            return at < firstBlock(LAST, 1) ? notDue : ALLOWED;
        }
        bool ofLate = what == Call.ConfirmOf4 || what == Call.ConfirmOf5;
        if (ofLate || what == Call.RedirectOf4) return notDue;
        // Section 4b: HALTED at 6, the request of 4 is void, and that of 3 is not.
        if (what == Call.RefundOf3 || what == Call.RefundOf4) {
            if (!late) return IMediator.NotHalted.selector;
            return what == Call.RefundOf4 ? ALLOWED : IMediator.WithdrawalStillPayable.selector;
        }
        if (what == Call.CancelCommitted) {
            if (late) return IMediator.OutsideWindow.selector;
            return IMediator.AlreadyCommitted.selector;
        }
        // Section 2: everything else is refused.
        if (late) return IMediator.Halted.selector;
        if (answers(what)) {
            return inWindow(who, at, firstBlock(LAST, openedIn + 2), ALLOWED);
        }
        if (what == Call.CancelWithdrawal) {
            return inWindow(who, at, firstBlock(LAST + 1, 1), ALLOWED);
        }
        if (what != Call.Commit) return ALLOWED;
        if (at < firstBlock(LAST, 1)) {
            return inWindow(who, at, firstBlock(LAST, 1), IMediator.AlreadyCommitted.selector);
        }
        if (at < firstBlock(LAST + 1, 0)) return IMediator.OutsideWindow.selector;
        return inWindow(who, at, firstBlock(LAST + 1, 1), ALLOWED);
    }

    /// @dev Section 8: the operator up to `end`, other approved ones in the last blocks before it.
    function inWindow(address who, uint256 at, uint256 end, bytes4 inside)
        private
        view
        returns (bytes4)
    {
        if (at >= end) return IMediator.OutsideWindow.selector;
        bool rescue = at >= end - quarterSize() / 4;
        if (who == operator || (who == otherOperator && rescue)) return inside;
        return IMediator.NotOperator.selector;
    }

    // ------------------------------------------------------------------ the calls

    /// @dev What must have happened for the call to be possible.
    function prepare(Call what) private {
        if (answers(what) || what == Call.RefundBond) {
            vm.roll(firstBlock(LAST, answers(what) ? openedIn : 0));
            if (stated) openStated();
            else openWithProofs(0, noFills());
        } else if (what == Call.CancelCommitted) {
            rollTo(LAST + 1, 0);
            commitNow();
        } else if (what == Call.Deposit || what == Call.DepositWithPermit) {
            tokens[0].mint(clients[0], 1);
            vm.prank(clients[0]);
            tokens[0].approve(address(mediator), 1);
        }
    }

    function openStated() private {
        BalanceProof[] memory proofs = proofsOf(0, LAST - 1);
        Statement[] memory shown = countersignedOf(0, LAST - 1);
        vm.deal(clients[0], bond());
        vm.prank(clients[0]);
        mediator.openDispute{value: bond()}(
            clients[0], proofs, noDeposit(), noFills(), noDelegation(), shown
        );
    }

    /// @dev About the order with id 0, which sold `sold` of token 1.
    function firstOrder(uint64 round, uint128 sold) private view returns (Statement memory) {
        return statementOf(round, 1, noIds(), [0, sold], [uint128(0), 0]);
    }

    function countersignedOf(uint256 client, uint64 round)
        private
        view
        returns (Statement[] memory)
    {
        return stated ? countersigned(client, firstOrder(round, 0)) : noStatements();
    }

    function signedOf(uint256 client, uint64 round, uint128 sold)
        private
        view
        returns (Statement[] memory)
    {
        return stated ? byClient(client, firstOrder(round, sold)) : noStatements();
    }

    function dataOf(Call what, uint64 round) private view returns (bytes memory) {
        address first = address(tokens[0]);
        if (what == Call.ListToken) return abi.encodeCall(mediator.listToken, (address(manager)));
        if (what == Call.SetTradingKey) return abi.encodeCall(mediator.setTradingKey, (STRANGER));
        if (what == Call.Deposit) return abi.encodeCall(mediator.deposit, (first, 1));
        if (what == Call.DepositWithPermit) {
            return abi.encodeCall(mediator.depositWithPermit, (first, 1, 0, 0, 0, 0));
        }
        if (what == Call.InitiateWithdrawal) {
            uint64 of_ = round - 1 > LAST ? LAST : round - 1;
            // Of one that has not asked yet.
            BalanceProof memory proof = proofOf(1, 1, of_);
            return abi.encodeCall(
                mediator.initiateWithdrawal,
                (address(tokens[1]), 1, clients[1], proof, countersignedOf(1, of_))
            );
        }
        if (what == Call.CancelWithdrawal || what == Call.CancelCommitted) {
            // One unit sold beside the whole opening: enough where it is counted.
            SignedOrder[] memory orders = stated ? new SignedOrder[](0) : evidence;
            return abi.encodeCall(
                mediator.cancelWithdrawal,
                (clients[0], address(tokens[1]), orders, signedOf(0, LAST, 1), noCovers())
            );
        }
        if (what == Call.ConfirmOf5) {
            return abi.encodeCall(mediator.confirmWithdrawal, (clients[0], address(tokens[1])));
        }
        if (what >= Call.ConfirmOf2 && what <= Call.ConfirmOf4) {
            uint256 client = uint256(what) - uint256(Call.ConfirmOf2);
            return abi.encodeCall(mediator.confirmWithdrawal, (clients[client], first));
        }
        if (what == Call.RedirectOf3 || what == Call.RedirectOf4) {
            return abi.encodeCall(mediator.redirectWithdrawal, (first, STRANGER));
        }
        if (what == Call.RefundOf3 || what == Call.RefundOf4) {
            address asked = clients[what == Call.RefundOf3 ? 1 : 2];
            return abi.encodeCall(mediator.refundWithdrawalBond, (asked, first));
        }
        if (what == Call.Commit) {
            return abi.encodeCall(mediator.commit, (honestRoots(), new Signature[](0)));
        }
        return dataOfDispute(what, round);
    }

    function dataOfDispute(Call what, uint64 round) private view returns (bytes memory) {
        address who = clients[0];
        address first = address(tokens[0]);
        if (what == Call.OpenDispute) {
            uint64 of_ = round - 1 > LAST ? LAST : round - 1;
            return abi.encodeCall(
                mediator.openDispute,
                (
                    who,
                    proofsOf(0, of_),
                    noDeposit(),
                    noFills(),
                    noDelegation(),
                    countersignedOf(0, of_)
                )
            );
        }
        if (what == Call.ProveExecutions) {
            return abi.encodeCall(
                mediator.proveExecutions,
                (who, LAST, false, new Execution[](0), signedOf(0, LAST - 1, 0))
            );
        }
        if (what == Call.CloseDispute) {
            return abi.encodeCall(
                mediator.closeDispute,
                (
                    who,
                    LAST,
                    DisputeAnswer(
                        new Execution[](0),
                        openingsOf(0, LAST - 1),
                        new BalanceProof[](0),
                        proofsOf(0, LAST),
                        signedOf(0, LAST - 1, 0),
                        coversOf(countersignedOf(0, LAST - 1))
                    )
                )
            );
        }
        if (what == Call.ClaimBonds) return abi.encodeCall(mediator.claimBonds, (operator));
        if (what == Call.RecoverBalance) {
            return abi.encodeCall(mediator.recoverBalance, (who, first, proofOf(0, 0, LAST - 1)));
        }
        if (what == Call.RecoverDeposits) {
            return abi.encodeCall(mediator.recoverDeposits, (who, first));
        }
        if (what == Call.RefundBond) return abi.encodeCall(mediator.refundBond, (who, LAST));
        if (what == Call.TransferOwnership) {
            return abi.encodeCall(Ownable.transferOwnership, (STRANGER));
        }
        return abi.encodeCall(Ownable.renounceOwnership, ());
    }
}
