// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SignedOrder} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Random histories: the Mediator can always pay, and pays everybody exactly theirs
/// @notice Two clients and an honest operator act as random bytes say, for as many rounds as these
/// last; then the operator falls silent, for a random while, and everybody recovers. The model
/// keeps plain sums. Trades move token 0 between the clients at will: the contract must not care.
contract SolvencyTest is MediatorTest {
    uint256 private constant ACTORS = 2;

    uint64[ACTORS] private requestRound;
    uint128[ACTORS] private requestAmount;
    mapping(uint64 round => uint128[ACTORS]) private deposits;
    uint64 private round;
    uint64 private quarter;
    uint64 private ordersSigned;

    function testFuzz_solventInEveryState(bytes32[4] memory words, uint16 silence) public {
        bytes memory script = abi.encodePacked(words);
        for (uint256 i = 0; i < script.length; ++i) {
            uint8 step = uint8(script[i]);
            act(step & 7, step >> 3 & 1, uint128(step >> 4) * UNIT + step);
            checkSolvency();
        }
        fallSilent(silence);
    }

    function act(uint8 what, uint256 who, uint128 amount) private {
        if (what <= 1) return nextQuarter();
        if (what <= 3) return makeDeposit(who, amount + 1);
        if (what == 4) return trade(who, amount);
        if (what == 5) return ask(who, amount + 1, false);
        if (what == 6) return ask(who, amount + 1, true);
        confirm(who);
    }

    function makeDeposit(uint256 who, uint128 amount) private {
        deposit(who, 0, amount);
        deposits[round][who] += amount;
    }

    /// @dev Off chain: the contract sees it only in the next tree.
    function trade(uint256 from, uint128 amount) private {
        uint128 has = balances[0][from];
        move(0, from, 1 - from, amount > has ? has : amount);
    }

    /// @dev Asks for a part of the opening. Where the balance no longer covers it, the operator
    /// holds an order of the client that shows so, and cancels; where `greedy`, the client spends
    /// right after asking, and the operator cancels as well.
    function ask(uint256 who, uint128 amount, bool greedy) private {
        if (round < 2 || requestAmount[who] != 0) return;
        uint128 known = committed[round - 1][0][who];
        if (amount > known) return;
        (address client, address token) = (clients[who], address(tokens[0]));
        vm.prank(client);
        mediator.initiateWithdrawal(
            token, amount, client, proofOf(who, 0, round - 1), noStatements()
        );
        if (greedy) trade(who, balances[0][who]);
        if (amount <= balances[0][who]) {
            balances[0][who] -= amount;
            (requestRound[who], requestAmount[who]) = (round, amount);
            return;
        }
        SignedOrder memory evidence =
            orderOf(who, round, ++ordersSigned, [0, 1], [known, uint128(1)], 0);
        vm.prank(operator);
        mediator.cancelWithdrawal(client, token, one(evidence), noStatements(), noCovers());
    }

    function confirm(uint256 who) private {
        uint64 age = quarter == 0 ? 3 : 2;
        if (requestAmount[who] == 0 || requestRound[who] + age > round) return;
        uint256 held = walletOf(who, 0);
        mediator.confirmWithdrawal(clients[who], address(tokens[0]));
        assertEq(walletOf(who, 0) - held, requestAmount[who]);
        requestAmount[who] = 0;
    }

    function nextQuarter() private {
        quarter = (quarter + 1) % 4;
        if (quarter == 0) ++round;
        rollTo(round, quarter);
        if (quarter == 0) commitNow();
        assertFalse(mediator.halted(), "an honest operator is never halted");
    }

    /// @dev All that may still be asked for if the operator fell silent now.
    function checkSolvency() private view {
        uint256 owed = 0;
        for (uint256 who = 0; who < ACTORS; ++who) {
            owed += uint256(balances[0][who]) + requestAmount[who];
        }
        assertEq(tokens[0].balanceOf(address(mediator)), owed);
    }

    /// @dev The halt comes with the next quarter 1; then strangers recover for everybody.
    function fallSilent(uint16 silence) private {
        uint64 halt = round + 1;
        vm.roll(firstBlock(halt, 1) + silence);
        assertTrue(mediator.halted(), "silence halts");
        assertEq(mediator.currentRound(), halt);
        for (uint256 who = 0; who < ACTORS; ++who) {
            uint256 held = walletOf(who, 0);
            uint256 expected = 0;
            if (halt >= 3) expected += recoverOpening(who, halt - 2);
            expected += recoverAllDeposits(who, halt);
            if (requestAmount[who] != 0 && requestRound[who] + 3 <= halt) {
                mediator.confirmWithdrawal(clients[who], address(tokens[0]));
                expected += requestAmount[who];
            }
            assertEq(walletOf(who, 0) - held, expected);
        }
        assertEq(tokens[0].balanceOf(address(mediator)), 0);
    }

    function recoverOpening(uint256 who, uint64 of_) private returns (uint128 amount) {
        amount = committed[of_][0][who];
        if (amount == 0) return 0;
        mediator.recoverBalance(clients[who], address(tokens[0]), proofOf(who, 0, of_));
    }

    function recoverAllDeposits(uint256 who, uint64 halt) private returns (uint128 amount) {
        for (uint64 r = halt < 2 ? 0 : halt - 2; r <= halt; ++r) {
            amount += deposits[r][who];
        }
        if (amount > 0) mediator.recoverDeposits(clients[who], address(tokens[0]));
    }
}
