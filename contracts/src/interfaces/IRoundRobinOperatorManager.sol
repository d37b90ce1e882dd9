// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOperatorManager} from "./IOperatorManager.sol";

/// @title Several approved operators that take turns by block slots
/// @notice docs/protocol.md section 8. The Genesis slot has index 0 and nobody is selected in it; slots
/// of equal size follow. A claim sent in slot s makes its sender available for slot s+1 and for no
/// other. For slot S the list is searched from index (S-1) mod N, cyclically, for the first that
/// claimed; if nobody did, it is whoever had claimed last when S began. So one slot has one
/// operator. In maintenance the slot clock stands still, nobody is selected, and the list may
/// change; leaving it opens the next slot with the claims already sent for it.
/// In maintenance `claim`, `claimFor`, `operator`, `operatorName`, `operatorURI`, `amIOperator` and
/// `is_operator` revert with `InMaintenance`; everything else answers. Slots are numbered from 0 and
/// never twice; operators are indexed 0..count-1, and indexes change when one is removed.
/// What only the owner may call reverts with `OwnableUnauthorizedAccount` for all others.
/// Warning: `operator()` is the zero address where nobody is selected; that is nobody, not anybody.
/// Warning: whoever owns the manager can pass over slots, by entering and leaving maintenance.
interface IRoundRobinOperatorManager is IOperatorManager {
    // ------------------------------------------------------------------ events

    /// @notice `operator` is available for `slot`, the one after that in which it was sent.
    event Claimed(address indexed operator, uint64 indexed slot);
    /// @notice `slot` is the one that stands still, or the one that opened with this block. (In a
    /// Genesis slot that goes on, 0.)
    event MaintenanceSet(bool maintenance, uint64 slot);
    /// @notice `operator` is approved from this block on and has the last place in the list.
    event OperatorAdded(address indexed operator, uint256 index, string name, string endpoint);
    /// @notice `moved` took the vacant place; the zero address if the last was removed.
    event OperatorRemoved(address indexed operator, uint256 index, address moved);
    /// @notice Slots that open from now on have `blocks` blocks. Emitted by the deployment too.
    event SlotSizeSet(uint32 blocks);
    /// @notice Also emitted by the deployment, and when a removal lowers it.
    event CommitQuorumSet(uint256 quorum);

    // ------------------------------------------------------------------ errors

    /// @notice Nobody is selected and nobody can claim until the owner leaves maintenance.
    error InMaintenance();
    /// @notice The owner must enter maintenance before it changes this.
    error NotInMaintenance();
    /// @notice The maintenance state is what it was asked to be already.
    error MaintenanceUnchanged(bool maintenance);
    /// @notice A claim for `slot` would have been one for `next`: it came too early or too late.
    error WrongSlot(uint64 slot, uint64 next);
    /// @notice Slots, and Genesis, have at least one block.
    error ZeroSlotSize();
    error TooManyOperators(uint256 limit);
    /// @notice A quorum is 1..`operators`, the number of operators in the list.
    error BadQuorum(uint256 quorum, uint256 operators);
    error NoSuchOperator(uint256 index);

    // ------------------------------------------------------------------ turns

    /// @notice Makes the caller available for the next slot. Again in the same slot: nothing
    /// changes and nothing is emitted.
    /// @dev Approved operators, contracts too, not in maintenance. Cost does not grow with the
    /// list. Reverts with `InMaintenance`, `NotRegistered`.
    function claim() external;

    /// @notice `claim` that reverts unless `slot` is the next one: for senders near a boundary.
    /// @dev As `claim`; also reverts with `WrongSlot`, which comes before `NotRegistered`.
    function claimFor(uint64 slot) external;

    // ------------------------------------------------------------------ service

    /// @notice Enters maintenance, and the slot clock stands still; or leaves it, and the next slot
    /// opens with this block. A Genesis slot that has not run out goes on as if nothing had been.
    /// @dev Owner. Reverts with `MaintenanceUnchanged`.
    function setMaintenance(bool maintenance) external;

    /// @notice Approves `account`; it may sign from this block on, and claim after maintenance.
    /// @dev Owner, in maintenance. At most 88 operators; name 1..64 bytes, endpoint 1..256 bytes.
    /// Reverts with `NotInMaintenance`, `TooManyOperators`, `ZeroOperator`, `AlreadyRegistered`,
    /// `BadLabel`.
    function addOperator(string calldata name, address account, string calldata endpoint) external;

    /// @notice Removes `account`. The last of the list takes its place, claims and all; its own
    /// claims are void, and it is nobody's fallback, not even if it is approved again. What it
    /// signed stays signed. A quorum above the number left is lowered to it, never below 1.
    /// @dev Owner, in maintenance. Reverts with `NotInMaintenance`, `NotRegistered`.
    function removeOperator(address account) external;

    /// @notice Slots have `blocks` blocks from the next one on; none is numbered anew.
    /// @dev Owner, in maintenance. Reverts with `NotInMaintenance`, `ZeroSlotSize`.
    function setSlotSize(uint32 blocks) external;

    /// @notice How many approved operators must stand behind a commit, the sender included.
    /// @dev Owner, in maintenance, 1..number of operators. Reverts with `NotInMaintenance`,
    /// `BadQuorum`.
    function setCommitQuorum(uint256 quorum) external;

    // ------------------------------------------------------------------ views
    // For anybody, at any time, in maintenance too.

    /// @notice Whether the slot clock stands still.
    function inMaintenance() external view returns (bool);

    /// @notice Number of approved operators, 0..88.
    function count() external view returns (uint256);

    /// @notice The operator at `index` of the list, 0..count-1.
    /// @dev Reverts with `NoSuchOperator`.
    function operatorAt(uint256 index)
        external
        view
        returns (address account, string memory name, string memory endpoint);

    /// @notice The slot of this block: its index, its first and last block, both included, and the
    /// size in blocks of the slots that follow. In maintenance the slot stands still and has no last
    /// block yet (2^64 - 1).
    function slotInfo()
        external
        view
        returns (uint64 index, uint64 firstBlock, uint64 lastBlock, uint32 size);

    /// @notice Bit i is set if the operator at index i claimed for this slot, and for the next.
    function claims() external view returns (uint256 current, uint256 next);

    /// @notice Who is selected for the next slot if nobody else claims; the zero address for nobody.
    function forecast() external view returns (address);
}
