// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOperatorManager} from "../../src/interfaces/IOperatorManager.sol";

/// @title A manager that says what the test tells it to
/// @notice For what real managers say only after long histories: nobody's turn, an outage, several
/// approved operators.
contract OpenManager is IOperatorManager {
    error Maintenance();

    address private _operator;
    bool private _broken;
    uint256 public commitQuorum = 1;
    mapping(address account => uint64) private _from;
    mapping(address account => uint64) private _to;

    /// @dev Approves `account` from this block on and gives it the turn.
    function appoint(address account) external {
        _operator = account;
        if (account != address(0)) register(account, uint64(block.number), type(uint64).max);
    }

    /// @dev Approved in `from`..`to`, both included.
    function register(address account, uint64 from, uint64 to) public {
        (_from[account], _to[account]) = (from, to);
    }

    function setTurn(address account) external {
        _operator = account;
    }

    function setBroken(bool broken) external {
        _broken = broken;
    }

    function setCommitQuorum(uint256 quorum) external {
        commitQuorum = quorum;
    }

    function operator() public view returns (address) {
        if (_broken) revert Maintenance();
        return _operator;
    }

    function isRegistered(address account) external view returns (bool) {
        return _to[account] == type(uint64).max;
    }

    function wasOperator(address account, uint64 fromBlock, uint64 toBlock)
        external
        view
        returns (bool)
    {
        return _to[account] != 0 && _from[account] <= toBlock && _to[account] >= fromBlock;
    }

    function amIOperator() public view returns (bool) {
        return msg.sender == operator();
    }

    // forge-lint: disable-next-line(mixed-case-function)
    function is_operator() external view returns (bool) {
        return amIOperator();
    }

    function operatorURI() external pure returns (string memory) {
        return "";
    }

    function operatorName() external pure returns (string memory) {
        return "";
    }
}
