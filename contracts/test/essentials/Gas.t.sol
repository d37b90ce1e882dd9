// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RoundRobinOperatorManager} from "../../src/managers/RoundRobinOperatorManager.sol";
import {
    BalanceProof,
    Execution,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";
import {Harness} from "./Harness.sol";

interface Snapshots {
    function snapshotGasLastCall(string calldata group, string calldata name)
        external
        returns (uint256);
    function cool(address target) external;
}

/// @title What each call costs, kept in `gas/` so that a change shows its price
/// @notice Trees have 1024 leaves (ten siblings) and the Mediator two tokens, as in the figures of
/// the 2019 reference. Figures are those of the call: 21,000 and calldata come on top.
contract GasTest is Harness {
    Snapshots private constant SNAPSHOTS =
        Snapshots(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant DEPTH = 10;
    uint128 private constant MINE = 1000 * UNIT;

    uint256 private lastGas;

    function keep(string memory name) private {
        lastGas = SNAPSHOTS.snapshotGasLastCall("Mediator", name);
    }

    /// @dev A tree of 1024 leaves in which Bob is leaf 0 and all others are empty.
    function deepProof(uint128 amount) private pure returns (BalanceProof memory proof) {
        proof.balance = amount;
        proof.leafCount = uint64(1 << DEPTH);
        proof.siblings = new Sibling[](DEPTH);
        bytes32 empty = leaf(address(0), 0);
        for (uint256 i = 0; i < DEPTH; ++i) {
            proof.siblings[i] = Sibling(empty, 0);
            empty = node(empty, 0, empty, 0);
        }
    }

    function deepRoot(address token, uint128 amount) private view returns (Root memory) {
        BalanceProof memory proof = deepProof(amount);
        bytes32 top = leaf(bob, amount);
        for (uint256 i = 0; i < DEPTH; ++i) {
            top = node(top, amount, proof.siblings[i].hash, 0);
        }
        return Root(token, top, amount, uint64(1 << DEPTH));
    }

    function deepCommit(uint64 round, uint128 inWeth, uint128 inUsdc) private {
        rollTo(round, 0);
        Root[] memory roots = new Root[](2);
        roots[0] = deepRoot(address(weth), inWeth);
        roots[1] = deepRoot(address(usdc), inUsdc);
        SNAPSHOTS.cool(address(mediator));
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    function test_gas_depositAndCommit() public {
        deposit(bob, weth, MINE);
        keep("deposit, first of client and round");
        deposit(bob, weth, MINE);
        keep("deposit, later");
        deepCommit(1, 2 * MINE, 0);
        keep("commit, 2 tokens, first");
        deepCommit(2, 2 * MINE, 0);
        keep("commit, 2 tokens, later");
    }

    function test_gas_withdrawal() public {
        deposit(bob, weth, MINE);
        deepCommit(1, MINE, 0);
        deepCommit(2, MINE, 0);
        SNAPSHOTS.cool(address(mediator));
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), MINE, bob, deepProof(MINE));
        keep("initiateWithdrawal");
        deepCommit(3, 0, 0);
        deepCommit(4, 0, 0);
        rollTo(4, 1);
        SNAPSHOTS.cool(address(mediator));
        mediator.confirmWithdrawal(bob, address(weth));
        keep("confirmWithdrawal");
    }

    function test_gas_cancelWithdrawal() public {
        cancelWith(1, "cancelWithdrawal, 1 order");
    }

    function test_gas_cancelWithdrawalTen() public {
        cancelWith(10, "cancelWithdrawal, 10 orders");
    }

    function cancelWith(uint64 count, string memory name) private {
        deposit(bob, weth, MINE);
        deepCommit(1, MINE, 0);
        deepCommit(2, MINE, 0);
        vm.prank(bob);
        mediator.initiateWithdrawal(address(weth), MINE, bob, deepProof(MINE));
        SignedOrder[] memory orders = new SignedOrder[](count);
        for (uint64 i = 0; i < count; ++i) {
            orders[i] = bobSells(2, i, UNIT);
        }
        SNAPSHOTS.cool(address(mediator));
        vm.prank(operator);
        mediator.cancelWithdrawal(bob, address(weth), orders);
        keep(name);
    }

    function test_gas_dispute0() public {
        disputeOver(0, "0 fills");
    }

    function test_gas_dispute1() public {
        disputeOver(1, "1 fill");
    }

    function test_gas_dispute10() public {
        disputeOver(10, "10 fills");
    }

    function test_gas_dispute50() public {
        disputeOver(50, "50 fills");
    }

    /// @dev The most fills that the protocol's limit of one transaction is stated for.
    function test_gas_openDisputeAtTheLimit() public {
        disputeOpened(256, "openDispute, 256 fills");
        assertTrue(lastGas < 2 ** 24, "one transaction");
    }

    function disputeOpened(uint64 count, string memory name)
        private
        returns (SignedOrder[] memory orders)
    {
        deposit(bob, weth, MINE);
        deepCommit(1, MINE, 0);
        orders = new SignedOrder[](count);
        PresentedFill[] memory fills = new PresentedFill[](count);
        for (uint64 i = 0; i < count; ++i) {
            orders[i] = bobSells(1, i, UNIT);
            fills[i] = signFill(OPERATOR_KEY, orders[i], UNIT, 2 * UNIT);
        }
        sort(fills);
        // Whoever bought is left out: the totals are those of Bob and an unnamed neighbour.
        deposit(ada, usdc, 2 * UNIT * (count + 1));
        deepCommit(2, MINE, 2 * UNIT * (count + 1));
        BalanceProof[] memory proofs = new BalanceProof[](2);
        (proofs[0], proofs[1]) = (deepProof(MINE), deepProof(0));
        SNAPSHOTS.cool(address(mediator));
        vm.prank(bob);
        mediator.openDispute(bob, proofs, byDeposit(weth, 0), fills, noDelegation());
        keep(name);
    }

    function disputeOver(uint64 count, string memory name) private {
        SignedOrder[] memory orders = disputeOpened(count, string.concat("openDispute, ", name));
        if (count == 0) return;
        Execution[] memory executions = new Execution[](count);
        for (uint64 i = 0; i < count; ++i) {
            executions[i] = Execution(orders[i], UNIT, 2 * UNIT);
        }
        SNAPSHOTS.cool(address(mediator));
        vm.prank(operator);
        mediator.proveExecutions(bob, 2, false, executions);
        keep(string.concat("proveExecutions, ", name));
    }

    function sort(PresentedFill[] memory fills) private pure {
        for (uint256 i = 1; i < fills.length; ++i) {
            PresentedFill memory one = fills[i];
            uint256 j = i;
            for (; j > 0 && fills[j - 1].orderHash > one.orderHash; --j) {
                fills[j] = fills[j - 1];
            }
            fills[j] = one;
        }
    }

    function test_gas_turns() public {
        for (uint256 count = 10; count <= 80; count += 70) {
            turnsOf(count);
        }
    }

    function turnsOf(uint256 count) private {
        // Not block.number: the optimizer takes it for a constant of the transaction.
        uint256 from = 10_000 * count;
        vm.roll(from);
        RoundRobinOperatorManager turns = new RoundRobinOperatorManager(address(this), 10, 10);
        turns.setMaintenance(true);
        for (uint160 i = 0; i < count; ++i) {
            turns.addOperator("x", address(0x2000 + i), "y");
        }
        turns.setMaintenance(false);
        string memory of_ = count == 10 ? ", 10 operators" : ", 80 operators";
        claimAt(turns, address(0x2000), string.concat("claim, first ever", of_));
        vm.roll(from + 10);
        claimAt(turns, address(0x2000), string.concat("claim, steady", of_));
        claimAt(turns, address(0x2000), string.concat("claim, repeated", of_));
        SNAPSHOTS.cool(address(turns));
        turns.operator();
        SNAPSHOTS.snapshotGasLastCall("RoundRobin", string.concat("operator, claimed", of_));
        vm.roll(from + 90);
        SNAPSHOTS.cool(address(turns));
        turns.operator();
        SNAPSHOTS.snapshotGasLastCall("RoundRobin", string.concat("operator, fallback", of_));
    }

    function claimAt(RoundRobinOperatorManager turns, address by, string memory name) private {
        SNAPSHOTS.cool(address(turns));
        vm.prank(by);
        turns.claim();
        SNAPSHOTS.snapshotGasLastCall("RoundRobin", name);
    }
}
