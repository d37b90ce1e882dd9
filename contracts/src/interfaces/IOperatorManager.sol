// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Says who may operate the exchange, and who could when something was signed
/// @notice docs/protocol.md section 8. The Mediator trusts its manager for this and nothing else.
interface IOperatorManager {
    /// @notice The operator that may act in this block. The zero address means nobody.
    /// @dev May revert while the manager is in maintenance; callers treat that as nobody.
    function operator() external view returns (address);

    /// @notice Endpoint of the current operator, empty if there is none.
    function operatorURI() external view returns (string memory);

    /// @notice Name of the current operator, empty if there is none.
    function operatorName() external view returns (string memory);

    /// @notice Whether the caller is the current operator.
    function amIOperator() external view returns (bool);

    // The name that zkBob's pools call it by.
    // forge-lint: disable-next-line(mixed-case-function)
    /// @notice The same as `amIOperator`.
    function is_operator() external view returns (bool);

    /// @notice Whether `account` is an approved operator now, whoever's turn it is. Never reverts,
    /// not even in maintenance.
    function isRegistered(address account) external view returns (bool);

    /// @notice Whether `account` was an approved operator in any block of `fromBlock`..`toBlock`,
    /// both included.
    function wasOperator(address account, uint64 fromBlock, uint64 toBlock)
        external
        view
        returns (bool);

    /// @notice How many approved operators must stand behind a commit, its sender included. Never
    /// reverts.
    function commitQuorum() external view returns (uint256);
}
