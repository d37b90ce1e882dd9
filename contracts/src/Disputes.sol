// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IMediator} from "./interfaces/IMediator.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {Messages} from "./libraries/Messages.sol";
import {OrderRule} from "./libraries/OrderRule.sol";
import {StatementRule} from "./libraries/StatementRule.sol";
import {MediatorState} from "./MediatorState.sol";
import {Statements} from "./Statements.sol";
import {BlockNumber} from "./types/BlockNumber.sol";
import {Round} from "./types/Round.sol";
import {
    Accumulation,
    BalanceProof,
    Delegation,
    DepositRef,
    Dispute,
    DisputeAnswer,
    Execution,
    Flow,
    PresentedFill,
    SignedOrder,
    Statement,
    Withdrawal
} from "./types/Types.sol";

/// @title The Mediator's code for disputes and statements, deployed by its constructor
/// @notice The Mediator passes these calls on as they came, by delegatecall: storage, sender, bond
/// and events are its own. Called at its own address this contract has no tokens, no deposits and
/// no commits, so nobody has standing there, and it takes nothing.
contract Disputes is Statements, IDisputes {
    using StatementRule for Statement;

    /// @dev A dispute is answered in the quarter in which it was opened or in the next one.
    uint64 private constant ANSWER_QUARTERS = 2;

    /// @dev What a call that accounts for executions works on.
    struct Account {
        address client;
        /// The round in which the dispute was opened; its orders are of the one before.
        Round round;
        bytes32 disputeKey;
        bytes32 domain;
        Accumulation acc;
        /// What the executions at hand change, by token's place.
        int256[] changes;
    }

    constructor(
        IOperatorManager manager_,
        uint64 roundSize_,
        uint256 disputeBond_,
        uint256 withdrawalBond_
    ) MediatorState(manager_, roundSize_, disputeBond_, withdrawalBond_) {}

    // ------------------------------------------------------------------ opening

    /// @inheritdoc IDisputes
    function openDispute(
        address client,
        BalanceProof[] calldata proofs,
        DepositRef calldata depositRef,
        PresentedFill[] calldata fills,
        Delegation calldata delegation,
        Statement[] calldata statements
    ) external payable nonReentrant notHalted {
        // Check
        Round round = _thisRound();
        if (round.isFirst()) _revertOutsideWindow();
        if (msg.sender != client) _requireDelegation(client, round, delegation);
        if (msg.value != _disputeBond) revert IMediator.WrongBond(msg.value, _disputeBond);
        Dispute storage dispute = _disputes[client][round];
        if (dispute.openedBlock != 0) revert IMediator.DisputeExists(client, round.raw());
        bytes32 openingsHash = 0;
        bool mustProveOpenings = false;
        if (proofs.length > 0) {
            openingsHash = keccak256(abi.encode(_verifyAll(client, round.minus(1), proofs)));
        } else {
            mustProveOpenings = _standingByDeposit(client, round, depositRef);
        }

        // Effect
        dispute.openedBlock = _thisBlock().raw();
        dispute.presented = uint32(fills.length);
        dispute.open = true;
        dispute.mustProveOpenings = mustProveOpenings;
        if (openingsHash != 0) dispute.openingsHash = openingsHash;
        if (msg.sender != client) dispute.delegate = msg.sender;
        _storeFills(client, round, fills);
        if (statements.length != 0) {
            dispute.bound = true;
            _bind(client, address(0), round, round.minus(1), statements);
        }
        _countOpened(round);
        emit IMediator.DisputeOpened(
            client,
            round.raw(),
            msg.sender,
            openingsHash != 0,
            mustProveOpenings,
            uint32(fills.length)
        );
    }

    /// @dev By the client's own key first: its account may have code (EIP-7702) that knows no
    /// ERC-1271 and still be that key's.
    function _requireDelegation(address client, Round round, Delegation calldata delegation)
        private
        view
    {
        bytes32 structHash = Messages.hashDelegation(client, msg.sender, delegation.untilRound);
        bytes32 digest = _hashTypedDataV4(structHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, delegation.signature);
        bool signed = (recovered == client && client != address(0))
            || SignatureChecker.isValidSignatureNowCalldata(client, digest, delegation.signature);
        if (!signed || round.raw() > delegation.untilRound) {
            revert IMediator.NotDelegated(client, msg.sender);
        }
    }

    /// @dev Whether the operator must prove the openings: where the deposit is older than the
    /// disputed round, the client had a leaf at its opening.
    function _standingByDeposit(address client, Round round, DepositRef calldata ref)
        private
        view
        returns (bool mustProveOpenings)
    {
        Round deposited = Round.wrap(ref.round);
        Flow storage flow = _clientFlows[client][ref.token][deposited];
        if (round <= deposited || flow.deposits == 0) revert IMediator.NoStanding(client);
        return deposited.plus(1) < round;
    }

    function _storeFills(address client, Round round, PresentedFill[] calldata fills) private {
        if (fills.length == 0) return;
        bytes32 domain = _domainSeparatorV4();
        bytes32 disputeKey = _disputeKey(client, round);
        Round disputed = round.minus(1);
        BlockNumber from = _firstBlock(disputed);
        BlockNumber to = from.plus(_roundSize - 1);
        bytes32 previous = 0;
        address known = address(0);
        for (uint256 i = 0; i < fills.length; ++i) {
            PresentedFill calldata fill = fills[i];
            if (fill.orderHash <= previous) revert IMediator.FillNotAscending(fill.orderHash);
            previous = fill.orderHash;
            // Zero would read as an order for which nothing was presented.
            if (fill.sold == 0 || fill.bought == 0) revert IMediator.EmptyFill(fill.orderHash);
            bytes32 structHash = Messages.hashFill(client, disputed.raw(), fill);
            address signer = Messages.signer(domain, structHash, fill.signature);
            if (signer != known || signer == address(0)) {
                if (signer == address(0) || !_manager.wasOperator(signer, from.raw(), to.raw())) {
                    revert IMediator.FillNotSigned(fill.orderHash, signer);
                }
                known = signer;
            }
            _presented[_fillKey(disputeKey, fill.orderHash)] =
                uint256(fill.sold) << 128 | fill.bought;
        }
    }

    // ------------------------------------------------------------------ accounting

    /// @inheritdoc IDisputes
    function proveExecutions(
        address client,
        uint64 round_,
        bool restart,
        Execution[] calldata executions,
        Statement[] calldata statements
    ) external nonReentrant notHalted {
        // Check
        Round round = Round.wrap(round_);
        _requireClosable(client, round);
        bytes32 key =
            _accumulationKey(client, round, msg.sender, _statementOf(client, round, statements));
        Accumulation memory acc = _accumulations[key];
        if (restart) acc = Accumulation(acc.attempt + 1, 0, 0, 0);
        int256[] memory changes = _accumulate(client, round, acc, executions, statements);

        // Effect
        _accumulations[key] = acc;
        mapping(uint256 => int256) storage stored = _changes[_changesKey(key, acc.attempt)];
        for (uint256 place = 0; place < changes.length; ++place) {
            if (changes[place] != 0) stored[place] += changes[place];
        }
        emit IMediator.ExecutionsProven(client, round_, msg.sender, acc.orders, acc.lastId);
    }

    /// @dev What `executions` change. Reverts unless they go on where `acc` is; moves that on.
    function _accumulate(
        address client,
        Round round,
        Accumulation memory acc,
        Execution[] calldata executions,
        Statement[] calldata statements
    ) private view returns (int256[] memory changes) {
        changes = new int256[](_setSize(round));
        if (executions.length == 0) return changes;
        Account memory account = Account(
            client, round, _disputeKey(client, round), _domainSeparatorV4(), acc, changes
        );
        for (uint256 i = 0; i < executions.length; ++i) {
            _count(account, executions[i], statements);
        }
    }

    /// @dev Struct hash of the statement that the client signed about the disputed round, zero if
    /// there is none.
    function _statementOf(address client, Round round, Statement[] calldata statements)
        private
        view
        returns (bytes32)
    {
        if (statements.length == 0) return 0;
        // Of one round, so that a second one is refused.
        for (uint256 i = 0; i < statements.length; ++i) {
            _requireStatement(statements, i, round.minus(1), round.minus(1));
        }
        return _requireClientSigned(client, statements[0]);
    }

    function _count(
        Account memory account,
        Execution calldata execution,
        Statement[] calldata statements
    ) private view {
        SignedOrder calldata order = execution.order;
        Accumulation memory acc = account.acc;
        bool ascending = acc.orders == 0 || order.id > acc.lastId;
        // No dispute is of round 0, and nobody pays for 2^32 orders, of less than 2^128 each.
        unchecked {
            if (order.round != account.round.raw() - 1 || !ascending) {
                revert IMediator.WrongOrder(order.round, order.id);
            }
            acc.lastId = order.id;
            ++acc.orders;
            if (statements.length != 0 && statements[0].covers(order.id)) {
                _requirePresented(account, order);
                ++acc.covered;
                return;
            }
            if (_checkExecution(account, execution)) ++acc.covered;
            int256[] memory changes = account.changes;
            changes[_placeOf(order.sellToken, account.round)] -= int256(uint256(execution.sold));
            changes[_placeOf(order.buyToken, account.round)] += int256(uint256(execution.bought));
        }
    }

    /// @dev The hash of a presented fill is the order's, id and all: nobody need have signed it here.
    function _requirePresented(Account memory account, SignedOrder calldata order) private view {
        bytes32 orderHash = Messages.hashOrder(account.client, order);
        if (_presented[_fillKey(account.disputeKey, orderHash)] == 0) {
            revert IMediator.WrongOrder(order.round, order.id);
        }
    }

    /// @dev Reverts unless the client's order allows the execution, and unless it covers the fill
    /// that the client presented for this order; says whether there was one.
    function _checkExecution(Account memory account, Execution calldata execution)
        private
        view
        returns (bool covers)
    {
        OrderRule.requireValid(execution.order);
        bytes32 orderHash = _requireOrderSigner(account.domain, account.client, execution.order);
        OrderRule.requireWithin(execution.order, execution.sold, execution.bought);
        uint256 presented = _presented[_fillKey(account.disputeKey, orderHash)];
        if (presented == 0) return false;
        OrderRule.requireAdvance(
            execution.order,
            uint128(presented >> 128),
            uint128(presented),
            execution.sold,
            execution.bought
        );
        return true;
    }

    function _placeOf(address token, Round round) private view returns (uint256) {
        Token storage token_ = _token[token];
        if (!token_.listed || round <= token_.listedRound) {
            revert IMediator.TokenNotInRound(token, round.raw());
        }
        return token_.place;
    }

    // ------------------------------------------------------------------ closing

    /// @inheritdoc IDisputes
    function closeDispute(address client, uint64 round_, DisputeAnswer calldata answer)
        external
        nonReentrant
        notHalted
    {
        // Check
        Round round = Round.wrap(round_);
        Dispute storage dispute = _disputes[client][round];
        _requireClosable(client, round);
        bytes32 key = _accumulationKey(
            client, round, msg.sender, _statementOf(client, round, answer.statements)
        );
        _requireCovered(
            _coverKey(client, address(0), round), dispute.bound, answer.statements, answer.covers
        );
        Accumulation memory acc = _accumulations[key];
        bool isFirst = acc.orders == 0;
        int256[] memory changes =
            _accumulate(client, round, acc, answer.executions, answer.statements);
        if (answer.statements.length != 0) _addSums(changes, round, answer.statements[0]);
        if (acc.covered != dispute.presented) {
            revert IMediator.FillsNotCovered(acc.covered, dispute.presented);
        }
        uint128[] memory before = _openings(client, round, dispute, answer);
        uint128[] memory proven = _verifyAll(client, round, answer.closings);
        mapping(uint256 => int256) storage stored = _changes[_changesKey(key, acc.attempt)];
        for (uint256 i = 0; i < proven.length; ++i) {
            address token = _tokens[i].token;
            Flow memory flow = _clientFlows[client][token][round.minus(1)];
            int256 expected =
                changes[i] + int256(uint256(flow.deposits)) - int256(uint256(flow.requested));
            if (!isFirst) expected += stored[i];
            if (i < before.length) expected += int256(uint256(before[i]));
            if (expected != int256(uint256(proven[i]))) {
                revert IMediator.BalanceMismatch(token, expected, proven[i]);
            }
        }

        // Effect
        dispute.open = false;
        _countClosed(round);
        _creditBond(msg.sender, _disputeBond);
        emit IMediator.DisputeClosed(client, round_, msg.sender, answer.closings);
    }

    function _addSums(int256[] memory changes, Round round, Statement calldata statement)
        private
        view
    {
        for (uint256 i = 0; i < statement.tokens.length; ++i) {
            changes[_placeOf(statement.tokens[i], round)] += int256(uint256(statement.bought[i]))
                - int256(uint256(statement.sold[i]));
        }
    }

    /// @dev The client's balances at the opening of the disputed round; empty means all zero.
    function _openings(
        address client,
        Round round,
        Dispute storage dispute,
        DisputeAnswer calldata answer
    ) private view returns (uint128[] memory) {
        bytes32 presented = dispute.openingsHash;
        if (presented != 0) {
            bool same = answer.openings.length == 0
                && keccak256(abi.encode(answer.openingBalances)) == presented;
            if (!same) revert IMediator.WrongOpenings();
            return answer.openingBalances;
        }
        if (answer.openingBalances.length != 0) revert IMediator.WrongOpenings();
        if (answer.openings.length == 0 && !dispute.mustProveOpenings) return new uint128[](0);
        return _verifyAll(client, round.minus(1), answer.openings);
    }

    /// @dev Reverts unless the dispute is open, this is the quarter in which it was opened or the
    /// next, and the caller may act.
    function _requireClosable(address client, Round round) private view {
        Dispute storage dispute = _disputes[client][round];
        if (!dispute.open) revert IMediator.NoOpenDispute(client, round.raw());
        uint64 quarterOpened =
            BlockNumber.wrap(dispute.openedBlock).since(_genesisBlock) / _quarterSize;
        BlockNumber windowEnd =
            _genesisBlock.plus((quarterOpened + ANSWER_QUARTERS) * _quarterSize);
        if (_thisBlock() >= windowEnd) _revertOutsideWindow();
        _requireOperator(windowEnd);
    }

    // ------------------------------------------------------------------ bonds at a halt

    /// @inheritdoc IDisputes
    function refundBond(address client, uint64 round) external nonReentrant {
        _requireHalted();
        Dispute storage dispute = _disputes[client][Round.wrap(round)];
        if (!dispute.open) revert IMediator.NoOpenDispute(client, round);
        address payer = dispute.delegate == address(0) ? client : dispute.delegate;
        dispute.open = false;
        emit IMediator.BondRefunded(client, round, _disputeBond);
        _pay(payer, _disputeBond);
    }

    // ------------------------------------------------------------------ bonds

    /// @dev See `IMediator`.
    function claimBonds(address to) external nonReentrant {
        uint256 amount = _claimableBonds[msg.sender];
        if (amount == 0) revert IMediator.NothingToClaim(msg.sender);
        _claimableBonds[msg.sender] = 0;
        emit IMediator.BondsClaimed(msg.sender, to, amount);
        _pay(to, amount);
    }

    /// @dev See `IMediator`.
    function refundWithdrawalBond(address client, address token) external nonReentrant {
        // Check
        Round halt = _requireHalted();
        Withdrawal memory request = _withdrawals[client][token];
        if (request.amount == 0) revert IMediator.NoWithdrawal(client, token);
        if (request.round + PAYABLE_AFTER_IN_QUARTER_0 <= halt.raw()) {
            revert IMediator.WithdrawalStillPayable(client, token);
        }

        // Effect: the halt made it void, its money is in what the client recovers.
        delete _withdrawals[client][token];
        emit IMediator.WithdrawalVoided(client, token, request.round, request.amount);

        // Interact
        _returnBond(client, _withdrawalBond);
    }

    function _changesKey(bytes32 key, uint64 attempt) private pure returns (bytes32) {
        return keccak256(abi.encode(key, attempt));
    }
}
