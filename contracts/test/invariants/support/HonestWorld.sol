// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../../src/interfaces/IMediator.sol";
import {Messages} from "../../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Cover,
    DepositRef,
    Execution,
    Root,
    Signature,
    SignedOrder,
    Statement,
    DisputeAnswer
} from "../../../src/types/Types.sol";
import {Market} from "./Market.sol";

/// @title An honest operator among clients who do whatever they can
/// @notice Clients act at any block. The operator acts once in each quarter, at a block drawn, as
/// section 9 says. In an outage nobody has the turn, and another approved operator acts in the
/// rescue window of whatever is due in that quarter.
contract HonestWorld is Market {
    uint256 private _operatesAt;
    bool private _operated;
    bool private _outage;
    bool private _silent;

    function setUp() public override {
        super.setUp();
        for (uint256 client = 0; client < 3; ++client) {
            depositBy(client, 0, 1000);
            depositBy(client, 1, 1000);
        }
        beginQuarter();
    }

    // ------------------------------------------------------------------ what forge plays

    function money(uint256 seed) external drawing(seed) {
        pass();
        moveMoney(4);
    }

    function trade(uint256 seed) external drawing(seed) {
        pass();
        if (trades.length > 0 && chance(3)) {
            return fillAgain(trades.length - 2 - 2 * draw(trades.length / 2));
        }
        for (uint256 i = 0; i < 6; ++i) {
            uint256 maker = draw(joined);
            uint8 sell = uint8(draw(tokens.length));
            if (balances[sell][maker] > 0) sellTo(maker, sell, partOf(balances[sell][maker]));
            if (chance(3)) say(maker, !chance(4));
        }
    }

    function dispute(uint256 seed) external drawing(seed) {
        pass();
        uint256 client = draw(PEOPLE);
        uint64 round = roundOf(number);
        // Mostly somebody with executions to account for.
        for (uint256 i = 0; i < PEOPLE && round > 0; ++i) {
            if (chance(5) || filledBy(client, round - 1).length > 0) break;
            client = (client + 1) % PEOPLE;
        }
        openCase(client, chance(3));
    }

    function intrude(uint256 seed) external drawing(seed) {
        pass();
        intrusion();
    }

    /// @dev Time alone, up to two rounds of it, and what happens now and then.
    function rest(uint256 seed) external drawing(seed) {
        uint256 what = draw(4);
        if (what == 0) forward(number + 1 + draw(2 * uint256(roundSize())));
        else if (what == 1) donate();
        else if (what == 2) list();
        else changeKey();
    }

    function actions() external pure returns (bytes4[] memory all) {
        all = new bytes4[](5);
        all[0] = this.money.selector;
        all[1] = this.trade.selector;
        all[2] = this.dispute.selector;
        all[3] = this.intrude.selector;
        all[4] = this.rest.selector;
    }

    /// @dev Some blocks, or none, before whoever acts.
    function pass() private {
        if (chance(2)) forward(number + draw(quarterSize() * 2));
    }

    // ------------------------------------------------------------------ clients

    /// @dev To anybody else, for another token of theirs.
    function sellTo(uint256 maker, uint8 sell, uint128 sold) private {
        uint256 taker = (maker + 1 + draw(joined - 1)) % joined;
        uint8 buy = uint8((sell + 1 + draw(tokens.length - 1)) % tokens.length);
        if (balances[buy][taker] == 0) return;
        uint128 bought = partOf(balances[buy][taker]);
        order(maker, [sell, buy], sold, bought);
        order(taker, [buy, sell], bought, sold);
        fill(trades.length - 2);
        did["trade"]++;
        if (chance(2)) fillAgain(trades.length - 2);
    }

    /// @dev Fills once more a pair of orders that has room.
    function fillAgain(uint256 id) private {
        Trade storage made = trades[id];
        if (summed[id] || summed[id + 1]) return;
        if (made.round != roundOf(number) || !hasRoom(made) || !hasRoom(trades[id + 1])) return;
        if (balances[made.places[0]][made.client] < made.unitSold) return;
        if (balances[made.places[1]][trades[id + 1].client] < made.unitBought) return;
        fill(id);
        did["refill"]++;
    }

    function fill(uint256 id) private {
        Trade storage made = trades[id];
        uint256 other = trades[id + 1].client;
        move(made.places[0], made.client, other, made.unitSold);
        move(made.places[1], other, made.client, made.unitBought);
        ++made.fills;
        ++trades[id + 1].fills;
    }

    /// @dev Asks for some of an opening, and may then sell what it asked for.
    function request() internal override {
        uint64 round = roundOf(number);
        (uint256 client, uint256 token) = (draw(joined), draw(tokens.length));
        if (round < 2 || client >= leaves[round - 1] || asks[client][token].amount != 0) return;
        if (committedAt[round - 1][token] == 0) return;
        uint128 opening = committed[round - 1][token][client];
        if (opening == 0) return;
        address payee = chance(3) ? address(uint160(0xFEE0 + client)) : clients[client];
        ask(client, token, amountUpTo(opening), payee);
        if (chance(2) && balances[token][client] > 0) {
            sellTo(client, uint8(token), balances[token][client]);
        }
    }

    // ------------------------------------------------------------------ the operator

    function forward(uint256 to) private {
        while (number < to) {
            uint256 next = to;
            uint256 boundary = firstOfNextQuarter();
            if (boundary < next) next = boundary;
            if (!_operated && _operatesAt < next) next = _operatesAt;
            rollHere(next);
            if (next == boundary) beginQuarter();
            if (!_operated && number == _operatesAt) operate();
        }
    }

    /// @dev Decides what was asked, closes the books of a round, and draws when it acts.
    function beginQuarter() private {
        for (uint256 client = 0; client < PEOPLE; ++client) {
            for (uint256 token = 0; token < tokens.length; ++token) {
                decide(asks[client][token], client, token);
            }
        }
        uint64 round = roundOf(number);
        if (quartersOf(number) % 4 == 0) {
            leaves[round] = joined;
            for (uint256 token = 0; token < tokens.length; ++token) {
                delete committed[round][token];
                for (uint256 client = 0; client < joined; ++client) {
                    committed[round][token].push(balances[token][client]);
                }
            }
        }
        _operated = false;
        _outage = chance(5);
        if (chance(2)) manager.setBroken(_outage);
        else manager.setTurn(_outage ? address(0) : operator);
        if (!_outage) manager.setBroken(false);
        if (!_outage) manager.setTurn(operator);
        uint256 rescue = 1 + draw(quarterSize() / 4);
        _operatesAt = _outage ? firstOfNextQuarter() - rescue : number + draw(quarterSize());
    }

    function decide(Ask storage asked, uint256 client, uint256 token) private {
        if (asked.amount == 0 || asked.debited || asked.overdrawn) return;
        if (balances[token][client] < asked.amount) {
            asked.overdrawn = true;
            // All that it has then, or no more than it must.
            for (uint64 i = 0; i < 2; ++i) {
                bool all = asked.presented[i] != 0 || chance(2);
                if (all) asked.used[i] = lastSaid(client, asked.round - 1 + i, true);
            }
            return;
        }
        balances[token][client] -= asked.amount;
        asked.debited = true;
    }

    function operate() private {
        _operated = true;
        address actor = _outage ? otherOperator : operator;
        bool newRound = quartersOf(number) % 4 == 0;
        uint64 round = roundOf(number);
        if (!_outage || newRound) cancelOverdrawn(actor, round);
        if (newRound && round > 0) commitAll(actor, round);
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].closedAt != 0) continue;
            // Its rescue window is in the quarter after the one in which it was opened.
            if (_outage && quartersOf(cases[i].openedAt) == quartersOf(number)) continue;
            answer(actor, cases[i]);
        }
        if (_outage) did["rescue"]++;
    }

    /// @dev In an outage only those of the round before are in their rescue window.
    function cancelOverdrawn(address actor, uint64 round) private {
        for (uint256 client = 0; client < PEOPLE; ++client) {
            for (uint256 token = 0; token < tokens.length; ++token) {
                Ask storage asked = asks[client][token];
                if (!asked.overdrawn || (_outage && asked.round == round)) continue;
                sendCancel(actor, client, token);
                forget(client, token);
                earned[actor] += withdrawalBond();
                bondsOfCancelled += withdrawalBond();
                did["cancel"]++;
            }
        }
    }

    function sendCancel(address actor, uint256 client, uint256 token) private {
        Ask storage asked = asks[client][token];
        SignedOrder[] memory evidence = evidenceOn(client, token, asked.round);
        Statement[] memory used = joined_(
            signedStatementOf(client, asked.used[0]), signedStatementOf(client, asked.used[1])
        );
        if (used.length > 0) did["cancel by statement"]++;
        Cover[] memory covers = coverOfSaid(client, asked.presented);
        vm.prank(actor);
        mediator.cancelWithdrawal(clients[client], address(tokens[token]), evidence, used, covers);
    }

    /// @dev Every order of the two rounds that sells the token, and is not summed up.
    function evidenceOn(uint256 client, uint256 token, uint64 round)
        private
        view
        returns (SignedOrder[] memory evidence)
    {
        evidence = new SignedOrder[](trades.length);
        uint256 count = 0;
        for (uint256 id = 0; id < trades.length; ++id) {
            Trade storage made = trades[id];
            if (made.client != client || made.places[0] != token) continue;
            uint256[2] storage used = asks[client][token].used;
            if (isCovered(client, used[0], id) || isCovered(client, used[1], id)) continue;
            if (made.round == round || made.round + 1 == round) evidence[count++] = signedOf(id);
        }
        return take(evidence, count);
    }

    /// @dev In one transaction or in one per token, alone or with a second operator's signature.
    function commitAll(address actor, uint64 round) private {
        Root[] memory roots = new Root[](setSize(round));
        for (uint256 i = 0; i < roots.length; ++i) {
            roots[i] = treeOf(i, round);
            committedAt[round][i] = number;
        }
        bool together = chance(2);
        bool quorum = chance(3);
        manager.setCommitQuorum(quorum ? 2 : 1);
        if (together) {
            sendCommit(actor, roots, quorum);
        } else {
            for (uint256 i = 0; i < roots.length; ++i) {
                Root[] memory single = new Root[](1);
                single[0] = roots[i];
                sendCommit(actor, single, quorum);
            }
        }
        did["commit"]++;
        if (quorum) did["quorum"]++;
    }

    function sendCommit(address actor, Root[] memory roots, bool quorum) private {
        Signature[] memory attestations = new Signature[](quorum ? 1 : 0);
        if (quorum) {
            bytes32 structHash = keccak256(
                abi.encode(Messages.COMMIT_TYPEHASH, roundOf(number), keccak256(abi.encode(roots)))
            );
            attestations[0] =
                sign(actor == operator ? OTHER_OPERATOR_KEY : OPERATOR_KEY, structHash);
        }
        vm.prank(actor);
        mediator.commit(roots, attestations);
    }

    function answer(address actor, Case storage case_) private {
        (uint256 client, uint64 round) = (case_.client, case_.round);
        uint256 n = lastSaid(client, round - 1, true);
        if (case_.said == 0 && chance(2)) n = 0;
        if (n != 0) did["closed with a statement"]++;
        DisputeAnswer memory given;
        given.statements = signedStatementOf(client, n);
        given.covers = coverOfSaid(client, case_.said);
        given.executions =
            proveSome(actor, clients[client], round, executionsBeside(case_, n), given.statements);
        bool hasLeaf = client < leaves[round - 1] && setSize(round - 1) > 0;
        if (case_.byProofs) {
            given.openingBalances = openingsOf(client, round - 1);
        } else if (hasLeaf) {
            given.openings = proofsIn(client, round - 1);
        }
        given.closings = proofsIn(client, round);
        vm.prank(actor);
        mediator.closeDispute(clients[client], round, given);
        case_.closedAt = number;
        earned[actor] += bond();
        if (chance(4)) claimBondsOf(actor);
        did["close"]++;
    }

    /// @dev The first few, perhaps sent again from the start; the rest goes with the closing.
    function proveSome(
        address actor,
        address client,
        uint64 round,
        Execution[] memory executions,
        Statement[] memory statements
    ) private returns (Execution[] memory left) {
        uint256 cut = chance(3) ? 0 : draw(executions.length + 1);
        Execution[] memory first = new Execution[](cut);
        left = new Execution[](executions.length - cut);
        for (uint256 i = 0; i < executions.length; ++i) {
            if (i < cut) first[i] = executions[i];
            else left[i - cut] = executions[i];
        }
        if (left.length > 0) did["closed with executions"]++;
        if (cut == 0) return left;
        bool again = chance(3);
        for (uint256 i = again ? 0 : 1; i < 2; ++i) {
            vm.prank(actor);
            mediator.proveExecutions(client, round, i == 1, first, statements);
        }
        did[again ? "restart" : "prove"]++;
    }

    // ------------------------------------------------------------------ clients who try

    /// @dev One of the deeds that are nobody's right.
    function intrusion() private {
        uint256 what = draw(8);
        (uint256 client, uint256 token) = (draw(PEOPLE), draw(tokens.length));
        address who = clients[client];
        address asset = address(tokens[token]);
        BalanceProof memory proof;
        uint64 round = roundOf(number);
        if (what == 0) {
            refused(
                who,
                abi.encodeCall(mediator.recoverBalance, (who, asset, proof)),
                IMediator.NotHalted.selector
            );
        } else if (what == 1) {
            refused(
                who,
                abi.encodeCall(mediator.recoverDeposits, (who, asset)),
                IMediator.NotHalted.selector
            );
        } else if (what == 2) {
            refused(
                who, abi.encodeCall(mediator.refundBond, (who, round)), IMediator.NotHalted.selector
            );
        } else if (what == 3) {
            intrudeOnCommit(who, round);
        } else if (what == 4) {
            intrudeOnCase(who);
        } else if (what == 5) {
            intrudeOnRequest(client, token, round);
        } else if (what == 6) {
            intrudeOnCancel(who, client, token);
        } else {
            openTwice(client, round);
        }
    }

    /// @dev By a client, or by the other operator before its window.
    function intrudeOnCommit(address who, uint64 round) private {
        if (round == 0 || quartersOf(number) % 4 != 0) return;
        if (number + quarterSize() / 4 < firstOfNextQuarter() && chance(2)) who = otherOperator;
        if (_outage && number + quarterSize() / 4 >= firstOfNextQuarter()) return;
        bytes memory call = abi.encodeCall(mediator.commit, (new Root[](0), new Signature[](0)));
        refused(who, call, IMediator.NotOperator.selector);
    }

    function intrudeOnCase(address who) private {
        for (uint256 i = 0; i < cases.length; ++i) {
            Case storage case_ = cases[i];
            if (case_.closedAt != 0) continue;
            bytes memory call = abi.encodeCall(
                mediator.closeDispute,
                (
                    clients[case_.client],
                    case_.round,
                    DisputeAnswer(
                        new Execution[](0),
                        new uint128[](0),
                        new BalanceProof[](0),
                        new BalanceProof[](0),
                        noStatements(),
                        noCovers()
                    )
                )
            );
            refused(who, call, IMediator.NotOperator.selector);
            return;
        }
    }

    /// @dev More than the opening, or out of another's leaf.
    function intrudeOnRequest(uint256 client, uint256 token, uint64 round) private {
        if (round < 2 || client >= leaves[round - 1] || asks[client][token].amount != 0) return;
        if (committedAt[round - 1][token] == 0) return;
        BalanceProof memory proof = proofIn(client, token, round - 1);
        address asset = address(tokens[token]);
        address payee = clients[client];
        refused(
            clients[client],
            abi.encodeCall(
                mediator.initiateWithdrawal,
                (asset, proof.balance + 1, payee, proof, noStatements())
            ),
            IMediator.AmountExceedsOpening.selector
        );
        address other = clients[(client + 1) % PEOPLE];
        if (proof.balance == 0 || asks[(client + 1) % PEOPLE][token].amount != 0) return;
        refused(
            other,
            abi.encodeCall(
                mediator.initiateWithdrawal, (asset, proof.balance, other, proof, noStatements())
            ),
            bytes4(keccak256("InvalidProof(address,uint64,uint64)"))
        );
    }

    function intrudeOnCancel(address who, uint256 client, uint256 token) private {
        if (asks[client][token].amount == 0) return;
        uint64 next = asks[client][token].round + 1;
        if (number >= firstBlock(next, 1) || committedAt[next][token] != 0) return;
        bytes memory call = abi.encodeCall(
            mediator.cancelWithdrawal,
            (
                clients[client],
                address(tokens[token]),
                new SignedOrder[](0),
                noStatements(),
                noCovers()
            )
        );
        refused(who, call, IMediator.NotOperator.selector);
    }

    function openTwice(uint256 client, uint64 round) private {
        if (caseOf(client, round) == type(uint256).max) return;
        (, uint256 token, uint64 at) = depositOf(client, round, true);
        address who = clients[client];
        vm.deal(who, bond());
        vm.expectPartialRevert(IMediator.DisputeExists.selector);
        vm.prank(who);
        mediator.openDispute{value: bond()}(
            who,
            new BalanceProof[](0),
            DepositRef(address(tokens[token]), at),
            noFills(),
            noDelegation(),
            noStatements()
        );
        did["refused"]++;
    }

    // ------------------------------------------------------------------ the laws

    /// @dev Laws (a), (c), (e), and what an exchange that goes on for ever may still be asked for:
    /// every balance of the ledger, and every request that was debited from it.
    function check() public override {
        super.check();
        if (_silent) return;
        assertFalse(mediator.halted(), "an honest operator is never halted");
        for (uint256 token = 0; token < tokens.length; ++token) {
            uint256 owed = donated[token];
            for (uint256 client = 0; client < PEOPLE; ++client) {
                owed += balances[token][client];
                if (asks[client][token].debited) owed += asks[client][token].amount;
            }
            assertEq(tokens[token].balanceOf(address(mediator)), owed, "everybody can leave");
        }
    }

    /// @dev Every operator falls silent, nobody notices for up to a hundred rounds, and everybody
    /// recovers. Law (b): each has what it deposited, bought less sold in the rounds that count.
    function finish(uint256 seed) external drawing(seed) {
        _silent = true;
        rollHere(haltAhead() + draw(chance(2) ? 3 : 100 * roundSize()));
        recoverEverything();
        uint64 halt = roundOf(haltAhead());
        for (uint256 token = 0; token < tokens.length; ++token) {
            for (uint256 client = 0; client < PEOPLE; ++client) {
                uint256 got = walletOf(client, token)
                    + tokens[token].balanceOf(address(uint160(0xFEE0 + client)));
                assertEq(got, paidTo(client, token), "in the wallets");
                assertEq(int256(got), ownedBy(client, token, halt), "theirs, to the last unit");
            }
        }
    }
}
