// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IOperatorManager} from "../interfaces/IOperatorManager.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";

/// @title One operator, whom the owner may replace
/// @notice docs/protocol.md section 8. The simplest manager: no slots, no claims, no maintenance.
contract MutableOperatorManager is OperatorRegistry, Ownable2Step {
    event OperatorSet(address indexed operator, string name, string endpoint);

    /// @inheritdoc IOperatorManager
    address public operator;
    /// @inheritdoc IOperatorManager
    string public operatorName;
    /// @inheritdoc IOperatorManager
    string public operatorURI;

    constructor(address owner_, address operator_, string memory name, string memory endpoint)
        Ownable(owner_)
    {
        _set(operator_, name, endpoint);
    }

    /// @notice Puts `account` in the place of the current operator, or only renames it.
    /// @dev Owner only. Takes effect in this block; what the former operator signed in its term
    /// stays signed. Reverts with `OwnableUnauthorizedAccount`, `ZeroOperator`, `BadLabel`.
    function setOperator(address account, string calldata name, string calldata endpoint)
        external
        onlyOwner
    {
        _set(account, name, endpoint);
    }

    /// @inheritdoc IOperatorManager
    function amIOperator() public view returns (bool) {
        return msg.sender == operator;
    }

    /// @inheritdoc IOperatorManager
    // forge-lint: disable-next-line(mixed-case-function)
    function is_operator() external view returns (bool) {
        return amIOperator();
    }

    /// @inheritdoc IOperatorManager
    function commitQuorum() external pure returns (uint256) {
        return 1;
    }

    /// @notice Disabled: an exchange whose operator nobody can replace is a mistake.
    function renounceOwnership() public pure override {
        revert RenouncingDisabled();
    }

    function _set(address account, string memory name, string memory endpoint) private {
        address former = operator;
        if (account == former) {
            _requireLabels(name, endpoint);
        } else {
            if (former != address(0)) _unregister(former);
            _register(account, name, endpoint);
        }
        operator = account;
        operatorName = name;
        operatorURI = endpoint;
        emit OperatorSet(account, name, endpoint);
    }
}
