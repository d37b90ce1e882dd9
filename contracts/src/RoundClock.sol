// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMediator} from "./interfaces/IMediator.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {BlockNumber} from "./types/BlockNumber.sol";
import {Round} from "./types/Round.sol";

/// @title Rounds, quarters, what is owed when, and the halt that follows from it
/// @notice docs/protocol.md sections 1, 2 and 8. The halt is never written down: it is a function of
/// the block number and of one word of storage, which nothing changes any more once it has passed.
/// Every boundary at which it can begin is the first block of a quarter 1: that no withdrawal of
/// round h-2 is paid before a halt in h hangs on this.
abstract contract RoundClock {
    BlockNumber private constant NEVER = BlockNumber.wrap(type(uint64).max);
    uint64 private constant QUARTERS = 4;
    /// @dev Two blocks a quarter.
    uint64 private constant LEAST_ROUND_SIZE = 8;
    /// @dev The rescue window is this part of a quarter: its last blocks.
    uint64 private constant RESCUE_PART = 4;

    /// @dev All that the halt depends on, in one word. Only two rounds can have open disputes at a
    /// time: the latest in which one was opened, and the one before it. `committedTokens`: those
    /// committed so far of round `committedRound` + 1.
    ///
    ///     255          208 200 192    160     128           64              0
    ///      |     free      | c | t |  before |  of  | disputeRound | committedRound |
    ///
    /// c: committedTokens 8, t: tokens 8, before: openInRoundBefore 32, of: openInDisputeRound 32.
    struct Duties {
        Round committedRound;
        Round disputeRound;
        uint32 openInDisputeRound;
        uint32 openInRoundBefore;
        uint8 tokens;
        uint8 committedTokens;
    }

    struct ListedToken {
        address token;
        Round round;
    }

    IOperatorManager internal immutable _manager;
    BlockNumber internal immutable _genesisBlock;
    /// @dev Blocks.
    uint64 internal immutable _roundSize;
    uint64 internal immutable _quarterSize;

    Duties internal _duties;
    ListedToken[] internal _tokens;

    modifier notHalted() {
        _requireNotHalted();
        _;
    }

    constructor(IOperatorManager manager_, uint64 roundSize_) {
        if (address(manager_) == address(0)) revert IMediator.ZeroAddress();
        if (roundSize_ < LEAST_ROUND_SIZE || roundSize_ % QUARTERS != 0) {
            revert IMediator.BadRoundSize(roundSize_);
        }
        _manager = manager_;
        _genesisBlock = _thisBlock();
        _roundSize = roundSize_;
        _quarterSize = roundSize_ / QUARTERS;
    }

    // ------------------------------------------------------------------ time

    function _thisBlock() internal view returns (BlockNumber) {
        return BlockNumber.wrap(uint64(block.number));
    }

    /// @dev This block's round, whether HALTED or not.
    function _thisRound() internal view returns (Round) {
        return _roundAt(_thisBlock());
    }

    function _haltBlock() internal view returns (BlockNumber boundary) {
        Duties memory duties = _duties;
        boundary = NEVER;
        if (duties.tokens > 0) boundary = _commitDeadline(duties.committedRound.plus(1));
        BlockNumber due = NEVER;
        if (duties.openInRoundBefore > 0) {
            due = _commitDeadline(duties.disputeRound);
        } else if (duties.openInDisputeRound > 0) {
            due = _commitDeadline(duties.disputeRound.plus(1));
        }
        if (due < boundary) boundary = due;
    }

    /// @dev This block's round and quarter, frozen at the boundary of the halt.
    function _now() internal view returns (Round round, uint64 quarter, bool isHalted) {
        BlockNumber number = _thisBlock();
        BlockNumber boundary = _haltBlock();
        if (number >= boundary) (number, isHalted) = (boundary, true);
        return (_roundAt(number), _quarterAt(number), isHalted);
    }

    function _requireNotHalted() internal view {
        (Round round,, bool isHalted) = _now();
        if (isHalted) revert IMediator.Halted(round.raw());
    }

    function _requireHalted() internal view returns (Round round) {
        bool isHalted;
        (round,, isHalted) = _now();
        if (!isHalted) revert IMediator.NotHalted();
    }

    function _revertOutsideWindow() internal view {
        BlockNumber number = _thisBlock();
        revert IMediator.OutsideWindow(_roundAt(number).raw(), _quarterAt(number));
    }

    function _roundAt(BlockNumber number) internal view returns (Round) {
        return Round.wrap(number.since(_genesisBlock) / _roundSize);
    }

    function _quarterAt(BlockNumber number) internal view returns (uint64) {
        return number.since(_genesisBlock) % _roundSize / _quarterSize;
    }

    function _firstBlock(Round round) internal view returns (BlockNumber) {
        return _genesisBlock.plus(round.raw() * _roundSize);
    }

    /// @dev First block that is too late to commit `round`: that of its quarter 1.
    function _commitDeadline(Round round) internal view returns (BlockNumber) {
        return _firstBlock(round).plus(_quarterSize);
    }

    // ------------------------------------------------------------------ what is owed

    /// @dev Tokens are listed in the order of rounds, so the set of a round is a prefix.
    function _setSize(Round round) internal view returns (uint256 count) {
        count = _duties.tokens;
        while (count > 0 && round <= _tokens[count - 1].round) --count;
    }

    function _countCommitted(Round round, uint256 roots) internal {
        Duties memory duties = _duties;
        duties.committedTokens += uint8(roots);
        if (duties.committedTokens == _setSize(round)) {
            duties.committedRound = round;
            duties.committedTokens = 0;
            emit IMediator.RoundCommitted(round.raw(), msg.sender);
        }
        _duties = duties;
    }

    function _countOpened(Round round) internal {
        Duties memory duties = _duties;
        if (round != duties.disputeRound) {
            // Not halted: whatever was opened before the round just past is closed.
            duties.openInRoundBefore =
                round == duties.disputeRound.plus(1) ? duties.openInDisputeRound : 0;
            duties.openInDisputeRound = 0;
            duties.disputeRound = round;
        }
        ++duties.openInDisputeRound;
        _duties = duties;
    }

    function _countClosed(Round round) internal {
        if (round == _duties.disputeRound) --_duties.openInDisputeRound;
        else --_duties.openInRoundBefore;
    }

    // ------------------------------------------------------------------ who may act

    /// @dev Reverts unless the caller is the operator of this block or, in the last quarter of a
    /// quarter before `windowEnd` (the first block too late), any approved one. Section 8.
    function _requireOperator(BlockNumber windowEnd) internal view {
        address current = _currentOperator();
        if (current != address(0) && current == msg.sender) return;
        bool rescue = _thisBlock().plus(_quarterSize / RESCUE_PART) >= windowEnd;
        if (rescue && _manager.isRegistered(msg.sender)) return;
        revert IMediator.NotOperator(msg.sender);
    }

    /// @dev Zero, which is nobody, also where the manager reverts, answers with less than a word or
    /// with one that is no address, or is no contract: a broken manager must not shut the rescue
    /// window, so nothing that it answers can revert here. One word of it is copied, and it gets half
    /// of the gas: where it burns that, enough is left to act in its stead.
    function _currentOperator() private view returns (address current) {
        address manager_ = address(_manager);
        bytes4 selector = IOperatorManager.operator.selector;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0, selector)
            let answered := staticcall(div(gas(), 2), manager_, 0, 4, 0, 32)
            if and(answered, gt(returndatasize(), 31)) {
                let word := mload(0)
                if iszero(shr(160, word)) { current := word }
            }
        }
    }
}
