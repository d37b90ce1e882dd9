// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IMediator} from "./interfaces/IMediator.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {Messages} from "./libraries/Messages.sol";
import {SumTree} from "./libraries/SumTree.sol";
import {RoundClock} from "./RoundClock.sol";
import {Round} from "./types/Round.sol";
import {
    Accumulation,
    BalanceProof,
    Dispute,
    Flow,
    Recovery,
    SignedOrder,
    Withdrawal
} from "./types/Types.sol";

/// @title Everything that an exchange keeps, and the checks that both halves of its code make
/// @notice The Mediator's code and that of `Disputes` work on this storage, the latter by
/// delegatecall. Whatever either of them declares beside it would lie in the other's slots, so
/// `Disputes` declares nothing. Keys stand in one order: client, token, round.
abstract contract MediatorState is RoundClock, EIP712, ReentrancyGuardTransient {
    using SumTree for bytes32;
    using Checkpoints for Checkpoints.Trace160;

    /// @dev `total`: A(c) of the last round c that was committed of the token.
    ///
    ///     255  208 200     192          128          0
    ///      | free | l | place | listedRound |  total |
    ///
    /// l: listed 8, place 8.
    struct Token {
        uint128 total;
        Round listedRound;
        uint8 place;
        bool listed;
    }

    /// @dev Rounds after its own in which a request is payable, and in quarter 0, where this round's
    /// commit may be missing yet, or when HALTED.
    uint64 internal constant PAYABLE_AFTER = 2;
    uint64 internal constant PAYABLE_AFTER_IN_QUARTER_0 = 3;
    /// @dev Wei that opening a dispute takes.
    uint256 internal immutable _disputeBond;
    /// @dev Wei that asking for a withdrawal takes.
    uint256 internal immutable _withdrawalBond;

    mapping(address token => Token) internal _token;
    mapping(address token => mapping(Round round => bytes32)) internal _commitments;
    mapping(address token => mapping(Round round => Flow)) internal _flows;
    mapping(address client => mapping(address token => mapping(Round round => Flow))) internal
        _clientFlows;
    mapping(address client => mapping(address token => Withdrawal)) internal _withdrawals;
    mapping(address client => mapping(address token => Recovery)) internal _recovered;
    mapping(address client => Checkpoints.Trace160) internal _tradingKeys;
    mapping(address client => mapping(Round round => Dispute)) internal _disputes;
    /// @dev Presented fills, sold << 128 | bought, by dispute and order.
    mapping(bytes32 key => uint256) internal _presented;
    mapping(bytes32 key => Accumulation) internal _accumulations;
    /// @dev Net change of each token's place, by accumulation and attempt.
    mapping(bytes32 key => mapping(uint256 place => int256)) internal _changes;
    mapping(address account => uint256) internal _claimableBonds;
    /// @dev Hash of what the client's own statements cover, by request or dispute (`Statements`).
    mapping(bytes32 key => bytes32) internal _covers;

    constructor(
        IOperatorManager manager_,
        uint64 roundSize_,
        uint256 disputeBond_,
        uint256 withdrawalBond_
    )
        RoundClock(manager_, roundSize_)
        EIP712("Quarterdeck", "1")
    {
        _disputeBond = disputeBond_;
        _withdrawalBond = withdrawalBond_;
    }

    // ------------------------------------------------------------------ who signed

    /// @dev Reverts unless the client's key, or its trading key of the order's round, signed it.
    function _requireOrderSigner(bytes32 domain, address client, SignedOrder calldata order)
        internal
        view
        returns (bytes32 orderHash)
    {
        orderHash = Messages.hashOrder(client, order);
        address signer = Messages.signer(domain, orderHash, order.signature);
        if (signer == client && signer != address(0)) return orderHash;
        if (signer == address(0) || signer != _tradingKey(client, order.round)) {
            revert IMediator.WrongSigner(order.id, signer);
        }
    }

    function _tradingKey(address client, uint64 round) internal view returns (address) {
        return address(_tradingKeys[client].upperLookupRecent(round));
    }

    // ------------------------------------------------------------------ what is proven

    /// @dev The balances that `proofs` show, one per token of the round's set.
    function _verifyAll(address client, Round round, BalanceProof[] calldata proofs)
        internal
        view
        returns (uint128[] memory balances)
    {
        uint256 count = _setSize(round);
        if (proofs.length != count) revert IMediator.ProofCount(proofs.length, count);
        balances = new uint128[](count);
        for (uint256 i = 0; i < count; ++i) {
            address token = _tokens[i].token;
            bytes32 committed = _commitments[token][round];
            if (committed == 0) revert IMediator.NotCommitted(token, round.raw());
            committed.verify(client, proofs[i]);
            balances[i] = proofs[i].balance;
        }
    }

    // ------------------------------------------------------------------ bonds

    function _creditBond(address account, uint256 amount) internal {
        if (amount == 0) return;
        _claimableBonds[account] += amount;
        emit IMediator.BondCredited(account, amount);
    }

    function _pay(address to, uint256 amount) internal {
        if (!_send(to, amount)) revert IMediator.TransferFailed(to);
    }

    /// @dev Pays, or keeps for `claimBonds` where the account does not take it: that must not stop
    /// what the bond was for.
    function _returnBond(address account, uint256 amount) internal {
        if (amount == 0) return;
        if (!_send(account, amount)) _creditBond(account, amount);
    }

    /// @dev Copies nothing of what `to` answers: an answer of megabytes would cost whoever calls.
    function _send(address to, uint256 amount) internal returns (bool) {
        return LowLevelCall.callNoReturn(to, amount, "");
    }

    // ------------------------------------------------------------------ keys of disputes

    function _disputeKey(address client, Round round) internal pure returns (bytes32) {
        return keccak256(abi.encode(client, round));
    }

    function _fillKey(bytes32 disputeKey, bytes32 orderHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(disputeKey, orderHash));
    }

    /// @dev An accumulation goes with the statement that it is to be closed with, zero if with none:
    /// what was proven beside one statement counts beside no other.
    function _accumulationKey(address client, Round round, address operator, bytes32 statementHash)
        internal
        pure
        returns (bytes32 key)
    {
        key = keccak256(abi.encode(client, round, operator));
        if (statementHash != 0) key = keccak256(abi.encode(key, statementHash));
    }
}
