// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOperatorManager} from "../interfaces/IOperatorManager.sol";
import {IRoundRobinOperatorManager} from "../interfaces/IRoundRobinOperatorManager.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title RoundRobinOperatorManager
/// @notice See `IRoundRobinOperatorManager`, which holds all prose.
contract RoundRobinOperatorManager is IRoundRobinOperatorManager, OperatorRegistry, Ownable2Step {
    /// @dev One bit each in two bitmaps of one word.
    uint256 private constant MAX_OPERATORS = 88;

    /// @dev Slot of block b: 0 before anchorBlock, else anchorSlot + (b - anchorBlock) / size.
    struct Clock {
        uint64 anchorBlock;
        uint64 anchorSlot;
        /// The slot in which maintenance began; read in maintenance only.
        uint64 frozenSlot;
        uint32 size;
        bool maintenance;
        uint8 count;
        uint8 quorum;
    }

    /// @dev As of slot `slot`, the last in which somebody claimed. `current` are the claims for
    /// that slot, `next` those for the one after it. Pointers are index + 1, zero for nobody.
    struct Claims {
        uint88 current;
        uint88 next;
        uint64 slot;
        /// Whoever had claimed last when `slot` began.
        uint8 lastBefore;
        /// Whoever claimed last.
        uint8 last;
    }

    struct Operator {
        address account;
        string name;
        string endpoint;
    }

    uint64 private immutable _deployedBlock;
    Clock private _clock;
    Claims private _claims;
    Operator[] private _operators;
    /// Index + 1.
    mapping(address account => uint256) private _places;

    modifier onlyInMaintenance() {
        if (!_clock.maintenance) revert NotInMaintenance();
        _;
    }

    /// @param genesisBlocks Blocks of the Genesis slot, 1000 by default elsewhere.
    /// @param slotBlocks Blocks of each later slot, 120 by default elsewhere.
    constructor(address owner_, uint32 genesisBlocks, uint32 slotBlocks) Ownable(owner_) {
        if (genesisBlocks == 0 || slotBlocks == 0) revert ZeroSlotSize();
        _deployedBlock = uint64(block.number);
        _clock = Clock({
            anchorBlock: uint64(block.number) + genesisBlocks,
            anchorSlot: 1,
            frozenSlot: 0,
            size: slotBlocks,
            maintenance: false,
            count: 0,
            quorum: 1
        });
    }

    // ------------------------------------------------------------------ turns

    function claim() external {
        _claim(_runningClock());
    }

    function claimFor(uint64 slot) external {
        Clock memory clock = _runningClock();
        uint64 next = _slotOf(clock) + 1;
        if (slot != next) revert WrongSlot(slot, next);
        _claim(clock);
    }

    function _claim(Clock memory clock) private {
        // Check
        uint256 place = _places[msg.sender];
        if (place == 0) revert NotRegistered(msg.sender);
        uint64 slot = _slotOf(clock);
        Claims memory claims_ = _claimsAsOf(slot);
        uint88 bit = uint88(uint256(1) << (place - 1));
        if (claims_.next & bit != 0) return;

        // Effect
        claims_.next |= bit;
        claims_.last = uint8(place);
        _claims = claims_;
        emit Claimed(msg.sender, slot + 1);
    }

    /// @dev What is stored, brought forward to `slot`: claims for it become its own, older ones
    /// are void, and whoever claimed last had done so when it began.
    function _claimsAsOf(uint64 slot) private view returns (Claims memory claims_) {
        claims_ = _claims;
        if (claims_.slot == slot) return claims_;
        claims_.current = claims_.slot + 1 == slot ? claims_.next : 0;
        claims_.next = 0;
        claims_.lastBefore = claims_.last;
        claims_.slot = slot;
    }

    /// @dev Place (index + 1) of whoever is selected for `slot`; zero for nobody.
    function _select(uint64 slot, uint256 claimed, uint256 fallback_, uint256 count_)
        private
        pure
        returns (uint256)
    {
        if (slot == 0 || count_ == 0) return 0;
        if (claimed == 0) return fallback_;
        uint256 start = (slot - 1) % count_;
        uint256 fromStart = claimed >> start << start;
        uint256 candidates = fromStart != 0 ? fromStart : claimed;
        // The lowest bit that is set.
        return Math.log2(candidates & (~candidates + 1)) + 1;
    }

    function _currentPlace() private view returns (uint256) {
        Clock memory clock = _runningClock();
        uint64 slot = _slotOf(clock);
        Claims memory claims_ = _claimsAsOf(slot);
        return _select(slot, claims_.current, claims_.lastBefore, clock.count);
    }

    // ------------------------------------------------------------------ service

    function setMaintenance(bool maintenance) external onlyOwner {
        Clock memory clock = _clock;
        if (clock.maintenance == maintenance) revert MaintenanceUnchanged(maintenance);
        if (maintenance) {
            clock.frozenSlot = _slotOf(clock);
        } else if (clock.frozenSlot > 0 || block.number >= clock.anchorBlock) {
            // The next slot opens now. In a Genesis slot that still runs, it goes on.
            clock.anchorSlot = clock.frozenSlot + 1;
            clock.anchorBlock = uint64(block.number);
        }
        clock.maintenance = maintenance;
        _clock = clock;
        emit MaintenanceSet(maintenance, _slotOf(clock));
    }

    function addOperator(string calldata name, address account, string calldata endpoint)
        external
        onlyOwner
        onlyInMaintenance
    {
        uint256 index = _operators.length;
        if (index == MAX_OPERATORS) revert TooManyOperators(MAX_OPERATORS);
        _register(account, name, endpoint);
        _operators.push(Operator(account, name, endpoint));
        _places[account] = index + 1;
        _clock.count = uint8(index + 1);
        emit OperatorAdded(account, index, name, endpoint);
    }

    function removeOperator(address account) external onlyOwner onlyInMaintenance {
        // Check
        _unregister(account);
        uint256 place = _places[account];
        uint256 lastPlace = _operators.length;

        // Effect
        address moved = address(0);
        if (place != lastPlace) {
            moved = _operators[lastPlace - 1].account;
            _operators[place - 1] = _operators[lastPlace - 1];
            _places[moved] = place;
        }
        _operators.pop();
        delete _places[account];
        _clock.count = uint8(lastPlace - 1);
        if (_clock.quorum > lastPlace - 1 && lastPlace > 1) {
            _clock.quorum = uint8(lastPlace - 1);
            emit CommitQuorumSet(lastPlace - 1);
        }
        Claims memory claims_ = _claims;
        claims_.current = _moveBit(claims_.current, place, lastPlace);
        claims_.next = _moveBit(claims_.next, place, lastPlace);
        claims_.lastBefore = _movePointer(claims_.lastBefore, place, lastPlace);
        claims_.last = _movePointer(claims_.last, place, lastPlace);
        _claims = claims_;
        emit OperatorRemoved(account, place - 1, moved);
    }

    /// @dev The bit of `lastPlace` moves to `place`, whose own is dropped.
    function _moveBit(uint88 bits, uint256 place, uint256 lastPlace) private pure returns (uint88) {
        uint256 moving = (bits >> (lastPlace - 1)) & 1;
        uint256 kept = bits & ~(uint256(1) << (place - 1)) & ~(uint256(1) << (lastPlace - 1));
        return uint88(place == lastPlace ? kept : kept | moving << (place - 1));
    }

    function _movePointer(uint8 pointer, uint256 place, uint256 lastPlace)
        private
        pure
        returns (uint8)
    {
        if (pointer == place) return 0;
        return pointer == lastPlace ? uint8(place) : pointer;
    }

    function setSlotSize(uint32 blocks) external onlyOwner onlyInMaintenance {
        if (blocks == 0) revert ZeroSlotSize();
        _clock.size = blocks;
        emit SlotSizeSet(blocks);
    }

    function setCommitQuorum(uint256 quorum) external onlyOwner onlyInMaintenance {
        uint256 operators = _operators.length;
        if (quorum == 0 || quorum > operators) revert BadQuorum(quorum, operators);
        _clock.quorum = uint8(quorum);
        emit CommitQuorumSet(quorum);
    }

    // ------------------------------------------------------------------ the slot clock

    function _runningClock() private view returns (Clock memory clock) {
        clock = _clock;
        if (clock.maintenance) revert InMaintenance();
    }

    function _slotOf(Clock memory clock) private view returns (uint64) {
        if (clock.maintenance) return clock.frozenSlot;
        if (block.number < clock.anchorBlock) return 0;
        return clock.anchorSlot + uint64((block.number - clock.anchorBlock) / clock.size);
    }

    // ------------------------------------------------------------------ views

    function operator() public view returns (address) {
        uint256 place = _currentPlace();
        return place == 0 ? address(0) : _operators[place - 1].account;
    }

    function amIOperator() public view returns (bool) {
        address current = operator();
        return current != address(0) && current == msg.sender;
    }

    /// @inheritdoc IOperatorManager
    // forge-lint: disable-next-line(mixed-case-function)
    function is_operator() external view returns (bool) {
        return amIOperator();
    }

    function operatorURI() external view returns (string memory) {
        uint256 place = _currentPlace();
        return place == 0 ? "" : _operators[place - 1].endpoint;
    }

    function operatorName() external view returns (string memory) {
        uint256 place = _currentPlace();
        return place == 0 ? "" : _operators[place - 1].name;
    }

    function commitQuorum() external view returns (uint256) {
        return _clock.quorum;
    }

    function inMaintenance() external view returns (bool) {
        return _clock.maintenance;
    }

    function count() external view returns (uint256) {
        return _operators.length;
    }

    function operatorAt(uint256 index)
        external
        view
        returns (address account, string memory name, string memory endpoint)
    {
        if (index >= _operators.length) revert NoSuchOperator(index);
        Operator storage found = _operators[index];
        return (found.account, found.name, found.endpoint);
    }

    function slotInfo()
        external
        view
        returns (uint64 index, uint64 firstBlock, uint64 lastBlock, uint32 size)
    {
        Clock memory clock = _clock;
        index = _slotOf(clock);
        size = clock.size;
        if (index == 0) {
            (firstBlock, lastBlock) = (_deployedBlock, clock.anchorBlock - 1);
        } else {
            firstBlock = clock.anchorBlock + (index - clock.anchorSlot) * size;
            lastBlock = firstBlock + size - 1;
        }
        if (clock.maintenance) lastBlock = type(uint64).max;
    }

    function claims() external view returns (uint256 current, uint256 next) {
        Claims memory claims_ = _claimsAsOf(_slotOf(_clock));
        return (claims_.current, claims_.next);
    }

    function forecast() external view returns (address) {
        Clock memory clock = _clock;
        uint64 slot = _slotOf(clock);
        Claims memory claims_ = _claimsAsOf(slot);
        uint256 place = _select(slot + 1, claims_.next, claims_.last, clock.count);
        return place == 0 ? address(0) : _operators[place - 1].account;
    }

    // ------------------------------------------------------------------ ownership

    /// @notice Disabled: a list that nobody can mend is a mistake.
    function renounceOwnership() public pure override {
        revert RenouncingDisabled();
    }
}
