// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BalanceProof, DisputeAnswer, Execution, SignedOrder} from "../../src/types/Types.sol";
import {DeepTest} from "../base/DeepTest.sol";

/// @title What a flood costs whoever sends it, and what each answer costs the operator
/// @notice The cheapest way to ask for the dearest answer: a dispute that names an old deposit and
/// shows nothing, and a request that two rounds of tiny orders overdraw. Whole transactions, for few
/// and many tokens and clients; kept in `gas/`, and the ground of the bonds in docs/security.md.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract FloodGasTest is DeepTest {
    /// @dev The formulas of docs/security.md, which bonds are set by, bound what was measured.
    function assertBound(uint256 bound_) private view {
        assertLe(vm.lastCallGas().gasTotalUsed, bound_, "the bond would not pay for this answer");
    }

    function keep(string memory scene, string memory call) private {
        string memory row = string.concat(scene, ": ", call);
        vm.snapshotValue("Floods", row, vm.lastCallGas().gasTotalUsed);
    }

    /// @dev Answered with openings and closings of every token, and no executions.
    function dispute(uint256 tokenCount, uint256 levels, string memory scene) private {
        grow(tokenCount, levels);
        openByDeposit(ANN, 0, 0, noFills());
        keep(scene, "openDispute");
        BalanceProof[] memory proofs = deepProofs();
        DisputeAnswer memory answer = DisputeAnswer(
            new Execution[](0), new uint128[](0), proofs, proofs, noStatements(), noCovers()
        );
        vm.prank(operator);
        mediator.closeDispute(clients[ANN], 2, answer);
        keep(scene, "closeDispute");
        assertBound(65_000 + tokenCount * (20_000 + 3850 * levels));
        assertFalse(mediator.dispute(clients[ANN], 2).open, "answered");
    }

    function request(uint256 levels, string memory scene) private {
        grow(2, levels);
        BalanceProof memory proof = deepProof();
        vm.prank(clients[ANN]);
        mediator.initiateWithdrawal(
            address(tokens[0]), SUM - 199, clients[ANN], proof, noStatements()
        );
        keep(scene, "initiateWithdrawal");
        SignedOrder[] memory orders = tinyOrders();
        vm.prank(operator);
        mediator.cancelWithdrawal(
            clients[ANN], address(tokens[0]), orders, noStatements(), noCovers()
        );
        keep(scene, "cancelWithdrawal, 200 orders");
        assertBound(45_000 + 16_000 * orders.length);
        assertEq(mediator.withdrawal(clients[ANN], address(tokens[0])).amount, 0, "answered");
    }

    function test_gas_disputeOfFewTokensAndClients() public {
        dispute(2, 10, "2 tokens, 2^10 clients");
    }

    function test_gas_disputeOfFewTokens() public {
        dispute(2, 20, "2 tokens, 2^20 clients");
    }

    function test_gas_disputeOfFewClients() public {
        dispute(32, 10, "32 tokens, 2^10 clients");
    }

    function test_gas_disputeOfManyTokensAndClients() public {
        dispute(32, 20, "32 tokens, 2^20 clients");
    }

    function test_gas_requestOfFewClients() public {
        request(10, "2^10 clients");
    }

    function test_gas_requestOfManyClients() public {
        request(20, "2^20 clients");
    }
}
