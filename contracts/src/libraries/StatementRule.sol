// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../interfaces/IMediator.sol";
import {Cover, Statement} from "../types/Types.sol";

/// @title What a statement covers (docs/protocol.md section 10)
library StatementRule {
    uint256 internal constant MAX_EXCEPT = 32;

    /// @notice One statement has one form: `except` ascends below the watermark, tokens ascend.
    function requireValid(Statement calldata statement) internal pure {
        uint64[] calldata except = statement.except;
        address[] calldata tokens = statement.tokens;
        bool valid = statement.watermark > 0 && except.length <= MAX_EXCEPT
            && statement.sold.length == tokens.length && statement.bought.length == tokens.length;
        for (uint256 i = 0; valid && i < except.length; ++i) {
            valid = except[i] < statement.watermark && (i == 0 || except[i] > except[i - 1]);
        }
        for (uint256 i = 1; valid && i < tokens.length; ++i) {
            valid = tokens[i] > tokens[i - 1];
        }
        if (!valid) revert IMediator.WrongStatement(statement.round, statement.watermark);
    }

    /// @notice Whether the order with this id, of the statement's round, is summed up in it.
    function covers(Statement calldata statement, uint64 id) internal pure returns (bool) {
        if (id >= statement.watermark) return false;
        uint64[] calldata except = statement.except;
        for (uint256 i = 0; i < except.length; ++i) {
            if (except[i] >= id) return except[i] != id;
        }
        return true;
    }

    /// @notice Whether every order that `cover` covers is summed up in `statement`.
    function coversAll(Statement calldata statement, Cover calldata cover)
        internal
        pure
        returns (bool)
    {
        if (statement.watermark < cover.watermark) return false;
        uint64[] calldata except = statement.except;
        uint256 next = 0;
        for (uint256 i = 0; i < except.length; ++i) {
            uint64 id = except[i];
            if (id >= cover.watermark) return true;
            while (next < cover.except.length && cover.except[next] < id) {
                ++next;
            }
            if (next == cover.except.length || cover.except[next] != id) return false;
        }
        return true;
    }
}
