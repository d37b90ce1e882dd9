// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SignedOrder, Statement} from "../../src/types/Types.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Random histories: the Mediator can always pay, and pays everybody exactly theirs
/// @notice Two clients and an honest operator act as random bytes say, for as many rounds as these
/// last; then the operator falls silent, for a random while, and everybody recovers. The model
/// keeps plain sums. Trades move token 0 between the clients at will: the contract must not care.
contract SolvencyTest is MediatorTest {
    uint256 private constant ACTORS = 2;
    address private constant HEIR = address(0x4E14);

    uint64[ACTORS] private requestRound;
    uint128[ACTORS] private requestAmount;
    mapping(uint64 round => uint128[ACTORS]) private deposits;
    uint64 private round;
    uint64 private quarter;
    uint64 private ordersSigned;
    uint256 private cancelled;

    function withdrawalBond() internal pure override returns (uint256) {
        return 3;
    }

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
        confirm(who, isOdd(amount));
    }

    /// @dev By the whole units, of which chance decides.
    function isOdd(uint128 amount) private pure returns (bool) {
        return amount / UNIT % 2 == 1;
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
    /// holds an order of the client that shows so, or a statement, which covers all that the client
    /// presented; and cancels. Where `greedy`, the client spends right after asking, and the
    /// operator cancels as well.
    function ask(uint256 who, uint128 amount, bool greedy) private {
        if (round < 2 || requestAmount[who] != 0) return;
        uint128 known = committed[round - 1][0][who];
        if (amount > known) return;
        (address client, address token) = (clients[who], address(tokens[0]));
        uint64 id = ++ordersSigned;
        Statement[] memory shown = noStatements();
        if (isOdd(amount)) {
            shown = countersigned(who, statementOf(round, id, noIds(), none(), none()));
        }
        initiate(who, amount, shown);
        if (greedy) trade(who, balances[0][who]);
        if (amount <= balances[0][who]) {
            balances[0][who] -= amount;
            (requestRound[who], requestAmount[who]) = (round, amount);
            return;
        }
        SignedOrder[] memory orders = new SignedOrder[](0);
        Statement[] memory signed = noStatements();
        if (shown.length == 0) {
            orders = one(orderOf(who, round, id, [0, 1], [known, uint128(1)], 0));
        } else {
            signed = byClient(who, statementOf(round, id, noIds(), [known, 0], none()));
        }
        vm.prank(operator);
        mediator.cancelWithdrawal(client, token, orders, signed, coversOf(shown));
        ++cancelled;
    }

    function none() private pure returns (uint128[2] memory) {}

    function initiate(uint256 who, uint128 amount, Statement[] memory shown) private {
        (address client, address token) = (clients[who], address(tokens[0]));
        vm.deal(client, withdrawalBond());
        vm.prank(client);
        mediator.initiateWithdrawal{value: withdrawalBond()}(
            token, amount, client, proofOf(who, 0, round - 1), shown
        );
    }

    /// @dev The money goes to the client, or where it sends it once it is due; the bond comes back.
    function confirm(uint256 who, bool redirected) private {
        uint64 age = quarter == 0 ? 3 : 2;
        if (requestAmount[who] == 0 || requestRound[who] + age > round) return;
        (address client, address token) = (clients[who], address(tokens[0]));
        if (redirected) {
            vm.prank(client);
            mediator.redirectWithdrawal(token, HEIR);
        }
        address recipient = redirected ? HEIR : client;
        (uint256 held, uint256 wealth) = (tokens[0].balanceOf(recipient), client.balance);
        mediator.confirmWithdrawal(client, token);
        assertEq(tokens[0].balanceOf(recipient) - held, requestAmount[who]);
        assertEq(client.balance - wealth, withdrawalBond());
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
        (uint256 owed, uint256 bonds) = (0, cancelled);
        for (uint256 who = 0; who < ACTORS; ++who) {
            owed += uint256(balances[0][who]) + requestAmount[who];
            if (requestAmount[who] != 0) ++bonds;
        }
        assertEq(tokens[0].balanceOf(address(mediator)), owed);
        assertEq(address(mediator).balance, bonds * withdrawalBond());
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
            } else if (requestAmount[who] != 0) {
                mediator.refundWithdrawalBond(clients[who], address(tokens[0]));
            }
            assertEq(walletOf(who, 0) - held, expected);
        }
        assertEq(tokens[0].balanceOf(address(mediator)), 0);
        if (cancelled > 0) {
            vm.prank(operator);
            mediator.claimBonds(operator);
        }
        assertEq(address(mediator).balance, 0);
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
