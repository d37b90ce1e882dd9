// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../../src/interfaces/IMediator.sol";
import {
    BalanceProof,
    Cover,
    Execution,
    Root,
    Sibling,
    Signature,
    SignedOrder,
    Statement,
    DisputeAnswer
} from "../../../src/types/Types.sol";
import {Market} from "./Market.sol";

/// @title Two honest clients against everybody else, the operator included
/// @notice The honest keep books of their own. Once in each round, before it ends, they look at
/// their leaves, and dispute when these are wrong or when they were sent no proofs. They ask only
/// for what their signed orders leave them, and trade only after a look. Nothing more is needed.
contract DishonestWorld is Market {
    uint256 private constant HONEST = 2;
    /// Most commits are the truth.
    uint256 private constant TRICKS_OF_COMMITS = 30;
    /// Ways to answer a dispute with something that is not so.
    uint256 private constant TRICKS = 12;

    /// What an honest client's own books say it has at the opening of a round.
    mapping(uint64 round => mapping(uint256 token => uint128[HONEST])) private due;
    /// What it could sell at most by the orders it signed.
    mapping(uint64 round => mapping(uint256 token => uint256[HONEST])) private signedAway;
    /// The order, plus one, of which the operator executed more than it had told its owner.
    mapping(uint64 round => uint256[HONEST]) private overdone;
    /// The order, plus one, of whose executions the tree knows nothing.
    mapping(uint64 round => uint256[HONEST]) private forgotten;
    mapping(uint64 round => mapping(uint256 token => bool)) private garbled;
    /// The same, in the executions that the Mediator accepted last beside each statement, or none.
    mapping(uint256 case_ => mapping(bytes32 statement => uint256)) private _provenOver;
    uint256 private _operatesAt;
    uint256 private _looksAt;
    bool private _silent;

    function setUp() public override {
        super.setUp();
        for (uint256 client = 0; client < 3; ++client) {
            depositBy(client, 0, 1000);
            depositBy(client, 1, 1000);
        }
        beginRound();
        _operatesAt = number;
    }

    // ------------------------------------------------------------------ what forge plays

    function money(uint256 seed) external drawing(seed) {
        pass();
        if (isHalted()) return afterHalt();
        moveMoney(5);
    }

    function trade(uint256 seed) external drawing(seed) {
        pass();
        if (isHalted()) return afterHalt();
        if (chance(2)) say(draw(HONEST), !chance(3));
        for (uint256 i = draw(3); i < 3; ++i) {
            tradeOne();
        }
    }

    function cheat(uint256 seed) external drawing(seed) {
        uint256 what = draw(3);
        if (what == 0 || chance(4)) forge();
        if (isHalted()) return;
        cheatOnCases();
        if (what == 1) cheatOnCommit();
        if (what == 2) cheatOnRequests();
    }

    function rest(uint256 seed) external drawing(seed) {
        uint256 what = draw(5);
        if (what == 0) wait();
        else if (what == 1) donate();
        else if (what == 2) list();
        else if (what == 3) changeKey();
        else dispute();
    }

    function actions() external pure returns (bytes4[] memory all) {
        all = new bytes4[](4);
        all[0] = this.money.selector;
        all[1] = this.trade.selector;
        all[2] = this.cheat.selector;
        all[3] = this.rest.selector;
    }

    // ------------------------------------------------------------------ clients

    /// @dev An honest client's order, filled at once, by money that need not exist.
    function tradeOne() private {
        uint64 round = roundOf(number);
        uint256 client = draw(HONEST);
        if (!looksRight(client, round)) return;
        uint8 sell = uint8(draw(tokens.length));
        uint8 buy = uint8((sell + 1 + draw(tokens.length - 1)) % tokens.length);
        uint256 free = freeOf(client, sell, round);
        int256 cover = coalitionHas(buy);
        if (chance(20)) cover = int256(uint256(MOST));
        if (free < 3 || cover <= 0) return;
        order(client, [sell, buy], amountUpTo(free / 3), amountUpTo(uint256(cover)));
        Trade storage made = trades[trades.length - 1];
        signedAway[round][sell][client] += made.amounts[0];
        balances[sell][client] -= made.unitSold;
        balances[buy][client] += made.unitBought;
        made.fills = 1;
        did["trade"]++;
    }

    /// @dev What the client can still sign away: never counting on what it may yet buy.
    function freeOf(uint256 client, uint256 token, uint64 round) private view returns (uint256) {
        uint256 free = due[round][token][client];
        uint256 used = signedAway[round][token][client];
        Ask storage asked = asks[client][token];
        if (asked.amount != 0 && asked.round == round) {
            used += asked.amount;
            uint256 covered = due[round - 1][token][client] - signedAway[round - 1][token][client];
            if (covered < free) free = covered;
        }
        return free < used ? 0 : free - used;
    }

    /// @dev What everybody else has of a token, if the honest have what is theirs.
    function coalitionHas(uint256 token) private view returns (int256 has) {
        has = int256(tokens[token].balanceOf(address(mediator))) - int256(donated[token]);
        for (uint256 client = 0; client < PEOPLE; ++client) {
            has -= int256(uint256(asks[client][token].amount));
            if (client < HONEST) has -= int256(uint256(balances[token][client]));
        }
    }

    /// @dev An honest client asks for what is covered; the others for all they were given.
    function request() internal override {
        uint64 round = roundOf(number);
        (uint256 client, uint256 token) = (draw(PEOPLE), draw(tokens.length));
        if (round < 2 || client >= leaves[round - 1] || asks[client][token].amount != 0) return;
        if (committedAt[round - 1][token] == 0 || garbled[round - 1][token]) return;
        uint256 most = committed[round - 1][token][client];
        if (client < HONEST) {
            if (!looksRight(client, round - 1)) return;
            int256 left = int256(most) - claimable(client, token, round - 1)
                - claimable(client, token, round);
            if (left < int256(most)) most = left < 0 ? 0 : uint256(left);
        } else if (!chance(10)) {
            // What they were given may be more than there is.
            int256 has = coalitionHas(token);
            if (has < int256(most)) most = has < 0 ? 0 : uint256(has);
        }
        if (most == 0) return;
        uint128 amount = amountUpTo(most);
        ask(client, token, amount, clients[client]);
        if (client < HONEST) balances[token][client] -= amount;
    }

    /// @dev The honest present the last there is.
    function chooseToPresent(uint256 client, uint64 round)
        internal
        override
        returns (uint256[2] memory)
    {
        if (client >= HONEST) return super.chooseToPresent(client, round);
        return [lastSaid(client, round - 1, true), lastSaid(client, round, true)];
    }

    /// @dev At most what evidence of a round claims of a token against a request that presents the
    /// last statement: its sums, and all that orders outside it may sell. Those that the client
    /// signed since cover them by less.
    function claimable(uint256 client, uint256 token, uint64 round)
        private
        view
        returns (int256 claimed)
    {
        uint256 n = lastSaid(client, round, true);
        if (n != 0) {
            Said storage last = said[client][n - 1];
            claimed = int256(uint256(last.sold[token])) - int256(uint256(last.bought[token]));
        }
        for (uint256 id = 0; id < trades.length; ++id) {
            Trade storage made = trades[id];
            if (made.client != client || made.round != round) continue;
            if (made.places[0] != token || isCovered(client, n, id)) continue;
            claimed += int256(uint256(made.amounts[0]));
        }
    }

    /// @dev By one of the others: the operator may well be unable to close it.
    function dispute() private {
        uint64 round = roundOf(number);
        if (!chance(5) || round == 0) return;
        for (uint256 token = 0; token < tokens.length; ++token) {
            if (garbled[round - 1][token]) return;
        }
        openCase(HONEST + draw(PEOPLE - HONEST), false);
    }

    /// @dev Time alone; now and then with an operator that does nothing, and for long.
    function wait() private {
        _silent = chance(20);
        forward(number + 1 + draw((_silent && chance(4) ? 50 : 2) * uint256(roundSize())));
        _silent = false;
    }

    function pass() private {
        if (chance(2)) forward(number + draw(quarterSize() * 2));
    }

    // ------------------------------------------------------------------ time

    function forward(uint256 to) private {
        while (number < to) {
            uint256 next = to;
            if (isHalted()) return rollHere(to);
            uint256 boundary = firstOfNextQuarter();
            if (boundary < next) next = boundary;
            if (_operatesAt > number && _operatesAt < next) next = _operatesAt;
            if (_looksAt > number && _looksAt < next) next = _looksAt;
            rollHere(next);
            if (isHalted()) continue;
            if (next == boundary) {
                if (quartersOf(number) % 4 == 0) beginRound();
                _operatesAt = number + draw(quarterSize());
            }
            if (number == _operatesAt && !_silent) operate();
            if (number == _looksAt) look();
        }
    }

    function beginRound() private {
        uint64 round = roundOf(number);
        leaves[round] = joined;
        for (uint256 token = 0; token < tokens.length; ++token) {
            for (uint256 client = 0; client < HONEST; ++client) {
                due[round][token][client] = balances[token][client];
            }
        }
        // From quarter 1 on, to the last block of the round.
        _looksAt = number + quarterSize() + draw(3 * quarterSize());
    }

    // ------------------------------------------------------------------ the honest

    /// @dev In every tree of the round, which are all there, is what the client's books say.
    function looksRight(uint256 client, uint64 round) private view returns (bool) {
        if (!isCommitted(round)) return false;
        for (uint256 token = 0; token < setSize(round); ++token) {
            if (garbled[round][token]) return false;
            if (committed[round][token][client] != due[round][token][client]) return false;
        }
        return true;
    }

    function look() private {
        uint64 round = roundOf(number);
        if (round == 0) return;
        for (uint256 client = 0; client < HONEST; ++client) {
            bool right = looksRight(client, round);
            if (right && !chance(4)) continue;
            assertTrue(openCase(client, true), "a client with money can dispute");
            did[right ? "dispute without need" : "dispute in need"]++;
        }
    }

    // ------------------------------------------------------------------ the operator

    /// @dev What was executed beyond what its owner knew must be settled before the next tree.
    function operate() private {
        uint64 round = roundOf(number);
        answerAll();
        if (quartersOf(number) % 4 == 0 && round > 0 && !chance(99)) commitAll(round);
        answerAll();
    }

    function answerAll() private {
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].closedAt != 0) continue;
            // At the last moment, as often as not.
            bool last = quartersOf(cases[i].openedAt) < quartersOf(number);
            if (last ? !chance(40) : chance(2)) answer(i, 0);
            // Where the truth does not close, every lie is tried once.
            for (uint256 trick = 1; last && trick <= TRICKS && cases[i].closedAt == 0; ++trick) {
                answer(i, trick);
            }
        }
    }

    function expectedOf(uint64 round, uint256 token) private view returns (int256 total) {
        total = int256(totalIn(round - 1, token));
        for (uint256 client = 0; client < PEOPLE; ++client) {
            total += int256(deposited[round - 1][token][client]);
            total -= int256(requested[round - 1][token][client]);
        }
    }

    /// @dev The truth, mostly: but for one client's money, or one tree, or one order.
    function commitAll(uint64 round) private {
        uint256 trick = draw(TRICKS_OF_COMMITS);
        uint256 victim = draw(HONEST);
        int256[TOKENS] memory shift;
        if (trick < 2) {
            uint256 token = draw(setSize(round));
            uint128 theirs = due[round][token][victim];
            if (theirs > 0) shift[token] = -int256(uint256(amountUpTo(theirs)));
        } else if (trick == 2) {
            garbled[round][draw(setSize(round))] = true;
        } else if (trick < 5) {
            forgetOrder(round, victim, shift);
        } else if (trick < 9) {
            if (!overdo(round, victim, shift)) {
                victim = 1 - victim;
                overdo(round, victim, shift);
            }
        }
        Root[] memory roots = new Root[](setSize(round));
        for (uint256 token = 0; token < roots.length; ++token) {
            if (!spread(round, token, victim, shift[token])) return;
            roots[token] = treeOf(token, round);
            if (garbled[round][token]) roots[token].node = bytes32(uint256(1));
        }
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
        for (uint256 token = 0; token < roots.length; ++token) {
            committedAt[round][token] = number;
        }
        did["commit"]++;
    }

    /// @dev As if one of the client's orders had never been executed.
    function forgetOrder(uint64 round, uint256 victim, int256[TOKENS] memory shift) private {
        uint256[] memory ids = filledBy(victim, round - 1);
        if (ids.length == 0) return;
        uint256 id = ids[draw(ids.length)];
        Trade storage made = trades[id];
        uint128 bought = made.fills * made.unitBought;
        if (due[round][made.places[1]][victim] < bought) return;
        shift[made.places[0]] = int256(uint256(made.fills * made.unitSold));
        shift[made.places[1]] = -int256(uint256(bought));
        forgotten[round][victim] = id + 1;
        did["forgotten"]++;
    }

    /// @dev Executes once more an order of the round before, at the price of its other fills.
    function overdo(uint64 round, uint256 victim, int256[TOKENS] memory shift)
        private
        returns (bool found)
    {
        uint256[] memory ids = filledBy(victim, round - 1);
        for (uint256 i = 0; i < ids.length && overdone[round][victim] == 0; ++i) {
            Trade storage made = trades[ids[i]];
            if (!hasRoom(made) || made.unitSold > due[round][made.places[0]][victim]) continue;
            if (coalitionHas(made.places[1]) < int256(uint256(made.unitBought))) continue;
            shift[made.places[0]] = -int256(uint256(made.unitSold));
            shift[made.places[1]] = int256(uint256(made.unitBought));
            overdone[round][victim] = ids[i] + 1;
            found = true;
        }
    }

    /// @dev Writes the tree of a token; what is not the honest ones' goes to the others at will.
    function spread(uint64 round, uint256 token, uint256 victim, int256 shift)
        private
        returns (bool possible)
    {
        int256 left = expectedOf(round, token);
        if (left < 0) return false;
        uint128[] memory amounts = new uint128[](leaves[round]);
        for (uint256 client = 0; client < HONEST; ++client) {
            int256 share = int256(uint256(due[round][token][client]));
            if (client == victim) share += shift;
            // Promised more than there is: somebody honest gets less.
            if (share > left) share = left;
            amounts[client] = uint128(uint256(share));
            left -= share;
        }
        for (uint256 client = HONEST; client < amounts.length; ++client) {
            bool isLast = client + 1 == amounts.length;
            uint256 share = isLast ? uint256(left) : draw(uint256(left) + 1);
            amounts[client] = uint128(share);
            left -= int256(share);
        }
        committed[round][token] = amounts;
        return true;
    }

    // ------------------------------------------------------------------ law (d): disputes

    /// @dev Answers an honest client's dispute with something that is not so.
    function cheatOnCases() private {
        for (uint256 i = 0; i < 3 * cases.length; ++i) {
            if (cases[i / 3].closedAt == 0) answer(i / 3, 1 + draw(TRICKS));
        }
    }

    /// @dev Trick 0 is the truth. The Mediator may refuse; what it accepts is judged.
    function answer(uint256 number_, uint256 trick) private {
        Case storage case_ = cases[number_];
        (uint256 client, uint64 round) = (case_.client, case_.round);
        if (!isCommitted(round)) return;
        uint256 n = statementFor(case_, trick);
        (Execution[] memory executions, uint256 over) = executionsFor(case_, trick, n);
        // Either all goes with the closing, or all before it.
        Execution[] memory before = new Execution[](0);
        if (chance(2)) (before, executions) = (executions, before);
        Statement[] memory beside = signedStatementOf(client, n);
        (bool proven,) = attempt(
            operator,
            abi.encodeCall(mediator.proveExecutions, (clients[client], round, true, before, beside))
        );
        if (proven) keepOver(number_, n, over);
        (bool closed,) = attempt(operator, closing(case_, executions, trick, beside));
        if (closed && n != 0) did["closed with a statement"]++;
        bool inTime = quartersOf(number) <= quartersOf(case_.openedAt) + 1;
        if (!closed) {
            bool honest = client < HONEST && looksRight(client, round);
            assertFalse(trick == 0 && honest && inTime, "the truth closes");
            if (trick > 0) did["trick refused"]++;
            return;
        }
        assertTrue(inTime, "closed in its window");
        case_.closedAt = number;
        earned[operator] += bond();
        if (client < HONEST) judge(number_, n);
    }

    function keepOver(uint256 number_, uint256 n, uint256 over) private {
        _provenOver[number_][hashOfSaid(cases[number_].client, n)] = over;
    }

    /// @dev Two statements of the same content are one to the Mediator.
    function hashOfSaid(uint256 client, uint256 n) private view returns (bytes32) {
        if (n == 0) return 0;
        return statementHash(clients[client], signedStatementOf(client, n)[0]);
    }

    /// @dev Closed: then the client's leaf is as its books say, or the operator executed more of an
    /// order, which the client had signed, and paid for it.
    function judge(uint256 number_, uint256 n) private {
        (uint256 client, uint64 round) = (cases[number_].client, cases[number_].round);
        if (looksRight(client, round)) {
            did["closed"]++;
            return;
        }
        uint256 over = overdone[round][client];
        uint256 proven = _provenOver[number_][hashOfSaid(client, n)];
        assertTrue(over != 0 && proven == over, "closed with a wrong balance");
        Trade storage made = trades[over - 1];
        assertTrue(hasRoom(made), "closed beyond an order");
        ++made.fills;
        (uint8 sell, uint8 buy) = (made.places[0], made.places[1]);
        for (uint64 later = round; later <= roundOf(number); ++later) {
            due[later][sell][client] -= made.unitSold;
            due[later][buy][client] += made.unitBought;
        }
        balances[sell][client] -= made.unitSold;
        balances[buy][client] += made.unitBought;
        assertTrue(looksRight(client, round), "closed with another balance than accounted for");
        did["closed overdone"]++;
    }

    /// @dev The truth goes with the last that the client signed; a lie with whichever there is.
    function statementFor(Case storage case_, uint256 trick) private returns (uint256) {
        (uint256 client, uint64 round) = (case_.client, case_.round);
        if (trick > 0 && chance(2)) return anySaid(client, round - 1, false);
        if (case_.said == 0 && chance(2)) return 0;
        return lastSaid(client, round - 1, false);
    }

    function executionsFor(Case storage case_, uint256 trick, uint256 n)
        private
        returns (Execution[] memory executions, uint256 over)
    {
        (uint256 client, uint64 round) = (case_.client, case_.round);
        executions = executionsBeside(case_, n);
        if (client < HONEST && trick != 2) over = overdone[round][client];
        if (executions.length == 0) return (executions, 0);
        uint256 i = draw(executions.length);
        Execution memory one_ = executions[i];
        if (over != 0) {
            Trade storage made = trades[over - 1];
            for (uint256 j = 0; j < executions.length; ++j) {
                if (executions[j].order.id != over - 1) continue;
                executions[j].sold += made.unitSold;
                executions[j].bought += made.unitBought;
            }
        }
        if (trick == 1) {
            for (uint256 j = 0; j < executions.length && client < HONEST; ++j) {
                if (executions[j].order.id + 1 == forgotten[round][client]) i = j;
            }
            for (; i + 1 < executions.length; ++i) {
                executions[i] = executions[i + 1];
            }
            assembly ("memory-safe") {
                mstore(executions, sub(mload(executions), 1))
            }
        } else if (trick == 3) {
            one_.sold += 1;
        } else if (trick == 4) {
            // Nothing stands beside an order that a statement covers.
            if (one_.bought > 0) one_.bought -= 1;
        } else if (trick == 5 || trick == 6) {
            // An order that explains what is missing, by a signature that is not the client's.
            uint128 more = missingOf(client, round, one_.order.sellToken);
            one_.order.sellAmount += more;
            one_.sold += more;
            if (trick == 6) {
                one_.order.signature = sign(OPERATOR_KEY, hashOf(clients[client], one_.order));
            }
        } else if (trick == 7) {
            executions[i] = executions[draw(executions.length)];
        } else if (trick == 8) {
            one_.order = signedOf(draw(trades.length));
        }
    }

    /// @dev How much less the client's leaf is than its books say.
    function missingOf(uint256 client, uint64 round, address asset) private view returns (uint128) {
        if (client >= HONEST) return 1;
        for (uint256 token = 0; token < setSize(round); ++token) {
            uint128 leaf = committed[round][token][client];
            uint128 right = due[round][token][client];
            if (address(tokens[token]) == asset && leaf < right) return right - leaf;
        }
        return 0;
    }

    function closing(
        Case storage case_,
        Execution[] memory executions,
        uint256 trick,
        Statement[] memory beside
    ) private returns (bytes memory call) {
        DisputeAnswer memory given = provenFor(case_, trick);
        (given.executions, given.statements) = (executions, beside);
        given.covers = coverOfSaid(case_.client, case_.said);
        address who = clients[case_.client];
        return abi.encodeCall(mediator.closeDispute, (who, case_.round, given));
    }

    /// @dev Openings and closings.
    function provenFor(Case storage case_, uint256 trick)
        private
        returns (DisputeAnswer memory given)
    {
        (uint256 client, uint64 round) = (case_.client, case_.round);
        uint128[] memory shown = new uint128[](0);
        BalanceProof[] memory openings = new BalanceProof[](0);
        if (case_.byProofs) shown = openingsOf(client, round - 1);
        else if (round > 1 && client < leaves[round - 1]) openings = proofsIn(client, round - 1);
        BalanceProof[] memory closings = proofsIn(client, round);
        uint256 token = draw(closings.length);
        for (uint256 i = 0; i < shown.length && trick == 9; ++i) {
            // Openings that explain what is missing.
            uint128 less = missingOf(client, round, address(tokens[i]));
            shown[i] -= less < shown[i] ? less : shown[i];
        }
        if (trick == 9 && shown.length == 0) openings = new BalanceProof[](0);
        if (trick == 10) closings[token] = proofIn((client + 1) % leaves[round], token, round);
        if (trick == 11) closings[token].balance = uint128(draw(MOST));
        if (trick == 12 && token < setSize(round - 1) && client < leaves[round - 1]) {
            closings[token] = proofIn(client, token, round - 1);
        }
        (given.openingBalances, given.openings, given.closings) = (shown, openings, closings);
    }

    // ------------------------------------------------------------------ law (d): requests, commits

    /// @dev An honest client's request is covered, whatever orders the operator can find.
    function cheatOnRequests() private {
        for (uint256 client = 0; client < HONEST; ++client) {
            for (uint256 token = 0; token < tokens.length; ++token) {
                if (asks[client][token].amount == 0) continue;
                cheatOnRequest(client, token);
            }
        }
    }

    /// @dev By any of the client's statements, whatever it presented.
    function cheatOnRequest(uint256 client, uint256 token) private {
        Ask storage asked = asks[client][token];
        uint256[2] memory used =
            [anySaid(client, asked.round - 1, false), anySaid(client, asked.round, false)];
        for (uint64 i = 0; i < 2; ++i) {
            if (chance(2)) used[i] = lastSaid(client, asked.round - 1 + i, false);
        }
        SignedOrder[] memory evidence = evidenceOn(client, token, draw(6), used);
        Statement[] memory beside =
            joined_(signedStatementOf(client, used[0]), signedStatementOf(client, used[1]));
        Cover[] memory covers = chance(5) ? coversOf(beside) : coverOfSaid(client, asked.presented);
        (bool cancelled,) = attempt(
            operator,
            abi.encodeCall(
                mediator.cancelWithdrawal,
                (clients[client], address(tokens[token]), evidence, beside, covers)
            )
        );
        assertFalse(cancelled, "a covered request was cancelled");
        did["request stands"]++;
        if (beside.length > 0) did["request stands against statements"]++;
    }

    function evidenceOn(uint256 client, uint256 token, uint256 trick, uint256[2] memory used)
        private
        returns (SignedOrder[] memory evidence)
    {
        evidence = new SignedOrder[](2 * trades.length + 1);
        uint256 count = 0;
        uint64 round = asks[client][token].round;
        for (uint256 id = 0; id < trades.length; ++id) {
            Trade storage made = trades[id];
            bool near = made.round == round || made.round + 1 == round;
            bool own = made.client == client && made.places[0] == token && near;
            if (!own && (trick < 3 || !chance(4))) continue;
            bool covered = isCovered(client, used[0], id) || isCovered(client, used[1], id);
            if (covered && trick < 5) continue;
            evidence[count++] = signedOf(id);
            if (trick == 1) evidence[count++] = signedOf(id);
        }
        if (trick == 2) {
            SignedOrder memory forged;
            (forged.round, forged.id, forged.sellToken) =
            (round, uint64(trades.length), address(tokens[token]));
            (forged.sellAmount, forged.buyToken, forged.buyAmount) =
            (uint128(MOST) * 10, address(tokens[(token + 1) % tokens.length]), 1);
            uint256 key = chance(2) ? OPERATOR_KEY : hotKeyOf(client);
            if (vm.addr(key) == keyIn(client, round)) key = OPERATOR_KEY;
            forged.signature = sign(key, hashOf(clients[client], forged));
            evidence[count++] = forged;
        }
        return take(evidence, count);
    }

    /// @dev Totals that are not A(r), a token twice, one that is not of the round, or once more.
    function cheatOnCommit() private {
        uint64 round = roundOf(number);
        uint256 token = draw(tokens.length);
        Root[] memory roots = new Root[](1);
        roots[0] = Root(address(tokens[token]), bytes32(uint256(7)), 0, 3);
        bytes4 expected = IMediator.OutsideWindow.selector;
        if (round > 0 && quartersOf(number) % 4 == 0) {
            if (token >= setSize(round)) {
                expected = IMediator.TokenNotInRound.selector;
            } else if (committedAt[round][token] != 0) {
                expected = IMediator.AlreadyCommitted.selector;
            } else {
                int256 right = expectedOf(round, token);
                if (right < 0) return;
                expected = IMediator.WrongTotal.selector;
                roots[0].total = uint128(uint256(right));
                if (chance(3)) {
                    roots = new Root[](2);
                    roots[0] = Root(
                        address(tokens[token]), bytes32(uint256(7)), uint128(uint256(right)), 3
                    );
                    roots[1] = roots[0];
                    expected = IMediator.AlreadyCommitted.selector;
                } else if (chance(2) && right > 0) {
                    roots[0].total -= amountUpTo(uint256(right));
                } else {
                    roots[0].total += amountUpTo(MOST);
                }
                did["commit refused"]++;
            }
        }
        refused(operator, abi.encodeCall(mediator.commit, (roots, new Signature[](0))), expected);
    }

    /// @dev A proof of somebody's leaf, changed in one place, proves nothing for anybody.
    function forge() private {
        uint64 round = roundOf(frozen());
        uint64 of_ = isHalted() ? (round < 2 ? 0 : round - 2) : (round < 1 ? 0 : round - 1);
        uint256 token = draw(tokens.length);
        if (committedAt[of_][token] == 0 || garbled[of_][token]) return;
        uint256 client = draw(leaves[of_]);
        address asset = address(tokens[token]);
        BalanceProof memory proof = proofIn(client, token, of_);
        address who = clients[client];
        uint256 what = draw(6);
        if (what == 0) proof.balance += amountUpTo(MOST);
        else if (what == 1) proof.index = uint64(1 + proof.index + draw(7));
        else if (what == 2) proof.leafCount += uint64(1 + draw(5));
        else if (what == 3) proof.siblings[draw(proof.siblings.length)].sum += amountUpTo(MOST);
        else if (what == 4) proof.siblings = new Sibling[](proof.siblings.length + 1);
        else who = clients[(client + 1) % PEOPLE];
        if (asks[who == clients[client] ? client : (client + 1) % PEOPLE][token].amount != 0) {
            return;
        }
        bytes memory call = isHalted()
            ? abi.encodeCall(mediator.recoverBalance, (who, asset, proof))
            : abi.encodeCall(mediator.initiateWithdrawal, (asset, 1, who, proof, noStatements()));
        refused(who, call, bytes4(keccak256("InvalidProof(address,uint64,uint64)")));
        did["forged"]++;
    }

    // ------------------------------------------------------------------ when halted

    /// @dev Nothing goes on but what pays out; and that in any order, by anybody.
    function afterHalt() private {
        did["halted"]++;
        (uint256 client, uint256 token) = (draw(PEOPLE), draw(tokens.length));
        (address who, address asset) = (clients[client], address(tokens[token]));
        uint256 what = draw(7);
        BalanceProof memory proof;
        bytes memory call;
        if (what == 0) {
            call = abi.encodeCall(mediator.deposit, (asset, 1));
        } else if (what == 1) {
            call =
                abi.encodeCall(mediator.initiateWithdrawal, (asset, 1, who, proof, noStatements()));
        } else if (what == 2) {
            call = abi.encodeCall(mediator.commit, (new Root[](0), new Signature[](0)));
        } else if (what == 3) {
            call = abi.encodeCall(mediator.setTradingKey, (who));
        } else if (what == 4) {
            return recoverBalanceOf(client, token);
        } else if (what == 5) {
            return recoverDepositsOf(client, token);
        } else {
            call = abi.encodeCall(
                mediator.cancelWithdrawal,
                (who, asset, new SignedOrder[](0), noStatements(), noCovers())
            );
        }
        refused(operator, call, IMediator.Halted.selector);
    }

    // ------------------------------------------------------------------ the laws

    /// @dev Silence, unless something else has halted it; then law (b). The honest have all that is
    /// theirs: deposits, and bought less sold, of the rounds that count. The others have together no
    /// more than they put in and traded for.
    function finish(uint256 seed) external drawing(seed) {
        if (!isHalted()) rollHere(haltAhead() + draw(chance(2) ? 3 : 100 * roundSize()));
        recoverEverything();
        uint64 halt = roundOf(haltAhead());
        for (uint256 token = 0; token < tokens.length; ++token) {
            int256 left = 0;
            for (uint256 client = 0; client < PEOPLE; ++client) {
                int256 got = int256(walletOf(client, token));
                assertEq(got, int256(paidTo(client, token)), "in the wallets");
                for (uint64 round = 0; round <= halt; ++round) {
                    left += int256(deposited[round][token][client]);
                }
                left -= got;
                if (client >= HONEST) continue;
                assertEq(got, ownedBy(client, token, halt), "the honest have what is theirs");
            }
            assertEq(left, 0, "nobody has more than that");
        }
    }
}
