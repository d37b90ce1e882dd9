// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "./interfaces/IMediator.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";

/// @title Rounds, quarters, what is owed when, and the halt that follows from it
/// @notice PROTOCOL.md sections 1, 2 and 8. The halt is never written down: it is a function of
/// the block number and of one word of storage, which nothing changes any more once it has passed.
/// Every boundary at which it can begin is the first block of a quarter 1: that no withdrawal of
/// round h-2 is paid before a halt in h hangs on this.
abstract contract RoundClock is IMediator {
    uint64 private constant NEVER = type(uint64).max;

    /// @dev All that the halt depends on, in one word. Only two rounds can have open disputes at a
    /// time: the latest in which one was opened, and the one before it.
    struct Duties {
        uint64 committedRound;
        uint64 disputeRound;
        uint32 openInDisputeRound;
        uint32 openInRoundBefore;
        uint8 tokens;
        /// Tokens committed so far of round committedRound + 1.
        uint8 committedTokens;
    }

    struct ListedToken {
        address token;
        uint64 round;
    }

    IOperatorManager public immutable manager;
    uint64 public immutable genesisBlock;
    uint64 public immutable roundSize;
    uint64 public immutable quarterSize;

    Duties internal _duties;
    ListedToken[] internal _tokens;

    modifier notHalted() {
        _requireNotHalted();
        _;
    }

    constructor(IOperatorManager manager_, uint64 roundSize_) {
        if (address(manager_) == address(0)) revert ZeroAddress();
        if (roundSize_ < 8 || roundSize_ % 4 != 0) revert BadRoundSize(roundSize_);
        manager = manager_;
        genesisBlock = uint64(block.number);
        roundSize = roundSize_;
        quarterSize = roundSize_ / 4;
    }

    // ------------------------------------------------------------------ time

    function haltBlock() public view returns (uint64 boundary) {
        Duties memory duties = _duties;
        boundary = NEVER;
        if (duties.tokens > 0) {
            boundary = _firstBlock(duties.committedRound + 1) + quarterSize;
        }
        uint64 due = NEVER;
        if (duties.openInRoundBefore > 0) {
            due = _firstBlock(duties.disputeRound) + quarterSize;
        } else if (duties.openInDisputeRound > 0) {
            due = _firstBlock(duties.disputeRound + 1) + quarterSize;
        }
        if (due < boundary) boundary = due;
    }

    function halted() external view returns (bool) {
        return block.number >= haltBlock();
    }

    function currentRound() external view returns (uint64 round) {
        (round,,) = _now();
    }

    function currentQuarter() external view returns (uint64 quarter) {
        (, quarter,) = _now();
    }

    function _now() internal view returns (uint64 round, uint64 quarter, bool isHalted) {
        uint256 number = block.number;
        uint64 boundary = haltBlock();
        if (number >= boundary) (number, isHalted) = (boundary, true);
        return (_roundAt(number), _quarterAt(number), isHalted);
    }

    function _requireNotHalted() internal view {
        (uint64 round,, bool isHalted) = _now();
        if (isHalted) revert Halted(round);
    }

    function _requireHalted() internal view returns (uint64 round) {
        bool isHalted;
        (round,, isHalted) = _now();
        if (!isHalted) revert NotHalted();
    }

    function _roundAt(uint256 number) internal view returns (uint64) {
        return uint64((number - genesisBlock) / roundSize);
    }

    function _quarterAt(uint256 number) internal view returns (uint64) {
        return uint64((number - genesisBlock) % roundSize / quarterSize);
    }

    function _firstBlock(uint64 round) internal view returns (uint64) {
        return genesisBlock + round * roundSize;
    }

    // ------------------------------------------------------------------ what is owed

    /// @dev Tokens are listed in the order of rounds, so the set of a round is a prefix.
    function _setSize(uint64 round) internal view returns (uint256 count) {
        count = _duties.tokens;
        while (count > 0 && _tokens[count - 1].round >= round) --count;
    }

    function _countCommitted(uint64 round, uint256 roots) internal {
        Duties memory duties = _duties;
        duties.committedTokens += uint8(roots);
        if (duties.committedTokens == _setSize(round)) {
            duties.committedRound = round;
            duties.committedTokens = 0;
            emit RoundCommitted(round, msg.sender);
        }
        _duties = duties;
    }

    function _countOpened(uint64 round) internal {
        Duties memory duties = _duties;
        if (round != duties.disputeRound) {
            // Not halted: whatever was opened before the round just past is closed.
            duties.openInRoundBefore =
                round == duties.disputeRound + 1 ? duties.openInDisputeRound : 0;
            duties.openInDisputeRound = 0;
            duties.disputeRound = round;
        }
        ++duties.openInDisputeRound;
        _duties = duties;
    }

    function _countClosed(uint64 round) internal {
        if (round == _duties.disputeRound) --_duties.openInDisputeRound;
        else --_duties.openInRoundBefore;
    }

    // ------------------------------------------------------------------ who may act

    /// @dev Reverts unless the caller is the operator of this block or, in the last quarter of a
    /// quarter before `windowEnd` (the first block too late), any approved one. Section 8.
    function _requireOperator(uint64 windowEnd) internal view {
        try manager.operator() returns (address current) {
            if (current != address(0) && current == msg.sender) return;
        } catch {}
        bool rescue = block.number + quarterSize / 4 >= windowEnd;
        if (rescue && manager.isRegistered(msg.sender)) return;
        revert NotOperator(msg.sender);
    }

    // ------------------------------------------------------------------ views

    function committedRound() external view returns (uint64) {
        return _duties.committedRound;
    }

    function tokenCount() external view returns (uint256) {
        return _duties.tokens;
    }

    function tokenSet(uint64 round) external view returns (address[] memory tokens) {
        tokens = new address[](_setSize(round));
        for (uint256 i = 0; i < tokens.length; ++i) {
            tokens[i] = _tokens[i].token;
        }
    }
}
