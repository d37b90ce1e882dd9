// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    BalanceProof,
    Delegation,
    DepositRef,
    DisputeAnswer,
    Execution,
    PresentedFill,
    Statement
} from "../types/Types.sol";

/// @title What opens and closes disputes
/// @notice Part of `IMediator`, where events and errors stand. Rules: docs/protocol.md section 6.
interface IDisputes {
    /// @notice Makes the operator account for `client`'s previous round: opening, deposits,
    /// executions and withdrawals must add up to a balance proven in this round's tree.
    /// Standing: either `proofs`, one per token of the previous round's set, or a deposit of any
    /// earlier round, named in `depositRef`. `fills`: operator-signed fills of the previous round
    /// that the answer must cover, strictly ascending by order hash. `delegation` is read only when
    /// the caller is not the client. Amounts in base units; the bond in wei comes with the call, and
    /// is the caller's: at a halt whoever paid it gets it back.
    /// Warning: name the client's oldest deposit. With one of the disputed round itself, and no
    /// proofs, the operator may take the openings for zero.
    /// Warning: this is the client's only dispute of the round, whoever opens it; a delegate that
    /// leaves fills or proofs out has spent it.
    /// @dev Round >= 1, not HALTED, once per client and round, with exactly the bond. Section 6.
    /// Reverts with `Halted`, `OutsideWindow`, `NotDelegated`, `WrongBond`, `DisputeExists`,
    /// `ProofCount`, `InvalidProof`, `NoStanding`, `FillNotAscending`, `EmptyFill`,
    /// `FillNotSigned`; `WrongStatement`, `StatementNotSigned`.
    /// `statements`: at most one, of the previous round, countersigned by an operator. Fills of orders
    /// that it covers need not be presented. Section 10.
    function openDispute(
        address client,
        BalanceProof[] calldata proofs,
        DepositRef calldata depositRef,
        PresentedFill[] calldata fills,
        Delegation calldata delegation,
        Statement[] calldata statements
    ) external payable;

    /// @notice Accounts for executions of the client in the disputed round where `closeDispute` has
    /// no room for them all, in as many calls as it takes: orders strictly ascending by id across
    /// calls. Each sender has an accumulation of its own; `restart` begins it anew.
    /// @dev Operator, while the dispute is open and may be closed. Section 6. Reverts with
    /// `Halted`, `NoOpenDispute`, `OutsideWindow`, `NotOperator`, `WrongOrder`, `TokenNotInRound`,
    /// `WrongSigner`, `ExecutionOutsideOrder`, `StaleExecution`; `WrongStatement`, `StatementNotSigned`.
    /// `statements`: the one, if any, that the dispute is to be closed with. An order that it covers
    /// is shown only where the client presented a fill of it, and needs no signature; what it sold
    /// and bought is in the statement. Section 10.
    function proveExecutions(
        address client,
        uint64 round,
        bool restart,
        Execution[] calldata executions,
        Statement[] calldata statements
    ) external;

    /// @notice Closes the dispute that `client` opened in `round`.
    /// @dev Operator, after the round's commit, no later than the quarter after the one in which
    /// the dispute was opened. The bond goes to the sender. Section 6. Reverts with `Halted`,
    /// `NoOpenDispute`, `OutsideWindow`, `NotOperator`, those of `proveExecutions` about executions,
    /// `FillsNotCovered`, `NotCommitted`, `ProofCount`, `WrongOpenings`, `InvalidProof`,
    /// `BalanceMismatch`; `WrongCovers`, `NotCovered` and those of `proveExecutions` about
    /// statements.
    function closeDispute(address client, uint64 round, DisputeAnswer calldata answer) external;

    /// @notice Returns the bond of a dispute still open at the halt to whoever paid it, the client
    /// or its delegate.
    /// @dev Anyone, HALTED. Section 6. Reverts with `NotHalted`, `NoOpenDispute`, `TransferFailed`.
    function refundBond(address client, uint64 round) external;
}
