// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Cover,
    Delegation,
    DisputeAnswer,
    Execution,
    PresentedFill,
    Signature,
    Statement
} from "../../src/types/Types.sol";
import {MediatorTest} from "./MediatorTest.sol";

/// @title Ann, who sells to Ben by many small orders, and what both sides show of that
abstract contract StatementTest is MediatorTest {
    uint256 internal constant ANN = 0;
    uint256 internal constant BEN = 1;
    uint256 internal constant HOT_KEY = 0x407;

    function setUp() public virtual override {
        super.setUp();
        deposit(ANN, 0, 100);
        deposit(BEN, 1, 200);
        honestlyTo(1);
    }

    // ------------------------------------------------------------------ what was traded

    /// @dev `count` orders more of Ann's, each of ten for twenty; ids are from one on.
    function sell(uint128 count) internal {
        move(0, ANN, BEN, 10 * count);
        move(1, BEN, ANN, 20 * count);
    }

    /// @dev Of Ann's first `count` orders of round 1.
    function sums(uint64 count) internal view returns (Statement memory) {
        uint128 sold = 10 * uint128(count);
        return statementOf(1, count + 1, noIds(), [sold, 0], [uint128(0), 2 * sold]);
    }

    /// @dev Ann's order of round 1, as it is shown where a statement covers it.
    function shown(uint64 id) internal view returns (Execution[] memory executions) {
        executions = one(sale(ANN, 1, id, 10), 0, 0);
        executions[0].order.signature = Signature(0, 0, new bytes32[](0));
    }

    function noExecutions() internal pure returns (Execution[] memory) {
        return new Execution[](0);
    }

    /// @dev Keeps the first `count` and `fill` ascending by hash.
    function insert(PresentedFill[] memory fills, uint256 count, PresentedFill memory fill)
        internal
        pure
    {
        uint256 at = count;
        for (; at > 0 && fills[at - 1].orderHash > fill.orderHash; --at) {
            fills[at] = fills[at - 1];
        }
        fills[at] = fill;
    }

    // ------------------------------------------------------------------ calls

    function openWith(Statement[] memory statements, PresentedFill[] memory fills) internal {
        openAt(2, statements, fills);
    }

    function openAt(uint64 round, Statement[] memory statements, PresentedFill[] memory fills)
        internal
    {
        BalanceProof[] memory proofs = proofsOf(ANN, round - 1);
        vm.prank(clients[ANN]);
        mediator.openDispute(clients[ANN], proofs, noDeposit(), fills, noDelegation(), statements);
    }

    function refusedAtOpening(
        BalanceProof[] memory proofs,
        Statement[] memory statements,
        bytes4 why
    ) internal {
        vm.expectPartialRevert(why);
        vm.prank(clients[ANN]);
        mediator.openDispute(
            clients[ANN], proofs, noDeposit(), noFills(), noDelegation(), statements
        );
    }

    function proveBeside(Statement[] memory statements, Execution[] memory executions) internal {
        vm.prank(operator);
        mediator.proveExecutions(clients[ANN], 2, false, executions, statements);
    }

    /// @dev Ann's dispute of round 2, opened with proofs and `presented`.
    function closeBy(
        Statement[] memory statements,
        Statement[] memory presented,
        Execution[] memory executions
    ) internal {
        closeCovering(statements, coversOf(presented), executions);
    }

    function closeCovering(
        Statement[] memory statements,
        Cover[] memory covers,
        Execution[] memory executions
    ) internal {
        send(
            2,
            DisputeAnswer(
                executions,
                openingsOf(ANN, 1),
                new BalanceProof[](0),
                proofsOf(ANN, 2),
                statements,
                covers
            )
        );
    }

    function closeAt(
        uint64 round,
        Statement[] memory statements,
        Statement[] memory presented,
        Execution[] memory executions
    ) internal {
        DisputeAnswer memory answer;
        answer.executions = executions;
        answer.openingBalances = openingsOf(ANN, round - 1);
        answer.closings = proofsOf(ANN, round);
        (answer.statements, answer.covers) = (statements, coversOf(presented));
        send(round, answer);
    }

    function send(uint64 round, DisputeAnswer memory answer) private {
        vm.prank(operator);
        mediator.closeDispute(clients[ANN], round, answer);
    }

    function delegation(uint256 client, address delegate, uint64 untilRound)
        internal
        view
        returns (Delegation memory allowed)
    {
        Signature memory signature = sign(
            keyOf(client),
            keccak256(
                abi.encode(Messages.DELEGATION_TYPEHASH, clients[client], delegate, untilRound)
            )
        );
        uint8 v = uint256(signature.vs) >> 255 == 1 ? 28 : 27;
        bytes32 s = bytes32(uint256(signature.vs) & (type(uint256).max >> 1));
        return Delegation(untilRound, abi.encodePacked(signature.r, s, v));
    }

    // ------------------------------------------------------------------ what must come of it

    function mismatch(uint256 token, int256 expected, uint128 proven) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IMediator.BalanceMismatch.selector, address(tokens[token]), expected, proven
            )
        );
    }

    function refusesCover(uint64 round, uint64 watermark) internal {
        vm.expectRevert(abi.encodeWithSelector(IMediator.NotCovered.selector, round, watermark));
    }

    function wrongOrder(uint64 id) internal {
        vm.expectRevert(abi.encodeWithSelector(IMediator.WrongOrder.selector, uint64(1), id));
    }

    function halts() internal {
        rollTo(3, 0);
        commitNow();
        rollTo(3, 1);
        assertTrue(mediator.halted(), "nobody could close it");
    }

    function assertClosed(uint256 client) internal view {
        assertFalse(mediator.dispute(clients[client], 2).open, "closed");
    }
}
