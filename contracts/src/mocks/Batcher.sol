// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Makes several calls in one transaction: a contract wallet, for tests
contract Batcher {
    struct Call {
        address to;
        bytes data;
    }

    error CallFailed(uint256 index);

    function run(Call[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done,) = calls[i].to.call(calls[i].data);
            if (!done) revert CallFailed(i);
        }
    }
}
