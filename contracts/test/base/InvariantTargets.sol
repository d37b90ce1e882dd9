// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What forge asks an invariant test before it plays random calls
/// @notice `setUp` names here which contracts are called, with which functions and by whom; where
/// nothing is named, forge calls everything that `setUp` deployed, as anybody.
abstract contract InvariantTargets {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    struct FuzzArtifactSelector {
        string artifact;
        bytes4[] selectors;
    }

    struct FuzzInterface {
        address addr;
        string[] artifacts;
    }

    address[] private _targetContracts;
    address[] private _excludeContracts;
    address[] private _targetSenders;
    address[] private _excludeSenders;
    FuzzSelector[] private _targetSelectors;
    FuzzSelector[] private _excludeSelectors;

    function targetContract(address called) internal {
        _targetContracts.push(called);
    }

    function excludeContract(address called) internal {
        _excludeContracts.push(called);
    }

    function targetSender(address sender) internal {
        _targetSenders.push(sender);
    }

    function excludeSender(address sender) internal {
        _excludeSenders.push(sender);
    }

    function targetSelectors(address called, bytes4[] memory selectors) internal {
        _targetSelectors.push(FuzzSelector(called, selectors));
    }

    function excludeSelectors(address called, bytes4[] memory selectors) internal {
        _excludeSelectors.push(FuzzSelector(called, selectors));
    }

    // ------------------------------------------------------------------ forge's questions

    function targetContracts() external view returns (address[] memory) {
        return _targetContracts;
    }

    function excludeContracts() external view returns (address[] memory) {
        return _excludeContracts;
    }

    function targetSenders() external view returns (address[] memory) {
        return _targetSenders;
    }

    function excludeSenders() external view returns (address[] memory) {
        return _excludeSenders;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _targetSelectors;
    }

    function excludeSelectors() external view returns (FuzzSelector[] memory) {
        return _excludeSelectors;
    }

    /// @dev Forge asks these too; whole artifacts and interfaces are never targets here.
    function targetArtifacts() external pure returns (string[] memory) {
        return new string[](0);
    }

    function excludeArtifacts() external pure returns (string[] memory) {
        return new string[](0);
    }

    function targetArtifactSelectors() external pure returns (FuzzArtifactSelector[] memory) {
        return new FuzzArtifactSelector[](0);
    }

    function targetInterfaces() external pure returns (FuzzInterface[] memory) {
        return new FuzzInterface[](0);
    }
}
