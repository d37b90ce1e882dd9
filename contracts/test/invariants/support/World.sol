// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../../src/interfaces/IMediator.sol";
import {Messages} from "../../../src/libraries/Messages.sol";
import {BalanceProof, Root, Signature, SignedOrder, Statement} from "../../../src/types/Types.sol";
import {MediatorTest} from "../../base/MediatorTest.sol";
import {Trees} from "../../base/Trees.sol";

/// @title What the worlds of the laws share: people, trees, time, and what is owed
/// @notice A world is played by forge: each of its actions takes a seed and draws from it who, what
/// and how much. It keeps its own books, never asking the Mediator, and `check` compares the two.
/// People join with their first deposit; person i is leaf i of every tree from then on.
abstract contract World is MediatorTest {
    uint256 internal constant PEOPLE = 5;
    uint256 internal constant TOKENS = 3;
    uint128 internal constant MOST = 1e6;

    struct Ask {
        uint64 round;
        uint128 amount;
        address recipient;
        /// The honest operator has debited it, or found it overdrawn.
        bool debited;
        bool overdrawn;
        /// Statements, by number: what was presented with it, and what the honest operator had when
        /// it decided; of the round before and of its own.
        uint256[2] presented;
        uint256[2] used;
    }

    struct Case {
        uint256 client;
        uint64 round;
        uint256 openedAt;
        uint256 closedAt;
        bool byProofs;
        bool mustProve;
        bool refunded;
        /// The statement presented, by number.
        uint256 said;
        /// The orders presented, by number.
        uint256[] shown;
    }

    /// Kept here: the optimizer takes block.number for a constant of the transaction.
    uint256 internal number;
    uint256 internal joined;
    uint256 private _entropy;
    /// Leaves of a round's trees, and the totals committed.
    mapping(uint64 round => uint256) internal leaves;
    mapping(uint64 round => mapping(uint256 token => uint256)) internal committedAt;
    mapping(uint64 round => mapping(uint256 token => uint256[PEOPLE])) internal deposited;
    mapping(uint64 round => mapping(uint256 token => uint256[PEOPLE])) internal requested;
    mapping(uint256 client => Ask[TOKENS]) internal asks;
    /// Paid out by withdrawals, and by recovery.
    mapping(uint256 client => uint256[TOKENS]) internal withdrawn;
    mapping(uint256 client => uint256[TOKENS]) internal recoveredBalance;
    mapping(uint256 client => uint256[TOKENS]) internal recoveredDeposits;
    uint256[TOKENS] internal donated;
    Case[] internal cases;
    /// Bonds of disputes that an operator closed and has not claimed yet.
    mapping(address operator_ => uint256) internal earned;
    uint256 internal bondsClaimed;
    /// Of cancelled withdrawals, claimed or not.
    uint256 internal bondsOfCancelled;
    /// Every obligation up to the boundary in this round was met.
    uint64 private _sound;
    /// How often something happened, so that a law is never about nothing.
    mapping(string what => uint256) public did;

    function roundSize() internal pure override returns (uint64) {
        return 32;
    }

    function bond() internal pure override returns (uint256) {
        return 5;
    }

    function withdrawalBond() internal pure override returns (uint256) {
        return 3;
    }

    function setUp() public virtual override {
        super.setUp();
        number = vm.getBlockNumber();
        while (clients.length < PEOPLE) {
            clients.push(vm.addr(FIRST_CLIENT_KEY + clients.length));
            balances[0].push(0);
            balances[1].push(0);
        }
        manager.register(otherOperator, genesis, type(uint64).max);
    }

    // ------------------------------------------------------------------ seeds

    modifier drawing(uint256 seed) {
        _entropy = seed;
        vm.roll(number);
        _;
    }

    /// @dev 0..below-1.
    function draw(uint256 below) internal returns (uint256) {
        _entropy = uint256(keccak256(abi.encode(_entropy)));
        return _entropy % below;
    }

    function chance(uint256 oneIn) internal returns (bool) {
        return draw(oneIn) == 0;
    }

    /// @dev 1..most, small ones and the most itself often.
    function amountUpTo(uint256 most) internal returns (uint128) {
        if (chance(4)) return uint128(most);
        return uint128(1 + draw(chance(3) ? (most < 3 ? most : 3) : most));
    }

    // ------------------------------------------------------------------ time

    function rollHere(uint256 to) internal {
        number = to;
        vm.roll(to);
    }

    function roundOf(uint256 at) internal view returns (uint64) {
        return uint64((at - genesis) / roundSize());
    }

    /// @dev Quarters since the genesis block.
    function quartersOf(uint256 at) internal view returns (uint256) {
        return (at - genesis) / quarterSize();
    }

    function firstOfNextQuarter() internal view returns (uint256) {
        return genesis + (quartersOf(number) + 1) * quarterSize();
    }

    /// @dev The reference of section 2: the first boundary at which an obligation was missed, or
    /// will be if nothing more is done. Boundary by boundary, obligation by obligation.
    function haltAhead() internal view returns (uint256 boundary) {
        for (uint64 round = _sound + 1;; ++round) {
            boundary = firstBlock(round, 1);
            for (uint256 i = 0; i < tokens.length; ++i) {
                if (listedRounds[i] >= round) continue;
                uint256 at = committedAt[round][i];
                if (at == 0 || at >= boundary) return boundary;
            }
            for (uint256 i = 0; i < cases.length; ++i) {
                uint256 at = cases[i].closedAt;
                if (cases[i].round + 1 == round && (at == 0 || at >= boundary)) return boundary;
            }
        }
    }

    function isHalted() internal view returns (bool) {
        return number >= haltAhead();
    }

    /// @dev This block, frozen at the boundary of the halt.
    function frozen() internal view returns (uint256) {
        uint256 boundary = haltAhead();
        return number < boundary ? number : boundary;
    }

    // ------------------------------------------------------------------ trees

    function leavesOf(uint256 count) private view returns (address[] memory who) {
        who = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            who[i] = clients[i];
        }
    }

    function treeOf(uint256 token, uint64 round) internal view returns (Root memory root) {
        (root.token, root.leafCount) = (address(tokens[token]), uint64(leaves[round]));
        (root.node, root.total) = Trees.top(leavesOf(leaves[round]), committed[round][token]);
    }

    function proofIn(uint256 client, uint256 token, uint64 round)
        internal
        view
        returns (BalanceProof memory)
    {
        return Trees.proof(leavesOf(leaves[round]), committed[round][token], client);
    }

    function proofsIn(uint256 client, uint64 round)
        internal
        view
        returns (BalanceProof[] memory proofs)
    {
        proofs = new BalanceProof[](setSize(round));
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i] = proofIn(client, i, round);
        }
    }

    function isCommitted(uint64 round) internal view returns (bool) {
        for (uint256 i = 0; i < setSize(round); ++i) {
            if (committedAt[round][i] == 0) return false;
        }
        return true;
    }

    function totalIn(uint64 round, uint256 token) internal view returns (uint256 total) {
        if (committedAt[round][token] == 0) return 0;
        for (uint256 i = 0; i < leaves[round]; ++i) {
            total += committed[round][token][i];
        }
    }

    // ------------------------------------------------------------------ calls

    /// @dev Whether the Mediator accepts; `why` is the error's selector otherwise.
    function attempt(address who, bytes memory call) internal returns (bool ok, bytes4 why) {
        bytes memory answer;
        // Whoever asks for a withdrawal brings its bond.
        bool asking = bytes4(call) == IMediator.initiateWithdrawal.selector;
        uint256 value = asking ? withdrawalBond() : 0;
        vm.deal(who, who.balance + value);
        vm.prank(who);
        (ok, answer) = address(mediator).call{value: value}(call);
        why = bytes4(answer);
    }

    function refused(address who, bytes memory call, bytes4 expected) internal {
        (bool ok, bytes4 why) = attempt(who, call);
        assertFalse(ok, "an attack went through");
        assertEq(bytes32(why), bytes32(expected), "refused for another reason");
        did["refused"]++;
    }

    function anybody() internal returns (address) {
        return clients[draw(PEOPLE)];
    }

    // ------------------------------------------------------------------ money in and out

    /// @dev Whoever has not joined comes next.
    function depositBy(uint256 client, uint256 token, uint128 amount) internal {
        if (client >= joined) client = joined++;
        deposit(client, token, amount);
        deposited[roundOf(number)][token][client] += amount;
        did["deposit"]++;
    }

    /// @dev One deposit, one confirmation, or some requests: of `kinds` draws all but two are these.
    function moveMoney(uint256 kinds) internal {
        uint256 what = draw(kinds);
        if (what == 0) {
            depositBy(draw(PEOPLE), draw(tokens.length), amountUpTo(MOST));
        } else if (what == 1) {
            confirm();
        } else {
            for (uint256 i = 0; i < 3; ++i) {
                request();
            }
        }
    }

    /// @dev Somebody asks for something, where the world's rules let them.
    function request() internal virtual;

    /// @dev Tokens that nobody was credited for: they must not disturb anything.
    function donate() internal {
        uint256 token = draw(tokens.length);
        uint128 amount = amountUpTo(MOST);
        tokens[token].mint(address(mediator), amount);
        donated[token] += amount;
    }

    /// @dev The third token comes late.
    function list() internal {
        if (tokens.length == TOKENS || roundOf(number) < 2 || isHalted()) return;
        addToken();
        did["list"]++;
    }

    /// @dev What `client` presents with a request made in this round: numbers of statements, and
    /// these, countersigned.
    function present(uint256 client, uint64 round)
        internal
        virtual
        returns (uint256[2] memory numbers, Statement[] memory statements);

    function ask(uint256 client, uint256 token, uint128 amount, address recipient) internal {
        (uint256[2] memory presented, Statement[] memory hers) = present(client, roundOf(number));
        if (hers.length > 0) did["request with statements"]++;
        askWith(client, token, amount, recipient, hers);
        asks[client][token].presented = presented;
    }

    function askWith(
        uint256 client,
        uint256 token,
        uint128 amount,
        address recipient,
        Statement[] memory statements
    ) private {
        uint64 round = roundOf(number);
        BalanceProof memory proof = proofIn(client, token, round - 1);
        vm.deal(clients[client], clients[client].balance + withdrawalBond());
        vm.prank(clients[client]);
        mediator.initiateWithdrawal{value: withdrawalBond()}(
            address(tokens[token]), amount, recipient, proof, statements
        );
        uint256[2] memory none;
        asks[client][token] = Ask(round, amount, recipient, false, false, none, none);
        requested[round][token][client] += amount;
        did["request"]++;
    }

    function forget(uint256 client, uint256 token) internal {
        Ask storage request_ = asks[client][token];
        requested[request_.round][token][client] -= request_.amount;
        delete asks[client][token];
    }

    /// @dev Of a request that there is, mostly.
    function confirm() internal {
        (uint256 client, uint256 token) = (draw(PEOPLE), draw(tokens.length));
        for (uint256 i = 0; i < PEOPLE && asks[client][token].amount == 0; ++i) {
            client = (client + 1) % PEOPLE;
        }
        confirmFor(client, token);
    }

    /// @dev Payable as section 4 says, to the block; paid to its recipient, by whoever calls.
    function confirmFor(uint256 client, uint256 token) internal {
        if (chance(4)) redirectFor(client, token);
        Ask memory request_ = asks[client][token];
        address payee = request_.recipient;
        uint256 wei_ = clients[client].balance;
        uint256 held = tokens[token].balanceOf(payee);
        (bool ok, bytes4 why) = attempt(
            anybody(),
            abi.encodeCall(mediator.confirmWithdrawal, (clients[client], address(tokens[token])))
        );
        assertEq(ok, isPayable(request_), "payable when the protocol says");
        if (!ok) {
            bytes4 expected = request_.amount == 0
                ? IMediator.NoWithdrawal.selector
                : IMediator.WithdrawalNotDue.selector;
            assertEq(bytes32(why), bytes32(expected), "not payable for the reason that is");
            return;
        }
        assertEq(tokens[token].balanceOf(payee) - held, request_.amount, "paid in full");
        assertEq(clients[client].balance - wei_, withdrawalBond(), "and its bond back");
        delete asks[client][token];
        withdrawn[client][token] += request_.amount;
        did[isHalted() ? "confirm halted" : "confirm"]++;
    }

    /// @dev By the client, as soon as it is payable.
    function redirectFor(uint256 client, uint256 token) private {
        Ask storage request_ = asks[client][token];
        address payee = address(uint160(0xFEE0 + client));
        if (request_.recipient != payee) payee = clients[client];
        (bool ok,) = attempt(
            clients[client],
            abi.encodeCall(mediator.redirectWithdrawal, (address(tokens[token]), payee))
        );
        assertEq(ok, isPayable(request_), "redirected when payable");
        if (!ok) return;
        request_.recipient = payee;
        did["redirect"]++;
    }

    /// @dev As section 4 says, to the block.
    function isPayable(Ask memory request_) private view returns (bool) {
        uint256 at = frozen();
        uint64 age = isHalted() || quartersOf(at) % 4 == 0 ? 3 : 2;
        return request_.amount != 0 && request_.round + age <= roundOf(at);
    }

    /// @dev Of a request that the halt made void, once; its client's wei, by whoever calls.
    function refundWithdrawalBondOf(uint256 client, uint256 token) internal {
        Ask memory request_ = asks[client][token];
        uint256 held = clients[client].balance;
        (bool ok,) = attempt(
            anybody(),
            abi.encodeCall(mediator.refundWithdrawalBond, (clients[client], address(tokens[token])))
        );
        bool due = isHalted() && request_.amount != 0 && !isPayable(request_);
        assertEq(ok, due, "the bond of a void request back, once");
        if (!ok) return;
        assertEq(clients[client].balance - held, withdrawalBond(), "to its client");
        delete asks[client][token];
        did["void"]++;
    }

    // ------------------------------------------------------------------ recovery

    function recoverBalanceOf(uint256 client, uint256 token) internal {
        uint64 halt = roundOf(haltAhead());
        if (halt < 2 || client >= leaves[halt - 2] || committedAt[halt - 2][token] == 0) return;
        BalanceProof memory proof = proofIn(client, token, halt - 2);
        (bool ok,) = attempt(
            anybody(),
            abi.encodeCall(
                mediator.recoverBalance, (clients[client], address(tokens[token]), proof)
            )
        );
        bool due = isHalted() && proof.balance > 0 && recoveredBalance[client][token] == 0;
        assertEq(ok, due, "a balance once, when halted");
        if (!ok) return;
        recoveredBalance[client][token] = proof.balance;
        did["recover balance"]++;
    }

    function recoverDepositsOf(uint256 client, uint256 token) internal {
        (bool ok,) = attempt(
            anybody(),
            abi.encodeCall(mediator.recoverDeposits, (clients[client], address(tokens[token])))
        );
        uint256 amount = depositsSince(roundOf(haltAhead()), token, client);
        bool due = isHalted() && amount > 0 && recoveredDeposits[client][token] == 0;
        assertEq(ok, due, "deposits once, when halted");
        if (!ok) return;
        recoveredDeposits[client][token] = amount;
        did["recover deposits"]++;
    }

    /// @dev Of rounds halt-2, halt-1 and halt.
    function depositsSince(uint64 halt, uint256 token, uint256 client)
        internal
        view
        returns (uint256 amount)
    {
        for (uint64 round = halt < 2 ? 0 : halt - 2; round <= halt; ++round) {
            amount += deposited[round][token][client];
        }
    }

    function paidTo(uint256 client, uint256 token) internal view returns (uint256) {
        return withdrawn[client][token] + recoveredBalance[client][token]
            + recoveredDeposits[client][token];
    }

    function refundBondOf(uint256 number_) internal {
        Case storage case_ = cases[number_];
        (bool ok,) = attempt(
            anybody(), abi.encodeCall(mediator.refundBond, (clients[case_.client], case_.round))
        );
        assertEq(ok, isHalted() && case_.closedAt == 0 && !case_.refunded, "a bond back, once");
        if (!ok) return;
        case_.refunded = true;
        did["refund"]++;
    }

    function claimBondsOf(address operator_) internal {
        (bool ok,) = attempt(operator_, abi.encodeCall(mediator.claimBonds, (operator_)));
        assertEq(ok, earned[operator_] > 0, "bonds once");
        bondsClaimed += earned[operator_];
        earned[operator_] = 0;
    }

    /// @dev By strangers, for everybody, everything: what is left then belongs to nobody.
    function recoverEverything() internal {
        for (uint256 client = 0; client < PEOPLE; ++client) {
            for (uint256 token = 0; token < tokens.length; ++token) {
                confirmFor(client, token);
                recoverBalanceOf(client, token);
                recoverDepositsOf(client, token);
                refundWithdrawalBondOf(client, token);
                // Twice is refused.
                refundWithdrawalBondOf(client, token);
                recoverBalanceOf(client, token);
                recoverDepositsOf(client, token);
            }
        }
        for (uint256 i = 0; i < cases.length; ++i) {
            refundBondOf(i);
        }
        claimBondsOf(operator);
        claimBondsOf(otherOperator);
        check();
        assertEq(address(mediator).balance, 0, "every bond is back or earned");
        for (uint256 token = 0; token < tokens.length; ++token) {
            uint256 held = tokens[token].balanceOf(address(mediator));
            assertEq(held, donated[token], "nothing missing and nothing left over");
        }
    }

    // ------------------------------------------------------------------ the laws

    function check() public virtual {
        vm.roll(number);
        checkClock();
        checkSolvency();
        // What is past and was in time stays so: the reference need not look at it again.
        if (!isHalted() && number >= firstBlock(_sound + 1, 1)) ++_sound;
    }

    /// @dev Law (e): the views are the reference.
    function checkClock() private view {
        uint256 boundary = haltAhead();
        assertEq(mediator.haltBlock(), boundary, "haltBlock");
        assertEq(mediator.halted(), number >= boundary, "halted");
        assertEq(mediator.currentRound(), roundOf(frozen()), "round");
        assertEq(mediator.currentQuarter(), quartersOf(frozen()) % 4, "quarter");
    }

    /// @dev Law (a). If the operator falls silent now, the exchange halts in round h, and then the
    /// Mediator is asked for: every balance of commit h-2, every deposit of h-2, h-1 and h, and
    /// every request of rounds up to h-3 not yet paid. Later requests are void: their money is in
    /// the balances. It holds exactly that, and what was given to it for nothing.
    function checkSolvency() private view {
        uint64 halt = roundOf(haltAhead());
        for (uint256 token = 0; token < tokens.length; ++token) {
            uint256 owed = halt < 2 ? 0 : totalIn(halt - 2, token);
            for (uint256 client = 0; client < PEOPLE; ++client) {
                owed += depositsSince(halt, token, client);
                Ask storage request_ = asks[client][token];
                if (request_.round + 3 <= halt) owed += request_.amount;
                owed -= recoveredBalance[client][token] + recoveredDeposits[client][token];
            }
            uint256 held = tokens[token].balanceOf(address(mediator));
            assertEq(held, owed + donated[token], "holds what it owes");
        }
        uint256 bonds = 0;
        for (uint256 i = 0; i < cases.length; ++i) {
            if (!cases[i].refunded) bonds += bond();
        }
        for (uint256 client = 0; client < PEOPLE; ++client) {
            for (uint256 token = 0; token < tokens.length; ++token) {
                if (asks[client][token].amount != 0) bonds += withdrawalBond();
            }
        }
        bonds += bondsOfCancelled;
        assertEq(address(mediator).balance, bonds - bondsClaimed, "holds the bonds");
    }

    // ------------------------------------------------------------------ signatures

    /// @dev Alone, or as one of two messages of a batch.
    function signMaybeBatched(uint256 key, bytes32 structHash, bool batched)
        internal
        view
        returns (Signature memory signature)
    {
        if (!batched) return sign(key, structHash);
        bytes32 leaf = keccak256(abi.encodePacked(uint8(0), structHash));
        bytes32 other = keccak256(abi.encode(structHash));
        (bytes32 low, bytes32 high) = leaf < other ? (leaf, other) : (other, leaf);
        bytes32 root = keccak256(abi.encodePacked(uint8(1), low, high));
        signature = sign(key, keccak256(abi.encode(Messages.BATCH_TYPEHASH, root)));
        signature.path = new bytes32[](1);
        signature.path[0] = other;
    }

    function take(SignedOrder[] memory from, uint256 count)
        internal
        pure
        returns (SignedOrder[] memory taken)
    {
        taken = new SignedOrder[](count);
        for (uint256 i = 0; i < count; ++i) {
            taken[i] = from[i];
        }
    }
}
