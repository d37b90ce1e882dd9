// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Messages} from "../../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Cover,
    Delegation,
    DepositRef,
    Execution,
    PresentedFill,
    Signature,
    SignedOrder,
    Statement
} from "../../../src/types/Types.sol";
import {World} from "./World.sol";

/// @title Keys, orders, fills and disputes of a world
/// @notice A trade is two orders filled against each other, once or more. The operator's signatures
/// on the first and on the last fill are what a client has to show for it.
abstract contract Market is World {
    struct KeyChange {
        uint64 fromRound;
        address key;
    }

    struct Trade {
        uint256 client;
        uint64 round;
        uint256 key;
        uint8[2] places;
        uint8 intent;
        uint128[2] amounts;
        /// Each fill is of this much; `fills` of them were made.
        uint128 unitSold;
        uint128 unitBought;
        uint128 fills;
    }

    /// What a client signed about its closed orders, with the sums of then.
    struct Said {
        uint64 round;
        uint64 watermark;
        uint64[] except;
        uint128[TOKENS] sold;
        uint128[TOKENS] bought;
        uint256 key;
        bool countersigned;
    }

    /// Statements of a client, numbered from one on; zero is none.
    mapping(uint256 client => Said[]) internal said;
    /// Orders that a statement covers: never filled again.
    mapping(uint256 id => bool) internal summed;
    /// Its number is the order's id; orders 2n and 2n+1 meet.
    Trade[] internal trades;
    mapping(uint256 client => KeyChange[]) private _keys;

    // ------------------------------------------------------------------ keys

    /// @dev A client's other key: set, or taken back, from the next round on.
    function changeKey() internal {
        uint256 client = draw(PEOPLE);
        if (isHalted()) return;
        address key = chance(3) ? address(0) : vm.addr(hotKeyOf(client));
        _keys[client].push(KeyChange(roundOf(number) + 1, key));
        vm.prank(clients[client]);
        mediator.setTradingKey(key);
        did["key"]++;
    }

    function hotKeyOf(uint256 client) internal pure returns (uint256) {
        return keyOf(client) + 0x100;
    }

    function keyIn(uint256 client, uint64 round) internal view returns (address key) {
        KeyChange[] storage changes = _keys[client];
        for (uint256 i = 0; i < changes.length; ++i) {
            if (changes[i].fromRound <= round) key = changes[i].key;
        }
    }

    function check() public virtual override {
        super.check();
        uint64 round = roundOf(number);
        for (uint256 client = 0; client < PEOPLE; ++client) {
            for (uint64 of_ = round == 0 ? 0 : round - 1; of_ <= round + 1; ++of_) {
                assertEq(mediator.tradingKey(clients[client], of_), keyIn(client, of_), "key");
            }
        }
    }

    // ------------------------------------------------------------------ orders

    /// @dev `client` would sell `sold` for `bought`, up to three times over, or better.
    function order(uint256 client, uint8[2] memory places, uint128 sold, uint128 bought) internal {
        uint64 round = roundOf(number);
        uint128 times = uint128(1 + draw(3));
        uint8 intent = uint8(draw(2));
        bool hot = keyIn(client, round) != address(0) && chance(2);
        // Whoever sells all it can may have asked for less than it gets.
        uint128 slack = intent == 1 ? uint128(draw(bought)) : 0;
        trades.push(
            Trade({
                client: client,
                round: round,
                key: hot ? hotKeyOf(client) : keyOf(client),
                places: places,
                intent: intent,
                amounts: [times * sold, times * bought - slack],
                unitSold: sold,
                unitBought: bought,
                fills: 0
            })
        );
        if (hot) did["hot order"]++;
    }

    function partOf(uint128 balance) internal returns (uint128) {
        return amountUpTo(1 + (balance - 1) / (1 + draw(5)));
    }

    function hasRoom(Trade storage trade) internal view returns (bool) {
        return (trade.fills + 1) * trade.unitSold <= trade.amounts[0]
            && (trade.intent == 1 || (trade.fills + 1) * trade.unitBought <= trade.amounts[1]);
    }

    function signedOf(uint256 id) internal view returns (SignedOrder memory signed) {
        Trade storage trade = trades[id];
        signed.round = trade.round;
        signed.id = uint64(id);
        signed.sellToken = address(tokens[trade.places[0]]);
        signed.sellAmount = trade.amounts[0];
        signed.buyToken = address(tokens[trade.places[1]]);
        signed.buyAmount = trade.amounts[1];
        signed.intent = trade.intent;
        bytes32 structHash = hashOf(clients[trade.client], signed);
        signed.signature = signMaybeBatched(trade.key, structHash, id % 3 == 0);
    }

    /// @dev The operator's record after `fills` of them; either operator may have signed it.
    function recordOf(uint256 id, uint128 fills) internal view returns (PresentedFill memory fill) {
        Trade storage trade = trades[id];
        address owner = clients[trade.client];
        fill.orderHash = hashOf(owner, signedOf(id));
        fill.sold = fills * trade.unitSold;
        fill.bought = fills * trade.unitBought;
        fill.sequence = uint64(fills);
        fill.signature = signMaybeBatched(
            id % 4 == 0 ? OTHER_OPERATOR_KEY : OPERATOR_KEY,
            fillHash(owner, trade.round, fill),
            id % 5 == 0
        );
    }

    /// @dev Numbers of the client's filled orders of a round, in their order.
    function filledBy(uint256 client, uint64 round) internal view returns (uint256[] memory ids) {
        uint256 count = 0;
        ids = new uint256[](trades.length);
        for (uint256 id = 0; id < trades.length; ++id) {
            Trade storage trade = trades[id];
            if (trade.client != client || trade.round != round || trade.fills == 0) continue;
            ids[count++] = id;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    function executionsOf(uint256 client, uint64 round)
        internal
        view
        returns (Execution[] memory executions)
    {
        uint256[] memory ids = filledBy(client, round);
        executions = new Execution[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            Trade storage trade = trades[ids[i]];
            executions[i] = Execution(
                signedOf(ids[i]), trade.fills * trade.unitSold, trade.fills * trade.unitBought
            );
        }
    }

    /// @dev Deposits, and the executions of rounds before `halt` - 2, from the orders themselves.
    function ownedBy(uint256 client, uint256 token, uint64 halt)
        internal
        view
        returns (int256 own)
    {
        for (uint64 round = 0; round <= halt; ++round) {
            own += int256(deposited[round][token][client]);
        }
        for (uint256 id = 0; id < trades.length; ++id) {
            Trade storage made = trades[id];
            if (made.client != client || made.round + 2 >= halt) continue;
            if (made.places[0] == token) own -= int256(uint256(made.fills * made.unitSold));
            if (made.places[1] == token) own += int256(uint256(made.fills * made.unitBought));
        }
    }

    // ------------------------------------------------------------------ statements

    /// @dev The client sums up what it has closed: all but some orders that have room left, up to an
    /// id drawn. What was summed up before stays so. An operator countersigns, or does not.
    function say(uint256 client, bool countersign) internal {
        uint64 round = roundOf(number);
        uint256 last = lastSaid(client, round, false);
        uint256 from = last == 0 ? 0 : said[client][last - 1].watermark;
        uint256 watermark = from + draw(trades.length + 1 - from);
        if (chance(2)) watermark = trades.length;
        if (watermark == 0) return;
        Said storage now_ = said[client].push();
        (now_.round, now_.watermark, now_.countersigned) = (round, uint64(watermark), countersign);
        bool hot = keyIn(client, round) != address(0) && chance(2);
        now_.key = hot ? hotKeyOf(client) : keyOf(client);
        for (uint256 id = 0; id < watermark; ++id) {
            Trade storage made = trades[id];
            if (made.client != client || made.round != round) continue;
            bool rests = !summed[id] && hasRoom(made) && now_.except.length < 32;
            if (rests && chance(3)) {
                now_.except.push(uint64(id));
                continue;
            }
            summed[id] = true;
            now_.sold[made.places[0]] += made.fills * made.unitSold;
            now_.bought[made.places[1]] += made.fills * made.unitBought;
        }
        did["statement"]++;
        if (now_.except.length > 0) did["statement with open orders"]++;
        if (last != 0) did["later statement"]++;
    }

    /// @dev The number of the client's last one of the round, zero if none.
    function lastSaid(uint256 client, uint64 round, bool countersigned)
        internal
        view
        returns (uint256)
    {
        for (uint256 n = said[client].length; n > 0; --n) {
            Said storage one_ = said[client][n - 1];
            if (one_.round == round && (one_.countersigned || !countersigned)) return n;
        }
        return 0;
    }

    /// @dev Any of the round, or none.
    function anySaid(uint256 client, uint64 round, bool countersigned) internal returns (uint256) {
        uint256 left = draw(1 + countSaid(client, round, countersigned));
        for (uint256 n = said[client].length; n > 0 && left > 0; --n) {
            Said storage one_ = said[client][n - 1];
            if (one_.round != round || (countersigned && !one_.countersigned)) continue;
            if (--left == 0) return n;
        }
        return 0;
    }

    function countSaid(uint256 client, uint64 round, bool countersigned)
        private
        view
        returns (uint256 count)
    {
        for (uint256 n = 0; n < said[client].length; ++n) {
            Said storage one_ = said[client][n];
            if (one_.round == round && (one_.countersigned || !countersigned)) ++count;
        }
    }

    function isCovered(uint256 client, uint256 n, uint256 id) internal view returns (bool) {
        if (n == 0) return false;
        Said storage one_ = said[client][n - 1];
        if (id >= one_.watermark || trades[id].round != one_.round) return false;
        for (uint256 i = 0; i < one_.except.length; ++i) {
            if (one_.except[i] == id) return false;
        }
        return true;
    }

    /// @dev None, or the one with this number, signed by `key`.
    function statementBy(uint256 client, uint256 n, uint256 key)
        internal
        view
        returns (Statement[] memory statements)
    {
        if (n == 0) return statements;
        Said storage one_ = said[client][n - 1];
        statements = new Statement[](1);
        Statement memory filled = statements[0];
        (filled.round, filled.watermark, filled.except) = (one_.round, one_.watermark, one_.except);
        uint256 count = tokens.length;
        (filled.tokens, filled.sold, filled.bought) =
        (new address[](count), new uint128[](count), new uint128[](count));
        uint256 used = 0;
        for (uint256 place = 0; place < count; ++place) {
            if (one_.sold[place] == 0 && one_.bought[place] == 0) continue;
            insertSum(filled, used++, place, one_);
        }
        shorten(filled, used);
        bytes32 structHash = statementHash(clients[client], filled);
        filled.signature = signMaybeBatched(key, structHash, n % 3 == 0);
    }

    /// @dev Keeps the first `at` and this ascending by address.
    function insertSum(Statement memory filled, uint256 at, uint256 place, Said storage from)
        private
        view
    {
        address token = address(tokens[place]);
        for (; at > 0 && filled.tokens[at - 1] > token; --at) {
            filled.tokens[at] = filled.tokens[at - 1];
            filled.sold[at] = filled.sold[at - 1];
            filled.bought[at] = filled.bought[at - 1];
        }
        filled.tokens[at] = token;
        filled.sold[at] = from.sold[place];
        filled.bought[at] = from.bought[place];
    }

    function shorten(Statement memory filled, uint256 count) private pure {
        (address[] memory t, uint128[] memory s, uint128[] memory b) =
            (filled.tokens, filled.sold, filled.bought);
        assembly ("memory-safe") {
            mstore(t, count)
            mstore(s, count)
            mstore(b, count)
        }
    }

    function countersignedOf(uint256 client, uint256 n) internal view returns (Statement[] memory) {
        return statementBy(client, n, n % 2 == 0 ? OTHER_OPERATOR_KEY : OPERATOR_KEY);
    }

    function signedStatementOf(uint256 client, uint256 n)
        internal
        view
        returns (Statement[] memory)
    {
        return n == 0 ? noStatements() : statementBy(client, n, said[client][n - 1].key);
    }

    /// @dev The first and the second, each of one or none.
    function joined_(Statement[] memory a, Statement[] memory b)
        internal
        pure
        returns (Statement[] memory all)
    {
        all = new Statement[](a.length + b.length);
        if (a.length > 0) all[0] = a[0];
        if (b.length > 0) all[a.length] = b[0];
    }

    function coverOfSaid(uint256 client, uint256[2] memory numbers)
        internal
        view
        returns (Cover[] memory)
    {
        return coversOf(
            joined_(countersignedOf(client, numbers[0]), countersignedOf(client, numbers[1]))
        );
    }

    function coverOfSaid(uint256 client, uint256 n) internal view returns (Cover[] memory) {
        return coversOf(countersignedOf(client, n));
    }

    function present(uint256 client, uint64 round)
        internal
        override
        returns (uint256[2] memory numbers, Statement[] memory statements)
    {
        numbers = chooseToPresent(client, round);
        statements =
            joined_(countersignedOf(client, numbers[0]), countersignedOf(client, numbers[1]));
    }

    /// @dev Any countersigned ones, of the round before and of this.
    function chooseToPresent(uint256 client, uint64 round)
        internal
        virtual
        returns (uint256[2] memory numbers)
    {
        numbers = [anySaid(client, round - 1, true), anySaid(client, round, true)];
    }

    /// @dev Executions of the round beside statement `n`: of orders that it covers only those that
    /// were presented, without amounts and signatures.
    function executionsBeside(Case storage case_, uint256 n)
        internal
        view
        returns (Execution[] memory executions)
    {
        executions = executionsOf(case_.client, case_.round - 1);
        uint256 count = 0;
        for (uint256 i = 0; i < executions.length; ++i) {
            SignedOrder memory order_ = executions[i].order;
            if (isCovered(case_.client, n, order_.id)) {
                bool isShown = false;
                for (uint256 j = 0; j < case_.shown.length; ++j) {
                    if (case_.shown[j] == order_.id) isShown = true;
                }
                if (!isShown) continue;
                order_.signature = Signature(0, 0, new bytes32[](0));
                executions[i] = Execution(order_, 0, 0);
            }
            executions[count++] = executions[i];
        }
        assembly ("memory-safe") {
            mstore(executions, count)
        }
    }

    // ------------------------------------------------------------------ disputes

    function caseOf(uint256 client, uint64 round) internal view returns (uint256) {
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].client == client && cases[i].round == round) return i;
        }
        return type(uint256).max;
    }

    /// @dev A round before `round` in which the client deposited something, the latest or the first.
    function depositOf(uint256 client, uint64 round, bool latest)
        internal
        view
        returns (bool found, uint256 token, uint64 at)
    {
        for (uint64 i = 0; i < round; ++i) {
            for (uint256 t = 0; t < tokens.length; ++t) {
                if (deposited[i][t][client] == 0 || (found && !latest)) continue;
                (found, token, at) = (true, t, i);
            }
        }
    }

    /// @dev With whichever standing is drawn, showing some fills or all; says whether it had one.
    function openCase(uint256 client, bool showAll) internal returns (bool opened) {
        uint64 round = roundOf(number);
        if (round == 0 || caseOf(client, round) != type(uint256).max || isHalted()) return false;
        BalanceProof[] memory proofs = new BalanceProof[](0);
        DepositRef memory ref;
        bool byProofs = chance(2) && setSize(round - 1) > 0 && isCommitted(round - 1)
            && client < leaves[round - 1];
        if (byProofs) {
            proofs = proofsIn(client, round - 1);
        } else {
            (bool found, uint256 token, uint64 at) = depositOf(client, round, chance(2));
            if (!found) return false;
            ref = DepositRef(address(tokens[token]), at);
        }
        Case storage case_ = cases.push();
        (case_.client, case_.round, case_.openedAt) = (client, round, number);
        case_.byProofs = byProofs;
        case_.mustProve = !byProofs && ref.round + 1 < round;
        case_.said = showAll ? lastSaid(client, round - 1, true) : anySaid(client, round - 1, true);
        if (case_.said != 0) did["dispute with a statement"]++;
        PresentedFill[] memory fills = chooseFills(case_, showAll);
        submitCase(case_, proofs, ref, fills);
        did[
            byProofs
                ? "dispute by proofs"
                : case_.mustProve ? "dispute by old deposit" : "dispute by deposit"
        ]++;
        return true;
    }

    function submitCase(
        Case storage case_,
        BalanceProof[] memory proofs,
        DepositRef memory ref,
        PresentedFill[] memory fills
    ) private {
        uint256 client = case_.client;
        Statement[] memory hers = countersignedOf(client, case_.said);
        address opener = clients[client];
        Delegation memory delegation;
        if (chance(3)) {
            opener = address(0xDE1E);
            delegation = delegationOf(client, opener);
            did["delegate"]++;
        }
        vm.deal(opener, bond());
        vm.prank(opener);
        mediator.openDispute{value: bond()}(clients[client], proofs, ref, fills, delegation, hers);
    }

    function delegationOf(uint256 client, address delegate)
        private
        view
        returns (Delegation memory delegation)
    {
        delegation.untilRound = roundOf(number);
        bytes32 structHash = keccak256(
            abi.encode(
                Messages.DELEGATION_TYPEHASH, clients[client], delegate, delegation.untilRound
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(keyOf(client), keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        delegation.signature = abi.encodePacked(r, s, v);
    }

    /// @dev Records of the disputed round, each of any of its fills, ascending by order hash.
    function chooseFills(Case storage case_, bool showAll)
        private
        returns (PresentedFill[] memory fills)
    {
        uint256[] memory ids = filledBy(case_.client, case_.round - 1);
        fills = new PresentedFill[](ids.length);
        uint256 count = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            bool covered = isCovered(case_.client, case_.said, ids[i]);
            if (showAll ? covered : chance(3)) continue;
            if (covered) did["covered fill shown"]++;
            uint128 made = trades[ids[i]].fills;
            case_.shown.push(ids[i]);
            fills[count++] = recordOf(ids[i], showAll ? made : uint128(1 + draw(made)));
        }
        assembly ("memory-safe") {
            mstore(fills, count)
        }
        for (uint256 i = 1; i < count; ++i) {
            for (uint256 j = i; j > 0 && fills[j].orderHash < fills[j - 1].orderHash; --j) {
                (fills[j], fills[j - 1]) = (fills[j - 1], fills[j]);
            }
        }
        if (count > 0) did["fills shown"]++;
    }
}
