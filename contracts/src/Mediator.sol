// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Disputes} from "./Disputes.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {Messages} from "./libraries/Messages.sol";
import {OrderRule} from "./libraries/OrderRule.sol";
import {SumTree} from "./libraries/SumTree.sol";
import {MediatorState} from "./MediatorState.sol";
import {MediatorViews} from "./MediatorViews.sol";
import {BlockNumber} from "./types/BlockNumber.sol";
import {Round} from "./types/Round.sol";
import {
    BalanceProof,
    Cover,
    Delegation,
    DepositRef,
    DisputeAnswer,
    Execution,
    Flow,
    PresentedFill,
    Recovery,
    Root,
    Signature,
    SignedOrder,
    Statement,
    Withdrawal
} from "./types/Types.sol";

/// @title Mediator
/// @notice See `IMediator`, which holds all prose. Disputes, statements and unpaid bonds are in
/// `Disputes`, views in `MediatorViews`, storage in `MediatorState`, time and the halt in
/// `RoundClock`.
contract Mediator is MediatorViews, Ownable2Step {
    using SafeERC20 for IERC20;
    using SumTree for bytes32;
    using Checkpoints for Checkpoints.Trace160;

    uint256 private constant MAX_TOKENS = 32;
    /// @dev Keeps proofs, and with them the answers to disputes, at 32 siblings.
    uint64 private constant MAX_LEAVES = 2 ** 32;
    /// @dev What is recovered is the opening of so many rounds before the halt.
    uint64 private constant RECOVERY_AGE = 2;

    address public immutable disputes;

    constructor(
        IOperatorManager manager_,
        uint64 roundSize_,
        uint256 disputeBond_,
        uint256 withdrawalBond_,
        address owner_
    ) Ownable(owner_) MediatorState(manager_, roundSize_, disputeBond_, withdrawalBond_) {
        disputes =
            address(new Disputes(manager_, roundSize_, disputeBond_, withdrawalBond_));
    }

    // ------------------------------------------------------------------ listing and keys

    function listToken(address token) external onlyOwner notHalted {
        // Check
        uint256 count = _duties.tokens;
        if (token.code.length == 0) revert NotAContract(token);
        if (_token[token].listed) revert TokenAlreadyListed(token);
        if (count == MAX_TOKENS) revert TooManyTokens(MAX_TOKENS);

        // Effect
        Round round = _thisRound();
        // Without tokens nothing is owed: the rounds up to the first listing count as committed.
        if (count == 0) _duties.committedRound = round;
        _duties.tokens = uint8(count + 1);
        _tokens.push(ListedToken(token, round));
        _token[token] = Token({total: 0, listedRound: round, place: uint8(count), listed: true});
        emit TokenListed(token, round.raw());
    }

    function setTradingKey(address key) external notHalted {
        uint64 fromRound = _thisRound().plus(1).raw();
        _tradingKeys[msg.sender].push(fromRound, uint160(key));
        emit TradingKeySet(msg.sender, fromRound, key);
    }

    // ------------------------------------------------------------------ deposits

    function deposit(address token, uint128 amount) external nonReentrant notHalted {
        _deposit(token, amount);
    }

    function depositWithPermit(
        address token,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant notHalted {
        if (!_token[token].listed) revert TokenNotListed(token);
        // Whoever sees the permit can send it first: then it fails here and the allowance stands.
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        _deposit(token, amount);
    }

    function _deposit(address token, uint128 amount) private {
        // Check
        if (!_token[token].listed) revert TokenNotListed(token);

        // Interact first: only what arrived counts, and nobody can reenter meanwhile.
        uint256 held = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 holds = IERC20(token).balanceOf(address(this));
        if (holds <= held) revert ZeroAmount();
        Round round = _thisRound();
        Flow storage flow = _flows[token][round];
        uint128 credited;
        // Three sums below 2^128 each. Before round 0 nothing was deposited, and in round 2^64 - 1
        // nothing ever is.
        unchecked {
            uint256 arrived = holds - held;
            Flow storage flowBefore = _flows[token][Round.wrap(round.raw() - 1)];
            // All that the next commit's total can be, whatever the token says of what it holds: a
            // total that no tree has would halt the exchange.
            uint256 most =
                arrived + _token[token].total + flow.deposits + flowBefore.deposits;
            if ((arrived | most) > type(uint128).max) revert TotalTooLarge(token);
            credited = uint128(arrived);
        }

        // Effect
        flow.deposits += credited;
        _clientFlows[msg.sender][token][round].deposits += credited;
        emit Deposited(msg.sender, token, round.raw(), credited);
    }

    // ------------------------------------------------------------------ withdrawals

    function initiateWithdrawal(
        address token,
        uint128 amount,
        address recipient,
        BalanceProof calldata proof,
        Statement[] calldata statements
    ) external payable nonReentrant notHalted {
        // Check
        Round round = _thisRound();
        if (msg.value != _withdrawalBond) revert WrongBond(msg.value, _withdrawalBond);
        if (amount == 0) revert ZeroAmount();
        _requireRecipient(token, recipient);
        Withdrawal storage request = _withdrawals[msg.sender][token];
        if (request.amount != 0) revert WithdrawalActive(msg.sender, token);
        if (round.isFirst()) _revertOutsideWindow();
        Round proven = round.minus(1);
        bytes32 committed = _commitments[token][proven];
        if (committed == 0) revert NotCommitted(token, proven.raw());
        committed.verify(msg.sender, proof);
        if (amount > proof.balance) revert AmountExceedsOpening(amount, proof.balance);

        // Effect
        request.recipient = recipient;
        request.round = round.raw();
        request.bound = statements.length != 0;
        request.amount = amount;
        request.opening = proof.balance;
        _flows[token][round].requested += amount;
        _clientFlows[msg.sender][token][round].requested += amount;
        emit WithdrawalInitiated(msg.sender, token, round.raw(), amount, proof.balance, recipient);
        if (statements.length != 0) _statementsInDisputes();
    }

    function redirectWithdrawal(address token, address recipient) external nonReentrant {
        // Check
        Withdrawal storage request = _withdrawals[msg.sender][token];
        _requirePayable(msg.sender, token, request.amount, request.round);
        _requireRecipient(token, recipient);

        // Effect
        request.recipient = recipient;
        emit WithdrawalRedirected(msg.sender, token, request.round, recipient);
    }

    /// @dev Neither the Mediator nor, as many tokens refuse that, the token itself.
    function _requireRecipient(address token, address recipient) private view {
        bool bad = recipient == address(0) || recipient == address(this) || recipient == token;
        if (bad) revert BadRecipient(recipient);
    }

    function cancelWithdrawal(
        address client,
        address token,
        SignedOrder[] calldata orders,
        Statement[] calldata statements,
        Cover[] calldata covers
    ) external nonReentrant notHalted {
        // Check
        Withdrawal memory request = _withdrawals[client][token];
        if (request.amount == 0) revert NoWithdrawal(client, token);
        Round round = Round.wrap(request.round);
        BlockNumber deadline = _commitDeadline(round.plus(1));
        if (_thisBlock() >= deadline) _revertOutsideWindow();
        if (_commitments[token][round.plus(1)] != 0) {
            revert AlreadyCommitted(token, request.round + 1);
        }
        _requireOperator(deadline);
        // Each of these amounts is below 2^128, and no transaction holds 2^100 of them.
        int256 claimed =
            int256(request.amount + _sumOfSales(client, token, request.round, orders));
        if (request.bound || statements.length != 0 || covers.length != 0) {
            claimed += _statementsInDisputes();
        }
        if (claimed <= int256(uint256(request.opening))) {
            revert NotOverdrawn(claimed, request.opening);
        }

        // Effect
        delete _withdrawals[client][token];
        _flows[token][round].requested -= request.amount;
        _clientFlows[client][token][round].requested -= request.amount;
        _creditBond(msg.sender, _withdrawalBond);
        emit WithdrawalCancelled(client, token, request.round, request.amount);
    }

    /// @dev Sum of what distinct orders of `client`, valid in `round` or the one before, sell.
    function _sumOfSales(
        address client,
        address token,
        uint64 round,
        SignedOrder[] calldata orders
    ) private view returns (uint256 sum) {
        bytes32 domain = _domainSeparatorV4();
        uint256 previous = 0;
        for (uint256 i = 0; i < orders.length; ++i) {
            SignedOrder calldata order = orders[i];
            // One more than the id, so that the first order may have round and id zero.
            uint256 key = (uint256(order.round) << 64 | order.id) + 1;
            bool valid = (order.round == round || order.round == round - 1)
                && order.sellToken == token && key > previous;
            if (!valid) revert WrongOrder(order.round, order.id);
            previous = key;
            OrderRule.requireValid(order);
            _requireOrderSigner(domain, client, order);
            sum += order.sellAmount;
        }
    }

    /// @dev The same call in the code of `Disputes`, which does its part about statements, and what it
    /// answers.
    function _statementsInDisputes() private returns (int256 claimed) {
        address code = disputes;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), code, free, calldatasize(), 0, 0x20)
            if iszero(done) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            claimed := mload(0)
        }
    }

    function confirmWithdrawal(address client, address token) external nonReentrant {
        // Check
        Withdrawal memory request = _withdrawals[client][token];
        _requirePayable(client, token, request.amount, request.round);

        // Effect
        delete _withdrawals[client][token];
        emit WithdrawalConfirmed(client, token, request.round, request.amount, request.recipient);

        // Interact
        IERC20(token).safeTransfer(request.recipient, request.amount);
        _returnBond(client, _withdrawalBond);
    }

    function _requirePayable(address client, address token, uint128 amount, uint64 requested)
        private
        view
    {
        if (amount == 0) revert NoWithdrawal(client, token);
        (Round round, uint64 quarter, bool isHalted) = _now();
        uint64 age = isHalted || quarter == 0 ? PAYABLE_AFTER_IN_QUARTER_0 : PAYABLE_AFTER;
        if (requested + age > round.raw()) revert WithdrawalNotDue(requested, round.raw());
    }

    // ------------------------------------------------------------------ commit

    function commit(Root[] calldata roots, Signature[] calldata attestations)
        external
        nonReentrant
        notHalted
    {
        // Check
        Round round = _thisRound();
        if (round.isFirst() || _quarterAt(_thisBlock()) != 0) _revertOutsideWindow();
        _requireOperator(_commitDeadline(round));
        if (roots.length == 0) revert NoRoots();
        _requireQuorum(round, roots, attestations);

        // Effect
        for (uint256 i = 0; i < roots.length; ++i) {
            _commitToken(round, roots[i]);
        }
        _countCommitted(round, roots.length);
    }

    function _commitToken(Round round, Root calldata root) private {
        Token storage token = _token[root.token];
        if (!token.listed || round <= token.listedRound) {
            revert TokenNotInRound(root.token, round.raw());
        }
        if (_commitments[root.token][round] != 0) {
            revert AlreadyCommitted(root.token, round.raw());
        }
        if (root.leafCount > MAX_LEAVES) revert TooManyLeaves(root.leafCount, MAX_LEAVES);
        Flow memory flow = _flows[root.token][round.minus(1)];
        uint256 expected = uint256(token.total) + flow.deposits - flow.requested;
        if (root.total != expected) revert WrongTotal(root.token, root.total, expected);

        token.total = root.total;
        _commitments[root.token][round] =
            SumTree.commitment(root.node, root.total, root.leafCount);
        emit Committed(round.raw(), root.token, root.node, root.total, root.leafCount);
    }

    function _requireQuorum(Round round, Root[] calldata roots, Signature[] calldata attestations)
        private
        view
    {
        uint256 needed = _manager.commitQuorum();
        if (needed <= 1) return;
        // The sender is one of them.
        if (attestations.length + 1 < needed) {
            revert QuorumMissed(attestations.length + 1, needed);
        }
        bytes32 structHash = Messages.hashCommit(round.raw(), roots);
        bytes32 domain = _domainSeparatorV4();
        address previous = address(0);
        for (uint256 i = 0; i < attestations.length; ++i) {
            address signer = Messages.signer(domain, structHash, attestations[i]);
            if (signer <= previous || signer == msg.sender || !_manager.isRegistered(signer)) {
                revert BadAttestation(signer);
            }
            previous = signer;
        }
    }

    // ------------------------------------------------------------------ disputes

    /// @inheritdoc IDisputes
    function openDispute(
        address client,
        BalanceProof[] calldata proofs,
        DepositRef calldata depositRef,
        PresentedFill[] calldata fills,
        Delegation calldata delegation,
        Statement[] calldata statements
    ) external payable {
        // Named for whoever reads the ABI.
        (client, proofs, depositRef, fills, delegation, statements);
        _inDisputes();
    }

    /// @inheritdoc IDisputes
    function proveExecutions(
        address client,
        uint64 round,
        bool restart,
        Execution[] calldata executions,
        Statement[] calldata statements
    ) external {
        (client, round, restart, executions, statements);
        _inDisputes();
    }

    /// @inheritdoc IDisputes
    function closeDispute(address client, uint64 round, DisputeAnswer calldata answer) external {
        (client, round, answer);
        _inDisputes();
    }

    /// @inheritdoc IDisputes
    function refundBond(address client, uint64 round) external {
        (client, round);
        _inDisputes();
    }

    /// @dev The call as it came, in the code of `Disputes`; ends the call with its answer.
    function _inDisputes() private {
        address code = disputes;
        // Memory is nobody's any more: nothing of this contract runs after this.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    // ------------------------------------------------------------------ recovery

    function recoverBalance(address client, address token, BalanceProof calldata proof)
        external
        nonReentrant
    {
        // Check
        uint64 halt = _requireHalted().raw();
        Round proven = Round.wrap(halt < RECOVERY_AGE ? 0 : halt - RECOVERY_AGE);
        bytes32 committed = halt < RECOVERY_AGE ? bytes32(0) : _commitments[token][proven];
        if (committed == 0) revert NotCommitted(token, proven.raw());
        committed.verify(client, proof);
        if (proof.balance == 0) revert NothingToRecover(client, token);
        // Where a dishonest tree has two leaves of one client, whoever shows the smaller one first
        // must not cost the client the other: the larger one is paid in all.
        Recovery storage recovery = _recovered[client][token];
        if (proof.balance <= recovery.balance) revert AlreadyRecovered(client, token);
        uint128 amount = proof.balance - recovery.balance;

        // Effect
        recovery.balance = proof.balance;
        emit BalanceRecovered(client, token, amount);

        // Interact
        IERC20(token).safeTransfer(client, amount);
    }

    function recoverDeposits(address client, address token) external nonReentrant {
        // Check
        uint64 halt = _requireHalted().raw();
        uint128 amount = 0;
        for (uint64 round = halt < RECOVERY_AGE ? 0 : halt - RECOVERY_AGE; round <= halt; ++round) {
            amount += _clientFlows[client][token][Round.wrap(round)].deposits;
        }
        if (amount == 0) revert NothingToRecover(client, token);
        if (_recovered[client][token].deposits) revert AlreadyRecovered(client, token);

        // Effect
        _recovered[client][token].deposits = true;
        emit DepositsRecovered(client, token, amount);

        // Interact
        IERC20(token).safeTransfer(client, amount);
    }

    // ------------------------------------------------------------------ bonds

    function claimBonds(address to) external {
        (to);
        _inDisputes();
    }

    function refundWithdrawalBond(address client, address token) external {
        (client, token);
        _inDisputes();
    }

    // ------------------------------------------------------------------ ownership

    /// @notice Disabled: an exchange that nobody can list tokens for is a mistake.
    /// @dev Reverts with `RenouncingDisabled` for everybody.
    function renounceOwnership() public pure override {
        revert RenouncingDisabled();
    }
}
