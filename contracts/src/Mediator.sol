// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IOperatorManager} from "./interfaces/IOperatorManager.sol";
import {Messages} from "./libraries/Messages.sol";
import {RoundClock} from "./RoundClock.sol";
import {OrderRule} from "./libraries/OrderRule.sol";
import {SumTree} from "./libraries/SumTree.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    Execution,
    PresentedFill,
    Root,
    Signature,
    SignedOrder
} from "./types/Types.sol";

/// @title Mediator
/// @notice See `IMediator`, which holds all prose.
contract Mediator is RoundClock, Ownable2Step, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SumTree for bytes32;
    using Checkpoints for Checkpoints.Trace160;

    uint256 private constant MAX_TOKENS = 32;

    struct Token {
        /// A(c) of the last round c that was committed of it.
        uint128 total;
        uint64 listedRound;
        uint8 place;
        bool listed;
    }

    struct Flow {
        uint128 deposits;
        uint128 requested;
    }

    struct Request {
        address recipient;
        uint64 round;
        uint128 amount;
        uint128 opening;
    }

    struct Dispute {
        uint64 openedBlock;
        uint32 presented;
        bool open;
        bool mustProveOpenings;
        /// Hash of the opening balances that the client proved, zero if it proved none.
        bytes32 openingsHash;
    }

    struct Recovery {
        uint128 balance;
        bool deposits;
    }

    struct Accumulation {
        uint64 attempt;
        uint64 lastId;
        uint32 orders;
        uint32 covered;
    }

    /// @dev An accumulation in memory, with what the executions at hand change, by token's place.
    struct Tally {
        Accumulation acc;
        int256[] changes;
    }

    uint256 public immutable disputeBond;

    mapping(address token => Token) private _token;
    mapping(uint64 round => mapping(address token => bytes32)) public commitment;
    mapping(address token => mapping(uint64 round => Flow)) public flows;
    mapping(address client => mapping(address token => mapping(uint64 round => Flow))) public
        clientFlows;
    mapping(address client => mapping(address token => Request)) private _requests;
    mapping(address client => Checkpoints.Trace160) private _tradingKeys;
    mapping(address client => mapping(uint64 round => Dispute)) private _disputes;
    /// Presented fills, sold << 128 | bought, by dispute and order.
    mapping(bytes32 key => uint256) private _presented;
    mapping(bytes32 key => Accumulation) private _accumulations;
    /// Net change of each token's place, by accumulation and attempt.
    mapping(bytes32 key => mapping(uint256 place => int256)) private _changes;
    mapping(address client => mapping(address token => Recovery)) public recovered;
    mapping(address account => uint256) public claimableBonds;

    constructor(IOperatorManager manager_, uint64 roundSize_, uint256 disputeBond_, address owner_)
        Ownable(owner_)
        EIP712("Quarterdeck", "1")
        RoundClock(manager_, roundSize_)
    {
        disputeBond = disputeBond_;
    }

    // ------------------------------------------------------------------ listing and keys

    function listToken(address token) external onlyOwner notHalted {
        // Check
        uint256 count = _duties.tokens;
        if (token.code.length == 0) revert NotAContract(token);
        if (_token[token].listed) revert TokenAlreadyListed(token);
        if (count == MAX_TOKENS) revert TooManyTokens(MAX_TOKENS);

        // Effect
        uint64 round = _roundAt(block.number);
        // Without tokens nothing is owed: the rounds up to the first listing count as committed.
        if (count == 0) _duties.committedRound = round;
        _duties.tokens = uint8(count + 1);
        _tokens.push(ListedToken(token, round));
        _token[token] = Token({total: 0, listedRound: round, place: uint8(count), listed: true});
        emit TokenListed(token, round);
    }

    function setTradingKey(address key) external notHalted {
        uint64 fromRound = _roundAt(block.number) + 1;
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
        uint64 round = _roundAt(block.number);
        Flow storage flow = flows[token][round];
        uint128 credited;
        // Three sums below 2^128 each. Before round 0 nothing was deposited, and in round 2^64 - 1
        // nothing ever is.
        unchecked {
            uint256 arrived = holds - held;
            // All that the next commit's total can be, whatever the token says of what it holds: a
            // total that no tree has would halt the exchange.
            uint256 most =
                arrived + _token[token].total + flow.deposits + flows[token][round - 1].deposits;
            if ((arrived | most) > type(uint128).max) revert TotalTooLarge(token);
            credited = uint128(arrived);
        }

        // Effect
        flow.deposits += credited;
        clientFlows[msg.sender][token][round].deposits += credited;
        emit Deposited(msg.sender, token, round, credited);
    }

    // ------------------------------------------------------------------ withdrawals

    function initiateWithdrawal(
        address token,
        uint128 amount,
        address recipient,
        BalanceProof calldata proof
    ) external nonReentrant notHalted {
        // Check
        uint64 round = _roundAt(block.number);
        if (amount == 0) revert ZeroAmount();
        if (recipient == address(0) || recipient == address(this)) revert BadRecipient(recipient);
        Request storage request = _requests[msg.sender][token];
        if (request.amount != 0) revert WithdrawalActive(msg.sender, token);
        if (round == 0) revert OutsideWindow(0, _quarterAt(block.number));
        bytes32 committed = commitment[round - 1][token];
        if (committed == 0) revert NotCommitted(token, round - 1);
        committed.verify(msg.sender, proof);
        if (amount > proof.balance) revert AmountExceedsOpening(amount, proof.balance);

        // Effect
        request.recipient = recipient;
        request.round = round;
        request.amount = amount;
        request.opening = proof.balance;
        flows[token][round].requested += amount;
        clientFlows[msg.sender][token][round].requested += amount;
        emit WithdrawalInitiated(msg.sender, token, round, amount, proof.balance, recipient);
    }

    function cancelWithdrawal(address client, address token, SignedOrder[] calldata orders)
        external
        nonReentrant
        notHalted
    {
        // Check
        Request memory request = _requests[client][token];
        if (request.amount == 0) revert NoWithdrawal(client, token);
        uint64 nextRound = request.round + 1;
        if (block.number >= _firstBlock(nextRound) + quarterSize) {
            revert OutsideWindow(_roundAt(block.number), _quarterAt(block.number));
        }
        if (commitment[nextRound][token] != 0) revert AlreadyCommitted(token, nextRound);
        _requireOperator(_firstBlock(nextRound) + quarterSize);
        uint256 claimed = request.amount + _sumOfSales(client, token, request.round, orders);
        if (claimed <= request.opening) revert NotOverdrawn(claimed, request.opening);

        // Effect
        delete _requests[client][token];
        flows[token][request.round].requested -= request.amount;
        clientFlows[client][token][request.round].requested -= request.amount;
        emit WithdrawalCancelled(client, token, request.round, request.amount);
    }

    /// @dev Sum of what distinct orders of `client`, valid in `round` or the one before, sell.
    function _sumOfSales(address client, address token, uint64 round, SignedOrder[] calldata orders)
        private
        view
        returns (uint256 sum)
    {
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
            _requireOrderSigner(client, order);
            sum += order.sellAmount;
        }
    }

    function confirmWithdrawal(address client, address token) external nonReentrant {
        // Check
        Request memory request = _requests[client][token];
        if (request.amount == 0) revert NoWithdrawal(client, token);
        (uint64 round, uint64 quarter, bool isHalted) = _now();
        uint64 age = isHalted || quarter == 0 ? 3 : 2;
        if (request.round + age > round) revert WithdrawalNotDue(request.round, round);

        // Effect
        delete _requests[client][token];
        emit WithdrawalConfirmed(client, token, request.round, request.amount, request.recipient);

        // Interact
        IERC20(token).safeTransfer(request.recipient, request.amount);
    }

    // ------------------------------------------------------------------ commit

    function commit(Root[] calldata roots, Signature[] calldata attestations)
        external
        nonReentrant
        notHalted
    {
        // Check
        uint64 round = _roundAt(block.number);
        uint64 quarter = _quarterAt(block.number);
        if (round == 0 || quarter != 0) revert OutsideWindow(round, quarter);
        _requireOperator(_firstBlock(round) + quarterSize);
        if (roots.length == 0) revert NoRoots();
        _requireQuorum(round, roots, attestations);

        // Effect
        for (uint256 i = 0; i < roots.length; ++i) {
            _commitToken(round, roots[i]);
        }
        _countCommitted(round, roots.length);
    }

    function _commitToken(uint64 round, Root calldata root) private {
        Token storage token = _token[root.token];
        if (!token.listed || token.listedRound >= round) revert TokenNotInRound(root.token, round);
        if (commitment[round][root.token] != 0) revert AlreadyCommitted(root.token, round);
        Flow memory flow = flows[root.token][round - 1];
        uint256 expected = uint256(token.total) + flow.deposits - flow.requested;
        if (root.total != expected) revert WrongTotal(root.token, root.total, expected);

        token.total = root.total;
        commitment[round][root.token] = SumTree.commitment(root.node, root.total, root.leafCount);
        emit Committed(round, root.token, root.node, root.total, root.leafCount);
    }

    function _requireQuorum(uint64 round, Root[] calldata roots, Signature[] calldata attestations)
        private
        view
    {
        uint256 needed = manager.commitQuorum();
        if (needed <= 1) return;
        if (attestations.length + 1 < needed) {
            revert QuorumMissed(attestations.length + 1, needed);
        }
        bytes32 structHash = Messages.hashCommit(round, roots);
        bytes32 domain = _domainSeparatorV4();
        address previous = address(0);
        for (uint256 i = 0; i < attestations.length; ++i) {
            address signer = Messages.signer(domain, structHash, attestations[i]);
            if (signer <= previous || signer == msg.sender || !manager.isRegistered(signer)) {
                revert BadAttestation(signer);
            }
            previous = signer;
        }
    }

    // ------------------------------------------------------------------ disputes

    function openDispute(
        address client,
        BalanceProof[] calldata proofs,
        DepositRef calldata depositRef,
        PresentedFill[] calldata fills,
        Delegation calldata delegation
    ) external payable nonReentrant notHalted {
        // Check
        uint64 round = _roundAt(block.number);
        if (round == 0) revert OutsideWindow(0, _quarterAt(block.number));
        if (msg.sender != client) _requireDelegation(client, round, delegation);
        if (msg.value != disputeBond) revert WrongBond(msg.value, disputeBond);
        Dispute storage dispute_ = _disputes[client][round];
        if (dispute_.openedBlock != 0) revert DisputeExists(client, round);
        bytes32 openingsHash = 0;
        bool mustProveOpenings = false;
        if (proofs.length > 0) {
            openingsHash = keccak256(abi.encode(_verifyAll(client, round - 1, proofs)));
        } else {
            Flow storage flow = clientFlows[client][depositRef.token][depositRef.round];
            if (depositRef.round >= round || flow.deposits == 0) revert NoStanding(client);
            mustProveOpenings = depositRef.round + 1 < round;
        }

        // Effect
        dispute_.openedBlock = uint64(block.number);
        dispute_.presented = uint32(fills.length);
        dispute_.open = true;
        dispute_.mustProveOpenings = mustProveOpenings;
        if (openingsHash != 0) dispute_.openingsHash = openingsHash;
        _storeFills(client, round, fills);
        _countOpened(round);
        emit DisputeOpened(
            client, round, msg.sender, openingsHash != 0, mustProveOpenings, uint32(fills.length)
        );
    }

    function _requireDelegation(address client, uint64 round, Delegation calldata delegation)
        private
        view
    {
        bytes32 structHash = Messages.hashDelegation(client, msg.sender, delegation.untilRound);
        bool valid = round <= delegation.untilRound
            && SignatureChecker.isValidSignatureNowCalldata(
                client, _hashTypedDataV4(structHash), delegation.signature
            );
        if (!valid) revert NotDelegated(client, msg.sender);
    }

    function _storeFills(address client, uint64 round, PresentedFill[] calldata fills) private {
        if (fills.length == 0) return;
        bytes32 domain = _domainSeparatorV4();
        bytes32 disputeKey = _disputeKey(client, round);
        uint64 from = _firstBlock(round - 1);
        uint64 to = from + roundSize - 1;
        bytes32 previous = 0;
        address known = address(0);
        for (uint256 i = 0; i < fills.length; ++i) {
            PresentedFill calldata fill = fills[i];
            if (fill.orderHash <= previous) revert FillNotAscending(fill.orderHash);
            previous = fill.orderHash;
            // Zero would read as an order for which nothing was presented.
            if (fill.sold == 0 || fill.bought == 0) revert EmptyFill(fill.orderHash);
            address signer =
                Messages.signer(domain, Messages.hashFill(client, round - 1, fill), fill.signature);
            if (signer != known || signer == address(0)) {
                if (signer == address(0) || !manager.wasOperator(signer, from, to)) {
                    revert FillNotSigned(fill.orderHash, signer);
                }
                known = signer;
            }
            _presented[_fillKey(disputeKey, fill.orderHash)] =
                uint256(fill.sold) << 128 | fill.bought;
        }
    }

    function proveExecutions(
        address client,
        uint64 round,
        bool restart,
        Execution[] calldata executions
    ) external nonReentrant notHalted {
        // Check
        _requireClosable(client, round);
        bytes32 key = _accumulationKey(client, round, msg.sender);
        Accumulation memory acc = _accumulations[key];
        if (restart) acc = Accumulation(acc.attempt + 1, 0, 0, 0);
        int256[] memory changes = _accumulate(client, round, acc, executions).changes;

        // Effect
        _accumulations[key] = acc;
        mapping(uint256 => int256) storage stored = _changes[_changesKey(key, acc.attempt)];
        for (uint256 place = 0; place < changes.length; ++place) {
            if (changes[place] != 0) stored[place] += changes[place];
        }
        emit ExecutionsProven(client, round, msg.sender, acc.orders, acc.lastId);
    }

    /// @dev What `executions` change. Reverts unless they go on where `acc` is; moves that on.
    function _accumulate(
        address client,
        uint64 round,
        Accumulation memory acc,
        Execution[] calldata executions
    ) private view returns (Tally memory tally) {
        tally = Tally(acc, new int256[](_setSize(round)));
        for (uint256 i = 0; i < executions.length; ++i) {
            _count(client, round, tally, executions[i]);
        }
    }

    function _count(address client, uint64 round, Tally memory tally, Execution calldata execution)
        private
        view
    {
        SignedOrder calldata order = execution.order;
        Accumulation memory acc = tally.acc;
        bool ascending = acc.orders == 0 || order.id > acc.lastId;
        // No dispute is of round 0, and nobody pays for 2^32 orders, of less than 2^128 each.
        unchecked {
            if (order.round != round - 1 || !ascending) revert WrongOrder(order.round, order.id);
            acc.lastId = order.id;
            ++acc.orders;
            if (_checkExecution(client, _disputeKey(client, round), execution)) ++acc.covered;
            tally.changes[_placeOf(order.sellToken, round)] -= int256(uint256(execution.sold));
            tally.changes[_placeOf(order.buyToken, round)] += int256(uint256(execution.bought));
        }
    }

    /// @dev Reverts unless the client's order allows the execution, and unless it covers the fill
    /// that the client presented for this order; says whether there was one.
    function _checkExecution(address client, bytes32 disputeKey, Execution calldata execution)
        private
        view
        returns (bool covers)
    {
        OrderRule.requireValid(execution.order);
        bytes32 orderHash = _requireOrderSigner(client, execution.order);
        OrderRule.requireWithin(execution.order, execution.sold, execution.bought);
        uint256 presented_ = _presented[_fillKey(disputeKey, orderHash)];
        if (presented_ == 0) return false;
        OrderRule.requireAdvance(
            execution.order,
            uint128(presented_ >> 128),
            uint128(presented_),
            execution.sold,
            execution.bought
        );
        return true;
    }

    function closeDispute(
        address client,
        uint64 round,
        Execution[] calldata executions,
        uint128[] calldata openingBalances,
        BalanceProof[] calldata openings,
        BalanceProof[] calldata closings
    ) external nonReentrant notHalted {
        // Check
        Dispute storage dispute_ = _disputes[client][round];
        _requireClosable(client, round);
        bytes32 key = _accumulationKey(client, round, msg.sender);
        Accumulation memory acc = _accumulations[key];
        bool isFirst = acc.orders == 0;
        int256[] memory changes = _accumulate(client, round, acc, executions).changes;
        if (acc.covered != dispute_.presented) {
            revert FillsNotCovered(acc.covered, dispute_.presented);
        }
        uint128[] memory before = _openings(client, round, dispute_, openingBalances, openings);
        uint128[] memory proven = _verifyAll(client, round, closings);
        mapping(uint256 => int256) storage stored = _changes[_changesKey(key, acc.attempt)];
        for (uint256 i = 0; i < proven.length; ++i) {
            address token = _tokens[i].token;
            Flow memory flow = clientFlows[client][token][round - 1];
            int256 expected =
                changes[i] + int256(uint256(flow.deposits)) - int256(uint256(flow.requested));
            if (!isFirst) expected += stored[i];
            if (i < before.length) expected += int256(uint256(before[i]));
            if (expected != int256(uint256(proven[i]))) {
                revert BalanceMismatch(token, expected, proven[i]);
            }
        }

        // Effect
        dispute_.open = false;
        _countClosed(round);
        if (disputeBond > 0) {
            claimableBonds[msg.sender] += disputeBond;
            emit BondCredited(msg.sender, disputeBond);
        }
        emit DisputeClosed(client, round, msg.sender, closings);
    }

    /// @dev The client's balances at the opening of the disputed round; empty means all zero.
    function _openings(
        address client,
        uint64 round,
        Dispute storage dispute_,
        uint128[] calldata balances,
        BalanceProof[] calldata proofs
    ) private view returns (uint128[] memory) {
        bytes32 presented_ = dispute_.openingsHash;
        if (presented_ != 0) {
            if (proofs.length != 0 || keccak256(abi.encode(balances)) != presented_) {
                revert WrongOpenings();
            }
            return balances;
        }
        if (balances.length != 0) revert WrongOpenings();
        if (proofs.length == 0 && !dispute_.mustProveOpenings) return new uint128[](0);
        return _verifyAll(client, round - 1, proofs);
    }

    /// @dev Reverts unless the dispute is open, this is the quarter in which it was opened or the
    /// next, and the caller may act.
    function _requireClosable(address client, uint64 round) private view {
        Dispute storage dispute_ = _disputes[client][round];
        if (!dispute_.open) revert NoOpenDispute(client, round);
        uint64 quarterOpened = (dispute_.openedBlock - genesisBlock) / quarterSize;
        uint64 windowEnd = genesisBlock + (quarterOpened + 2) * quarterSize;
        if (block.number >= windowEnd) {
            revert OutsideWindow(_roundAt(block.number), _quarterAt(block.number));
        }
        _requireOperator(windowEnd);
    }

    function claimBonds(address to) external nonReentrant {
        uint256 amount = claimableBonds[msg.sender];
        if (amount == 0) revert NothingToClaim(msg.sender);
        claimableBonds[msg.sender] = 0;
        emit BondsClaimed(msg.sender, to, amount);
        _pay(to, amount);
    }

    // ------------------------------------------------------------------ recovery

    function recoverBalance(address client, address token, BalanceProof calldata proof)
        external
        nonReentrant
    {
        // Check
        uint64 halt = _requireHalted();
        bytes32 committed = halt < 2 ? bytes32(0) : commitment[halt - 2][token];
        if (committed == 0) revert NotCommitted(token, halt < 2 ? 0 : halt - 2);
        committed.verify(client, proof);
        if (proof.balance == 0) revert NothingToRecover(client, token);
        // Where a dishonest tree has two leaves of one client, whoever shows the smaller one first
        // must not cost the client the other: the larger one is paid in all.
        Recovery storage recovery = recovered[client][token];
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
        uint64 halt = _requireHalted();
        uint128 amount = 0;
        for (uint64 round = halt < 2 ? 0 : halt - 2; round <= halt; ++round) {
            amount += clientFlows[client][token][round].deposits;
        }
        if (amount == 0) revert NothingToRecover(client, token);
        if (recovered[client][token].deposits) revert AlreadyRecovered(client, token);

        // Effect
        recovered[client][token].deposits = true;
        emit DepositsRecovered(client, token, amount);

        // Interact
        IERC20(token).safeTransfer(client, amount);
    }

    function refundBond(address client, uint64 round) external nonReentrant {
        _requireHalted();
        Dispute storage dispute_ = _disputes[client][round];
        if (!dispute_.open) revert NoOpenDispute(client, round);
        dispute_.open = false;
        emit BondRefunded(client, round, disputeBond);
        _pay(client, disputeBond);
    }

    function _pay(address to, uint256 amount) private {
        (bool paid,) = to.call{value: amount}("");
        if (!paid) revert TransferFailed(to);
    }

    // ------------------------------------------------------------------ who may act

    function _requireOrderSigner(address client, SignedOrder calldata order)
        private
        view
        returns (bytes32 orderHash)
    {
        orderHash = Messages.hashOrder(client, order);
        address signer = Messages.signer(_domainSeparatorV4(), orderHash, order.signature);
        if (signer == client && signer != address(0)) return orderHash;
        if (signer == address(0) || signer != tradingKey(client, order.round)) {
            revert WrongSigner(order.id, signer);
        }
    }

    /// @dev The balances that `proofs` show, one per token of the round's set.
    function _verifyAll(address client, uint64 round, BalanceProof[] calldata proofs)
        private
        view
        returns (uint128[] memory balances)
    {
        uint256 count = _setSize(round);
        if (proofs.length != count) revert ProofCount(proofs.length, count);
        balances = new uint128[](count);
        for (uint256 i = 0; i < count; ++i) {
            address token = _tokens[i].token;
            bytes32 committed = commitment[round][token];
            if (committed == 0) revert NotCommitted(token, round);
            committed.verify(client, proofs[i]);
            balances[i] = proofs[i].balance;
        }
    }

    // ------------------------------------------------------------------ tokens and keys

    function _placeOf(address token, uint64 round) private view returns (uint256) {
        Token storage token_ = _token[token];
        if (!token_.listed || token_.listedRound >= round) revert TokenNotInRound(token, round);
        return token_.place;
    }

    function _disputeKey(address client, uint64 round) private pure returns (bytes32) {
        return keccak256(abi.encode(client, round));
    }

    function _fillKey(bytes32 disputeKey, bytes32 orderHash) private pure returns (bytes32) {
        return keccak256(abi.encode(disputeKey, orderHash));
    }

    function _accumulationKey(address client, uint64 round, address operator)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(client, round, operator));
    }

    function _changesKey(bytes32 key, uint64 attempt) private pure returns (bytes32) {
        return keccak256(abi.encode(key, attempt));
    }

    // ------------------------------------------------------------------ views

    function listedRound(address token) external view returns (uint64) {
        if (!_token[token].listed) revert TokenNotListed(token);
        return _token[token].listedRound;
    }

    function expectedTotal(address token) external view returns (uint256 total) {
        (uint64 round,,) = _now();
        total = _token[token].total;
        if (round == 0 || commitment[round][token] != 0) return total;
        Flow memory flow = flows[token][round - 1];
        total = total + flow.deposits - flow.requested;
    }

    function withdrawal(address client, address token)
        external
        view
        returns (uint64 round, uint128 amount, uint128 opening, address recipient)
    {
        Request memory request = _requests[client][token];
        return (request.round, request.amount, request.opening, request.recipient);
    }

    function dispute(address client, uint64 round)
        external
        view
        returns (uint64 openedBlock, bool open, uint32 presented)
    {
        Dispute storage dispute_ = _disputes[client][round];
        return (dispute_.openedBlock, dispute_.open, dispute_.presented);
    }

    function presentedFill(address client, uint64 round, bytes32 orderHash)
        external
        view
        returns (uint128 sold, uint128 bought)
    {
        uint256 presented_ = _presented[_fillKey(_disputeKey(client, round), orderHash)];
        return (uint128(presented_ >> 128), uint128(presented_));
    }

    function accumulation(address client, uint64 round, address operator)
        external
        view
        returns (uint32 covered, uint32 orders, uint64 lastId)
    {
        Accumulation memory acc = _accumulations[_accumulationKey(client, round, operator)];
        return (acc.covered, acc.orders, acc.lastId);
    }

    function tradingKey(address client, uint64 round) public view returns (address) {
        return address(_tradingKeys[client].upperLookupRecent(round));
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // ------------------------------------------------------------------ ownership

    /// @dev An exchange that nobody can list tokens for is a mistake, not a feature.
    function renounceOwnership() public pure override {
        revert ZeroAddress();
    }
}
