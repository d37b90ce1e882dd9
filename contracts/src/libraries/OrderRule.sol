// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../interfaces/IMediator.sol";
import {SignedOrder} from "../types/Types.sol";

/// @title What executions an order allows (docs/protocol.md section 5)
library OrderRule {
    uint8 internal constant BUY_ALL = 0;
    uint8 internal constant SELL_ALL = 1;

    /// @notice An order that can be executed at all. With a zero amount the price rule would hold
    /// whatever is sold.
    function requireValid(SignedOrder calldata order) internal pure {
        bool valid = order.sellAmount > 0 && order.buyAmount > 0
            && order.sellToken != order.buyToken && order.intent <= SELL_ALL;
        if (!valid) revert IMediator.WrongOrder(order.round, order.id);
    }

    /// @notice Cumulative `sold` and `bought` (base units) stay inside the order's price and
    /// bounds.
    function requireWithin(SignedOrder calldata order, uint128 sold, uint128 bought) internal pure {
        // The price bounds the other side of each intent only for buyAll; sellAll may buy more.
        bool within = sold <= order.sellAmount
            && (order.intent == SELL_ALL || bought <= order.buyAmount)
            && _priceHolds(order, sold, bought);
        if (!within) revert IMediator.ExecutionOutsideOrder(order.id);
    }

    /// @notice What was executed after the client's record went on from it, at the order's price
    /// or better: neither amount shrinks, and the increase by itself keeps the price.
    function requireAdvance(
        SignedOrder calldata order,
        uint128 knownSold,
        uint128 knownBought,
        uint128 sold,
        uint128 bought
    ) internal pure {
        bool advances = sold >= knownSold && bought >= knownBought
            && _priceHolds(order, sold - knownSold, bought - knownBought);
        if (!advances) revert IMediator.StaleExecution(order.id);
    }

    function _priceHolds(SignedOrder calldata order, uint128 sold, uint128 bought)
        private
        pure
        returns (bool)
    {
        // Two factors below 2^128 each: the products fit 256 bits.
        return uint256(sold) * order.buyAmount <= uint256(order.sellAmount) * bought;
    }
}
