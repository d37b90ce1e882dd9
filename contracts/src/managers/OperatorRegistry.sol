// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorManager} from "../interfaces/IOperatorManager.sol";

/// @title Who was an approved operator when
/// @notice A signature counts if its signer was approved in any block of the round concerned
/// (docs/protocol.md section 5), so removal ends an interval and unsigns nothing.
abstract contract OperatorRegistry is IOperatorManager {
    /// @dev `toBlock` zero: still approved. Both ends are included.
    struct Term {
        uint64 fromBlock;
        uint64 toBlock;
    }

    error AlreadyRegistered(address account);
    error NotRegistered(address account);
    error ZeroOperator();
    /// @notice Name 1..64 bytes, endpoint 1..256 bytes.
    error BadLabel(uint256 nameBytes, uint256 endpointBytes);
    error RenouncingDisabled();

    uint256 internal constant MAX_NAME_BYTES = 64;
    uint256 internal constant MAX_ENDPOINT_BYTES = 256;

    mapping(address account => Term[]) private _terms;

    /// @inheritdoc IOperatorManager
    function isRegistered(address account) public view returns (bool) {
        uint256 count = _terms[account].length;
        return count > 0 && _terms[account][count - 1].toBlock == 0;
    }

    /// @inheritdoc IOperatorManager
    /// @dev A search by halves: with a walk, an owner that adds and removes an account thousands of
    /// times could make evidence of what it signed before too dear for one transaction.
    function wasOperator(address account, uint64 fromBlock, uint64 toBlock)
        external
        view
        returns (bool)
    {
        Term[] storage terms = _terms[account];
        // How many began in time. Of these the last ended last.
        uint256 begun = 0;
        uint256 limit = terms.length;
        while (begun < limit) {
            uint256 middle = (begun + limit) / 2;
            if (terms[middle].fromBlock > toBlock) limit = middle;
            else begun = middle + 1;
        }
        if (begun == 0) return false;
        uint64 end = terms[begun - 1].toBlock;
        return end == 0 || end >= fromBlock;
    }

    function _register(address account, string memory name, string memory endpoint) internal {
        if (account == address(0)) revert ZeroOperator();
        if (isRegistered(account)) revert AlreadyRegistered(account);
        _requireLabels(name, endpoint);
        _terms[account].push(Term(uint64(block.number), 0));
    }

    function _unregister(address account) internal {
        if (!isRegistered(account)) revert NotRegistered(account);
        Term[] storage terms = _terms[account];
        terms[terms.length - 1].toBlock = uint64(block.number);
    }

    function _requireLabels(string memory name, string memory endpoint) internal pure {
        uint256 nameBytes = bytes(name).length;
        uint256 endpointBytes = bytes(endpoint).length;
        bool valid = nameBytes > 0 && nameBytes <= MAX_NAME_BYTES && endpointBytes > 0
            && endpointBytes <= MAX_ENDPOINT_BYTES;
        if (!valid) revert BadLabel(nameBytes, endpointBytes);
    }
}
