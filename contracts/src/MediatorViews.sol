// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMediator} from "./interfaces/IMediator.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {MediatorState} from "./MediatorState.sol";
import {Round} from "./types/Round.sol";
import {Accumulation, Dispute, Flow, Recovery, Withdrawal} from "./types/Types.sol";

/// @title What can be asked of a Mediator
/// @notice See `IMediator`, which holds all prose.
abstract contract MediatorViews is MediatorState, IMediator {
    // ------------------------------------------------------------------ what never changes

    function manager() external view returns (IOperatorManager) {
        return _manager;
    }

    function genesisBlock() external view returns (uint64) {
        return _genesisBlock.raw();
    }

    function roundSize() external view returns (uint64) {
        return _roundSize;
    }

    function quarterSize() external view returns (uint64) {
        return _quarterSize;
    }

    function disputeBond() external view returns (uint256) {
        return _disputeBond;
    }

    function withdrawalBond() external view returns (uint256) {
        return _withdrawalBond;
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // ------------------------------------------------------------------ time

    function halted() external view returns (bool) {
        return _thisBlock() >= _haltBlock();
    }

    function haltBlock() external view returns (uint64) {
        return _haltBlock().raw();
    }

    function currentRound() external view returns (uint64) {
        (Round round,,) = _now();
        return round.raw();
    }

    function currentQuarter() external view returns (uint64 quarter) {
        (, quarter,) = _now();
    }

    function committedRound() external view returns (uint64) {
        return _duties.committedRound.raw();
    }

    // ------------------------------------------------------------------ tokens

    function tokenSet(uint64 round) external view returns (address[] memory tokens) {
        tokens = new address[](_setSize(Round.wrap(round)));
        for (uint256 i = 0; i < tokens.length; ++i) {
            tokens[i] = _tokens[i].token;
        }
    }

    function tokenCount() external view returns (uint256) {
        return _duties.tokens;
    }

    function listedRound(address token) external view returns (uint64) {
        if (!_token[token].listed) revert TokenNotListed(token);
        return _token[token].listedRound.raw();
    }

    function commitment(address token, uint64 round) external view returns (bytes32) {
        return _commitments[token][Round.wrap(round)];
    }

    function expectedTotal(address token) external view returns (uint256 total) {
        (Round round,,) = _now();
        total = _token[token].total;
        if (round.isFirst() || _commitments[token][round] != 0) return total;
        Flow memory flow = _flows[token][round.minus(1)];
        total = total + flow.deposits - flow.requested;
    }

    function flows(address token, uint64 round) external view returns (Flow memory) {
        return _flows[token][Round.wrap(round)];
    }

    // ------------------------------------------------------------------ clients

    function clientFlows(address client, address token, uint64 round)
        external
        view
        returns (Flow memory)
    {
        return _clientFlows[client][token][Round.wrap(round)];
    }

    function withdrawal(address client, address token) external view returns (Withdrawal memory) {
        return _withdrawals[client][token];
    }

    function recovered(address client, address token) external view returns (Recovery memory) {
        return _recovered[client][token];
    }

    function tradingKey(address client, uint64 round) external view returns (address) {
        return _tradingKey(client, round);
    }

    function claimableBonds(address account) external view returns (uint256) {
        return _claimableBonds[account];
    }

    // ------------------------------------------------------------------ disputes

    function dispute(address client, uint64 round) external view returns (Dispute memory) {
        return _disputes[client][Round.wrap(round)];
    }

    function presentedFill(address client, uint64 round, bytes32 orderHash)
        external
        view
        returns (uint128 sold, uint128 bought)
    {
        bytes32 key = _fillKey(_disputeKey(client, Round.wrap(round)), orderHash);
        uint256 presented = _presented[key];
        return (uint128(presented >> 128), uint128(presented));
    }

    function accumulation(
        address client,
        uint64 round,
        address operator,
        bytes32 statementHash
    ) external view returns (Accumulation memory) {
        return
            _accumulations[_accumulationKey(client, Round.wrap(round), operator, statementHash)];
    }
}
