// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IOperatorManager} from "../interfaces/IOperatorManager.sol";
import {IRoundRobinOperatorManager} from "../interfaces/IRoundRobinOperatorManager.sol";
import {SlotClaims, SlotClaimsWords} from "../types/SlotClaims.sol";
import {SlotClock, SlotClocks} from "../types/SlotClock.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title RoundRobinOperatorManager
/// @notice See `IRoundRobinOperatorManager`, which holds all prose.
/// @dev `claim` and `operator` read three words of storage each, whatever the number of operators:
/// the clock, the claims, and the caller's place or the selected address.
contract RoundRobinOperatorManager is IRoundRobinOperatorManager, OperatorRegistry, Ownable2Step {
    struct Operator {
        address account;
        string name;
        string endpoint;
    }

    uint64 private immutable _deployedBlock;
    SlotClock private _clock;
    SlotClaims private _claims;
    /// @dev Places are 1..count. Nobody ever stands at place 0: its account is the zero address,
    /// its labels are empty.
    mapping(uint256 place => Operator) private _operators;
    mapping(address account => uint256 place) private _places;

    modifier onlyInMaintenance() {
        if (!_clock.inMaintenance()) revert NotInMaintenance();
        _;
    }

    /// @notice Deploys with an empty list, out of maintenance, in slot 0, with a quorum of 1.
    /// @dev The owner lists the operators within Genesis (setMaintenance, addOperator,
    /// setMaintenance), and they claim for slot 1 while it lasts. Reverts with `ZeroSlotSize`,
    /// and with `OwnableInvalidOwner` for the zero address.
    /// @param owner_ Keeps the list. A multisig or a timelock: nobody can replace it if it is lost.
    /// @param genesisBlocks Blocks of the Genesis slot, this block the first of them. Default 1000.
    /// @param slotBlocks Blocks of each later slot. Default 120, which is 10 minutes where a block
    /// takes 5 seconds. Keep several slots within a quarter of the Mediator less its rescue window
    /// (quarterSize * 3/4), so that a dead slot-holder does not sit out a whole deadline.
    constructor(address owner_, uint32 genesisBlocks, uint32 slotBlocks) Ownable(owner_) {
        if (genesisBlocks == 0 || slotBlocks == 0) revert ZeroSlotSize();
        _deployedBlock = uint64(block.number);
        _clock = SlotClocks.create(block.number + genesisBlocks, 1, slotBlocks).withQuorum(1);
        _claims = SlotClaimsWords.create();
        emit SlotSizeSet(slotBlocks);
        emit CommitQuorumSet(1);
    }

    // ------------------------------------------------------------------ turns

    function claim() external {
        _claim(_runningClock().slotAt(block.number));
    }

    function claimFor(uint64 slot) external {
        uint64 current = _runningClock().slotAt(block.number);
        if (slot != current + 1) revert WrongSlot(slot, current + 1);
        _claim(current);
    }

    function _claim(uint64 slot) private {
        // Check
        uint256 place = _places[msg.sender];
        if (place == 0) revert NotRegistered(msg.sender);
        SlotClaims claims_ = _claims.asOf(slot);
        if (claims_.hasNext(place)) return;

        // Effect
        _claims = claims_.withNext(place);
        emit Claimed(msg.sender, slot + 1);
    }

    // ------------------------------------------------------------------ service

    function setMaintenance(bool maintenance) external onlyOwner {
        SlotClock clock = _clock;
        if (clock.inMaintenance() == maintenance) revert MaintenanceUnchanged(maintenance);
        clock = maintenance ? clock.frozen(block.number) : clock.resumed(block.number);
        _clock = clock;
        emit MaintenanceSet(maintenance, clock.slotAt(block.number));
    }

    function addOperator(string calldata name, address account, string calldata endpoint)
        external
        onlyOwner
        onlyInMaintenance
    {
        // Check
        uint256 place = uint256(_clock.count()) + 1;
        uint256 limit = SlotClaimsWords.MAX_OPERATORS;
        if (place > limit) revert TooManyOperators(limit);
        _register(account, name, endpoint);

        // Effect
        _operators[place] = Operator(account, name, endpoint);
        _places[account] = place;
        _clock = _clock.withCount(place);
        emit OperatorAdded(account, place - 1, name, endpoint);
    }

    function removeOperator(address account) external onlyOwner onlyInMaintenance {
        // Check
        _unregister(account);
        uint256 place = _places[account];
        uint256 lastPlace = _clock.count();

        // Effect: the list
        address moved = address(0);
        if (place != lastPlace) {
            moved = _operators[lastPlace].account;
            _operators[place] = _operators[lastPlace];
            _places[moved] = place;
        }
        delete _operators[lastPlace];
        delete _places[account];
        _claims = _claims.withoutPlace(place, lastPlace);
        emit OperatorRemoved(account, place - 1, moved);

        // Effect: its length, and what depends on it
        uint256 left = lastPlace - 1;
        SlotClock clock = _clock.withCount(left);
        if (clock.quorum() > left && left > 0) {
            clock = clock.withQuorum(left);
            emit CommitQuorumSet(left);
        }
        _clock = clock;
    }

    function setSlotSize(uint32 blocks) external onlyOwner onlyInMaintenance {
        if (blocks == 0) revert ZeroSlotSize();
        _clock = _clock.withSize(blocks);
        emit SlotSizeSet(blocks);
    }

    function setCommitQuorum(uint256 quorum) external onlyOwner onlyInMaintenance {
        uint256 operators = _clock.count();
        if (quorum == 0 || quorum > operators) revert BadQuorum(quorum, operators);
        _clock = _clock.withQuorum(quorum);
        emit CommitQuorumSet(quorum);
    }

    // ------------------------------------------------------------------ who may act now

    function operator() public view returns (address) {
        return _operators[_currentPlace()].account;
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
        return _operators[_currentPlace()].endpoint;
    }

    function operatorName() external view returns (string memory) {
        return _operators[_currentPlace()].name;
    }

    function _runningClock() private view returns (SlotClock clock) {
        clock = _clock;
        if (clock.inMaintenance()) revert InMaintenance();
    }

    function _currentPlace() private view returns (uint256) {
        SlotClock clock = _runningClock();
        uint64 slot = clock.slotAt(block.number);
        SlotClaims claims_ = _claims.asOf(slot);
        return SlotClaimsWords.select(slot, claims_.current(), claims_.lastBefore(), clock.count());
    }

    // ------------------------------------------------------------------ views for nodes and pages

    function commitQuorum() external view returns (uint256) {
        return _clock.quorum();
    }

    function inMaintenance() external view returns (bool) {
        return _clock.inMaintenance();
    }

    function count() external view returns (uint256) {
        return _clock.count();
    }

    function operatorAt(uint256 index)
        external
        view
        returns (address account, string memory name, string memory endpoint)
    {
        if (index >= _clock.count()) revert NoSuchOperator(index);
        Operator storage found = _operators[index + 1];
        return (found.account, found.name, found.endpoint);
    }

    function slotInfo()
        external
        view
        returns (uint64 index, uint64 firstBlock, uint64 lastBlock, uint32 size)
    {
        SlotClock clock = _clock;
        index = clock.slotAt(block.number);
        size = clock.size();
        if (index == 0) {
            (firstBlock, lastBlock) = (_deployedBlock, clock.anchorBlock() - 1);
        } else {
            firstBlock = clock.anchorBlock() + (index - clock.anchorSlot()) * size;
            lastBlock = firstBlock + size - 1;
        }
        if (clock.inMaintenance()) lastBlock = type(uint64).max;
    }

    function claims() external view returns (uint256 current, uint256 next) {
        SlotClaims claims_ = _claims.asOf(_clock.slotAt(block.number));
        return (claims_.current(), claims_.next());
    }

    function forecast() external view returns (address) {
        SlotClock clock = _clock;
        uint64 slot = clock.slotAt(block.number);
        SlotClaims claims_ = _claims.asOf(slot);
        uint256 place =
            SlotClaimsWords.select(slot + 1, claims_.next(), claims_.last(), clock.count());
        return _operators[place].account;
    }

    // ------------------------------------------------------------------ ownership

    /// @notice Disabled: a list that nobody can mend is a mistake.
    /// @dev Reverts with `RenouncingDisabled` for everybody.
    function renounceOwnership() public pure override {
        revert RenouncingDisabled();
    }
}
