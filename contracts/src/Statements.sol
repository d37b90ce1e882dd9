// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMediator} from "./interfaces/IMediator.sol";
import {Messages} from "./libraries/Messages.sol";
import {StatementRule} from "./libraries/StatementRule.sol";
import {MediatorState} from "./MediatorState.sol";
import {BlockNumber} from "./types/BlockNumber.sol";
import {Round} from "./types/Round.sol";
import {BalanceProof, Cover, SignedOrder, Statement, Withdrawal} from "./types/Types.sol";

/// @title What both sides may show of statements (docs/protocol.md section 10)
/// @notice A client binds whoever answers it by statements that an operator countersigned; the
/// answer comes with statements that the client signed, and they must cover as much.
abstract contract Statements is MediatorState {
    using StatementRule for Statement;

    // ------------------------------------------------------------------ requests

    /// @dev For `Mediator.initiateWithdrawal`, which checks and does the rest: keeps what the
    /// statements cover, of this round and the one before.
    function initiateWithdrawal(
        address token,
        uint128,
        address,
        BalanceProof calldata,
        Statement[] calldata statements
    ) external payable {
        // At its own address this code has no requests.
        if (!_withdrawals[msg.sender][token].bound) {
            revert IMediator.NoWithdrawal(msg.sender, token);
        }
        Round round = _thisRound();
        _bind(msg.sender, token, round, round, statements);
    }

    /// @dev For `Mediator.cancelWithdrawal`, which checks and does the rest: what the statements
    /// claim, if they cover what the request presented and none of the orders.
    function cancelWithdrawal(
        address client,
        address token,
        SignedOrder[] calldata orders,
        Statement[] calldata statements,
        Cover[] calldata covers
    ) external view returns (int256 claimed) {
        Withdrawal storage request = _withdrawals[client][token];
        Round round = Round.wrap(request.round);
        _requireCovered(_coverKey(client, token, round), request.bound, statements, covers);
        _requireUncovered(orders, statements);
        return _sumOfStatements(client, token, round, statements);
    }

    function _requireUncovered(SignedOrder[] calldata orders, Statement[] calldata statements)
        private
        pure
    {
        for (uint256 i = 0; i < orders.length; ++i) {
            for (uint256 j = 0; j < statements.length; ++j) {
                if (statements[j].round == orders[i].round && statements[j].covers(orders[i].id)) {
                    revert IMediator.WrongOrder(orders[i].round, orders[i].id);
                }
            }
        }
    }

    /// @dev What `client`'s statements of `round` and the one before, at most one of each, sold of
    /// the token less what they bought.
    function _sumOfStatements(
        address client,
        address token,
        Round round,
        Statement[] calldata statements
    ) private view returns (int256 sum) {
        for (uint256 i = 0; i < statements.length; ++i) {
            Statement calldata statement = statements[i];
            _requireStatement(statements, i, round.minus(1), round);
            _requireClientSigned(client, statement);
            for (uint256 j = 0; j < statement.tokens.length; ++j) {
                if (statement.tokens[j] != token) continue;
                sum += int256(uint256(statement.sold[j])) - int256(uint256(statement.bought[j]));
            }
        }
    }

    // ------------------------------------------------------------------ what the client presents

    /// @dev Keeps what the client's countersigned statements cover: at most one of each round from
    /// that before `round` to `last`, ascending. `token` is the request's, zero for a dispute.
    function _bind(
        address client,
        address token,
        Round round,
        Round last,
        Statement[] calldata statements
    ) internal {
        bytes32 kept = 0;
        for (uint256 i = 0; i < statements.length; ++i) {
            Statement calldata statement = statements[i];
            _requireStatement(statements, i, round.minus(1), last);
            _requireCountersigned(client, statement);
            kept = _chain(kept, statement.round, statement.watermark, statement.except);
            emit IMediator.StatementPresented(
                client,
                token,
                round.raw(),
                statement.round,
                statement.watermark,
                statement.except
            );
        }
        _covers[_coverKey(client, token, round)] = kept;
    }

    /// @dev Hash of what one statement more covers.
    function _chain(bytes32 before, uint64 round, uint64 watermark, uint64[] calldata except)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(before, round, watermark, except));
    }

    /// @dev Reverts unless statement `i` has its one form and is of a round from `first` to `last`
    /// that none before it is of.
    function _requireStatement(
        Statement[] calldata statements,
        uint256 i,
        Round first,
        Round last
    ) internal pure {
        uint64 round = statements[i].round;
        bool fits = round >= first.raw() && round <= last.raw()
            && (i == 0 || round > statements[i - 1].round);
        if (!fits) revert IMediator.WrongStatement(round, statements[i].watermark);
        statements[i].requireValid();
    }

    /// @dev Reverts unless `covers` is what the client presented, and `statements` cover it all.
    function _requireCovered(
        bytes32 key,
        bool bound,
        Statement[] calldata statements,
        Cover[] calldata covers
    ) internal view {
        bytes32 shown = 0;
        for (uint256 i = 0; i < covers.length; ++i) {
            Cover calldata cover = covers[i];
            shown = _chain(shown, cover.round, cover.watermark, cover.except);
            bool covered = false;
            for (uint256 j = 0; !covered && j < statements.length; ++j) {
                covered = statements[j].round == cover.round && statements[j].coversAll(cover);
            }
            if (!covered) revert IMediator.NotCovered(cover.round, cover.watermark);
        }
        bool same = bound ? shown == _covers[key] : covers.length == 0;
        if (!same) revert IMediator.WrongCovers();
    }

    function _coverKey(address client, address token, Round round) internal pure returns (bytes32) {
        return keccak256(abi.encode(client, token, round));
    }

    // ------------------------------------------------------------------ who signed

    /// @dev Reverts unless the client's key, or its trading key of the statement's round, signed it.
    function _requireClientSigned(address client, Statement calldata statement)
        internal
        view
        returns (bytes32 statementHash)
    {
        address signer;
        (statementHash, signer) = _signerOf(client, statement);
        bool signed = signer != address(0)
            && (signer == client || signer == _tradingKey(client, statement.round));
        if (!signed) revert IMediator.StatementNotSigned(statement.round, signer);
    }

    function _requireCountersigned(address client, Statement calldata statement) private view {
        (, address signer) = _signerOf(client, statement);
        BlockNumber from = _firstBlock(Round.wrap(statement.round));
        BlockNumber to = from.plus(_roundSize - 1);
        bool signed =
            signer != address(0) && _manager.wasOperator(signer, from.raw(), to.raw());
        if (!signed) revert IMediator.StatementNotSigned(statement.round, signer);
    }

    function _signerOf(address client, Statement calldata statement)
        private
        view
        returns (bytes32 statementHash, address signer)
    {
        statementHash = Messages.hashStatement(client, statement);
        signer = Messages.signer(_domainSeparatorV4(), statementHash, statement.signature);
    }
}
