// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BalanceProof, SignedOrder} from "../../src/types/Types.sol";
import {Harness} from "./Harness.sol";

/// @title Random histories: the Mediator can always pay, and pays everybody exactly theirs
/// @notice Two clients and an honest operator act as random bytes say, for as many rounds as these
/// last; then the operator falls silent, for a random while, and everybody recovers. The model
/// keeps plain sums. Trades move WETH between the clients at will: the contract must not care.
contract SolvencyTest is Harness {
    // Per client: 0 Ada, 1 Bob. WETH only; USDC takes part with commits of zero.
    uint128[2] private balance;
    uint64[2] private requestRound;
    uint128[2] private requestAmount;
    /// Openings by round and client.
    mapping(uint64 round => uint128[2]) private opening;
    mapping(uint64 round => uint128[2]) private deposits;
    uint64 private round;
    uint64 private quarter;
    uint256 private ordersSigned;

    function testFuzz_solventInEveryState(bytes32[4] memory words, uint16 silence) public {
        bytes memory script = abi.encodePacked(words);
        for (uint256 i = 0; i < script.length; ++i) {
            uint8 step = uint8(script[i]);
            act(step & 7, step >> 3 & 1, uint128(step >> 4) * UNIT + step);
            checkSolvency();
        }
        fallSilent(silence);
    }

    function client(uint256 who) private view returns (address) {
        return who == 0 ? ada : bob;
    }

    function act(uint8 what, uint256 who, uint128 amount) private {
        if (what <= 1) return nextQuarter();
        if (what <= 3) return makeDeposit(who, amount + 1);
        if (what == 4) return trade(who, amount);
        if (what == 5) return request(who, amount + 1, false);
        if (what == 6) return request(who, amount + 1, true);
        confirm(who);
    }

    function makeDeposit(uint256 who, uint128 amount) private {
        deposit(client(who), weth, amount);
        balance[who] += amount;
        deposits[round][who] += amount;
    }

    /// @dev Off chain: the contract sees it only in the next tree.
    function trade(uint256 from, uint128 amount) private {
        uint128 moved = amount > balance[from] ? balance[from] : amount;
        balance[from] -= moved;
        balance[1 - from] += moved;
    }

    /// @dev Asks for a part of the opening. Where the balance no longer covers it, the operator
    /// holds an order of the client that shows so, and cancels; where `greedy`, the client spends
    /// right after asking, and the operator cancels as well.
    function request(uint256 who, uint128 amount, bool greedy) private {
        if (round < 2 || requestAmount[who] != 0) return;
        uint128 known = opening[round - 1][who];
        if (amount > known) return;
        vm.prank(client(who));
        mediator.initiateWithdrawal(address(weth), amount, client(who), proof(who, round - 1));
        if (greedy) trade(who, balance[who]);
        if (amount <= balance[who]) {
            balance[who] -= amount;
            (requestRound[who], requestAmount[who]) = (round, amount);
            return;
        }
        SignedOrder[] memory orders = new SignedOrder[](1);
        orders[0].round = round;
        orders[0].id = uint64(++ordersSigned);
        orders[0].sellToken = address(weth);
        orders[0].sellAmount = known;
        orders[0].buyToken = address(usdc);
        orders[0].buyAmount = 1;
        orders[0] = signOrder(who == 0 ? ADA_KEY : BOB_KEY, client(who), orders[0]);
        vm.prank(operator);
        mediator.cancelWithdrawal(client(who), address(weth), orders);
    }

    function confirm(uint256 who) private {
        uint64 age = quarter == 0 ? 3 : 2;
        if (requestAmount[who] == 0 || requestRound[who] + age > round) return;
        uint256 held = weth.balanceOf(client(who));
        mediator.confirmWithdrawal(client(who), address(weth));
        assertEq(weth.balanceOf(client(who)) - held, requestAmount[who]);
        requestAmount[who] = 0;
    }

    function nextQuarter() private {
        quarter = (quarter + 1) % 4;
        if (quarter == 0) {
            ++round;
            opening[round] = balance;
            commit(round, [balance[0], balance[1], uint128(0), 0]);
        } else {
            rollTo(round, quarter);
        }
        assertTrue(!mediator.halted(), "an honest operator is never halted");
    }

    function proof(uint256 who, uint64 of_) private view returns (BalanceProof memory) {
        uint128[2] storage found = opening[of_];
        return who == 0 ? proofOfAda(found[0], found[1]) : proofOfBob(found[0], found[1]);
    }

    /// @dev All that may still be asked for if the operator fell silent now.
    function checkSolvency() private view {
        uint256 owed = uint256(balance[0]) + balance[1];
        for (uint256 who = 0; who < 2; ++who) {
            owed += requestAmount[who];
        }
        assertEq(weth.balanceOf(address(mediator)), owed);
    }

    /// @dev The halt comes with the next quarter 1; then strangers recover for everybody.
    function fallSilent(uint16 silence) private {
        uint64 halt = round + 1;
        vm.roll(genesis + halt * ROUND + QUARTER + silence);
        assertTrue(mediator.halted(), "silence halts");
        assertEq(mediator.currentRound(), halt);
        for (uint256 who = 0; who < 2; ++who) {
            uint256 held = weth.balanceOf(client(who));
            uint256 expected = 0;
            if (halt >= 3) expected += recoverOpening(who, halt - 2);
            expected += recoverAllDeposits(who, halt);
            if (requestAmount[who] != 0 && requestRound[who] + 3 <= halt) {
                mediator.confirmWithdrawal(client(who), address(weth));
                expected += requestAmount[who];
            }
            assertEq(weth.balanceOf(client(who)) - held, expected);
        }
        assertEq(weth.balanceOf(address(mediator)), 0);
    }

    function recoverOpening(uint256 who, uint64 of_) private returns (uint128 amount) {
        amount = opening[of_][who];
        if (amount > 0) mediator.recoverBalance(client(who), address(weth), proof(who, of_));
    }

    function recoverAllDeposits(uint256 who, uint64 halt) private returns (uint128 amount) {
        for (uint64 r = halt < 2 ? 0 : halt - 2; r <= halt; ++r) {
            amount += deposits[r][who];
        }
        if (amount > 0) mediator.recoverDeposits(client(who), address(weth));
    }
}
