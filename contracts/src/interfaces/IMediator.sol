// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    Accumulation,
    BalanceProof,
    Cover,
    Dispute,
    Flow,
    Recovery,
    Root,
    Signature,
    SignedOrder,
    Statement,
    Withdrawal
} from "../types/Types.sol";
import {IDisputes} from "./IDisputes.sol";
import {IOperatorManager} from "./IOperatorManager.sol";

/// @title Mediator: holds the money of an exchange that nobody has to trust
/// @notice Clients deposit here and trade off chain. Each round the operator commits the root of
/// every token's balance tree, decides withdrawals and answers disputes. The first time it misses a
/// deadline the Mediator is HALTED for ever, and everybody takes out what was theirs at the last
/// confirmed commit. Time is counted in blocks: rounds of four quarters. Amounts are base units of
/// their token. The rules are those of docs/protocol.md; section numbers stand beside them.
///
/// @dev What is assumed of tokens, which the owner lists, and what breaks where it is not so. What
/// a token breaks is borne by those who hold it here; it neither halts the exchange nor touches other
/// tokens.
/// - Balances do not shrink by themselves (no negative rebase): the last to leave are not paid.
/// - A transfer takes no more than its amount from the sender (no fee on top): as above.
/// - Nobody is stopped from receiving but at their own cost (no list of refused accounts): that
///   account's request or recovery waits as long as it is refused; a request can be redirected.
/// - `balanceOf` tells the truth, and grows during a transfer by what arrived: a token that lies
///   credits money that is not there, to holders of it.
/// - The token goes on being the same (no upgrade into one that is none of the above).
/// Handled: fees that the receiver bears, missing return values, false ones, callbacks, donations,
/// balances that grow by themselves (nobody's), permits that were used already.
/// Calls that move tokens or wei or read proofs refuse to be called from within one another
/// (`ReentrancyGuardReentrantCall`), and those that move tokens revert as the token does
/// (`SafeERC20FailedOperation` if it says false). Wei comes with `openDispute` and
/// `initiateWithdrawal` alone, exactly their bonds.
interface IMediator is IDisputes {
    // ------------------------------------------------------------------ events

    event TokenListed(address indexed token, uint64 indexed round);
    event TradingKeySet(address indexed client, uint64 indexed fromRound, address key);
    event Deposited(
        address indexed client, address indexed token, uint64 indexed round, uint128 amount
    );
    event WithdrawalInitiated(
        address indexed client,
        address indexed token,
        uint64 indexed round,
        uint128 amount,
        uint128 opening,
        address recipient
    );
    event WithdrawalCancelled(
        address indexed client, address indexed token, uint64 indexed round, uint128 amount
    );
    event WithdrawalConfirmed(
        address indexed client,
        address indexed token,
        uint64 indexed round,
        uint128 amount,
        address recipient
    );
    event Committed(
        uint64 indexed round, address indexed token, bytes32 node, uint128 total, uint64 leafCount
    );
    /// @notice The client's request that is due goes to another recipient.
    event WithdrawalRedirected(
        address indexed client, address indexed token, uint64 indexed round, address recipient
    );
    /// @notice The halt made the request void, and its bond went back.
    event WithdrawalVoided(
        address indexed client, address indexed token, uint64 indexed round, uint128 amount
    );
    /// @notice Every token of the round is committed.
    event RoundCommitted(uint64 indexed round, address indexed operator);
    /// @notice `openingsPresented`: the client proved its opening balances itself.
    /// `mustProveOpenings`: the operator has to. Neither: the client may have had no leaf yet.
    event DisputeOpened(
        address indexed client,
        uint64 indexed round,
        address opener,
        bool openingsPresented,
        bool mustProveOpenings,
        uint32 presented
    );
    event ExecutionsProven(
        address indexed client,
        uint64 indexed round,
        address indexed operator,
        uint32 orders,
        uint64 lastId
    );
    /// @notice Carries the client's proofs of this round, one per token, so that whoever was sent
    /// none has them now.
    event DisputeClosed(
        address indexed client,
        uint64 indexed round,
        address indexed operator,
        BalanceProof[] closings
    );
    /// @notice What a countersigned statement covers that the client presented with a request of
    /// `token`, or with a dispute (`token` zero): whoever answers must cover it too.
    event StatementPresented(
        address indexed client,
        address indexed token,
        uint64 indexed round,
        uint64 statementRound,
        uint64 watermark,
        uint64[] except
    );
    event BalanceRecovered(address indexed client, address indexed token, uint128 amount);
    event DepositsRecovered(address indexed client, address indexed token, uint128 amount);
    /// @notice `account` may claim `amount` wei: it answered, or refused its own bond.
    event BondCredited(address indexed account, uint256 amount);
    event BondsClaimed(address indexed account, address to, uint256 amount);
    event BondRefunded(address indexed client, uint64 indexed round, uint256 amount);

    // ------------------------------------------------------------------ errors

    /// @notice The Mediator is HALTED: only withdrawals old enough and recovery go on.
    error Halted(uint64 atRound);
    /// @notice Recovery waits for a halt, and there is none.
    error NotHalted();
    /// @notice `account` may not act for the exchange in this block.
    error NotOperator(address account);
    /// @notice Constructor: a multiple of 4, at least 8 blocks.
    error BadRoundSize(uint64 roundSize);
    error ZeroAddress();
    error ZeroAmount();
    error NotAContract(address token);
    error TokenNotListed(address token);
    error TokenAlreadyListed(address token);
    error TooManyTokens(uint256 limit);
    /// @notice Of another round, one too many of it, or not in the one form that it has (section 10).
    error WrongStatement(uint64 round, uint64 watermark);
    /// @notice By the client where an operator shows it, by an operator where the client does.
    error StatementNotSigned(uint64 round, address recovered);
    /// @notice Not what the client's own statements cover.
    error WrongCovers();
    /// @notice The client presented a statement that covers more.
    error NotCovered(uint64 round, uint64 watermark);
    /// @notice The total of a commit to come could be above 2^128 - 1 base units.
    error TotalTooLarge(address token);
    /// @notice The call is not allowed in this quarter of this round.
    error OutsideWindow(uint64 round, uint64 quarter);
    error TokenNotInRound(address token, uint64 round);
    error AlreadyCommitted(address token, uint64 round);
    error NotCommitted(address token, uint64 round);
    /// @notice The tree's total is not what deposits and withdrawals leave (section 4).
    error WrongTotal(address token, uint256 given, uint256 expected);
    error NoRoots();
    error TooManyLeaves(uint64 leafCount, uint64 limit);
    error BadAttestation(address recovered);
    error QuorumMissed(uint256 given, uint256 needed);
    error WithdrawalActive(address client, address token);
    error NoWithdrawal(address client, address token);
    error AmountExceedsOpening(uint128 amount, uint128 opening);
    error BadRecipient(address recipient);
    /// @notice The evidence does not show that the request is overdrawn.
    error NotOverdrawn(int256 claimed, uint128 opening);
    error WithdrawalNotDue(uint64 requestRound, uint64 round);
    /// @notice The request outlived the halt: confirm it, which returns its bond.
    error WithdrawalStillPayable(address client, address token);
    /// @notice The order is of another round, sells another token, or is not in ascending order.
    error WrongOrder(uint64 round, uint64 id);
    error WrongSigner(uint64 id, address recovered);
    /// @notice The execution goes beyond what the order allows (section 5).
    error ExecutionOutsideOrder(uint64 id);
    /// @notice The client holds an operator's signature on more than this.
    error StaleExecution(uint64 id);
    error NoStanding(address client);
    error DisputeExists(address client, uint64 round);
    error NoOpenDispute(address client, uint64 round);
    error NotDelegated(address client, address delegate);
    error WrongBond(uint256 given, uint256 bond);
    error FillNotAscending(bytes32 orderHash);
    error FillNotSigned(bytes32 orderHash, address recovered);
    error EmptyFill(bytes32 orderHash);
    error ProofCount(uint256 given, uint256 needed);
    error WrongOpenings();
    /// @notice Not every fill that the client presented was covered by an execution.
    error FillsNotCovered(uint256 covered, uint256 presented);
    /// @notice opening + deposits + bought - sold - withdrawals is not the proven balance.
    error BalanceMismatch(address token, int256 expected, uint128 proven);
    error NothingToRecover(address client, address token);
    error AlreadyRecovered(address client, address token);
    error NothingToClaim(address account);
    error TransferFailed(address to);
    /// @notice The owner can hand the Mediator over, and never give it up.
    error RenouncingDisabled();

    // ------------------------------------------------------------------ listing and keys

    /// @notice Lists `token`: it takes deposits at once and is first committed in the next round.
    /// @dev Owner only, not HALTED, at most 32 tokens, never unlisted. Section 4. Reverts with
    /// `OwnableUnauthorizedAccount`, `Halted`, `NotAContract`, `TokenAlreadyListed`,
    /// `TooManyTokens`.
    function listToken(address token) external;

    /// @notice From the next round on, orders of the caller may be signed by `key` too. Zero: only
    /// by the caller's own key. What was valid in a round stays valid for it; of several calls in a
    /// round the last counts. A key signs orders of the caller alone, and never a withdrawal.
    /// @dev Anyone, not HALTED. Section 5. Reverts with `Halted`.
    function setTradingKey(address key) external;

    // ------------------------------------------------------------------ deposits

    /// @notice Moves `amount` of `token` (base units) from the caller, who has allowed it, to the
    /// exchange and credits what arrived.
    /// @dev Anyone, at any time, not HALTED. Section 4. Reverts with `Halted`, `TokenNotListed`,
    /// `ZeroAmount` when nothing arrived, `TotalTooLarge`.
    function deposit(address token, uint128 amount) external;

    /// @notice `deposit` with an EIP-2612 permit in place of an allowance. A permit that was
    /// already used does no harm as long as the allowance stands. `deadline` in seconds of Unix
    /// time.
    /// @dev As `deposit`. A permit that the token refuses is passed over.
    function depositWithPermit(
        address token,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    // ------------------------------------------------------------------ withdrawals

    /// @notice Asks for `amount` of `token` to be paid to `recipient`, out of the balance proven
    /// against the previous round's commit. The bond in wei comes with the call: back to the client
    /// with the payment, or at a halt that makes the request void; to the operator that cancels it.
    /// @dev The client itself, round >= 2 in effect (round 0 has no commit), not HALTED. One active
    /// request per client and token; amount 1..proven balance, in base units. Section 4. Reverts
    /// with `Halted`, `WrongBond`, `ZeroAmount`, `BadRecipient` for the zero address, the Mediator
    /// and the token, `WithdrawalActive`, `OutsideWindow` in round 0, `NotCommitted`, `InvalidProof`,
    /// `AmountExceedsOpening`; `WrongStatement`, `StatementNotSigned`.
    /// `statements`: at most one of each of this round and the one before, countersigned, ascending.
    /// A cancellation must cover all that they cover, so that what was bought counts. Section 10.
    /// Warning: a recipient that the token refuses to pay keeps the request, and the client from
    /// making another one of the token, until the client names another: `redirectWithdrawal`.
    function initiateWithdrawal(
        address token,
        uint128 amount,
        address recipient,
        BalanceProof calldata proof,
        Statement[] calldata statements
    ) external payable;

    /// @notice Sends the caller's request of `token`, once it is payable, to another recipient.
    /// @dev The client itself, HALTED or not. Section 4. Reverts with `NoWithdrawal`,
    /// `WithdrawalNotDue`, `BadRecipient` as `initiateWithdrawal`.
    function redirectWithdrawal(address token, address recipient) external;

    /// @notice Cancels an overdrawing request. `orders`: distinct orders of the client, of the
    /// request's round or the one before, that sell the token, ascending by (round, id); with
    /// them amount + sum of sellAmount must exceed the opening balance of the request.
    /// @dev Operator, in the round of the request or in quarter 0 of the next before that token's
    /// commit. Section 4. Reverts with `Halted`, `NoWithdrawal`, `OutsideWindow`,
    /// `AlreadyCommitted`, `NotOperator`, `WrongOrder`, `WrongSigner`, `NotOverdrawn`. The
    /// request's bond goes to the sender.
    /// `statements`: at most one of each of the two rounds, signed by the client, ascending. They
    /// stand for the orders that they cover, and must cover what the request presented (`covers`, as
    /// `StatementPresented` told): with amount + sum of (sold - bought) in the token in the rule's
    /// left side. Section 10. Reverts with `WrongCovers`, `NotCovered`, `WrongStatement`,
    /// `StatementNotSigned`.
    function cancelWithdrawal(
        address client,
        address token,
        SignedOrder[] calldata orders,
        Statement[] calldata statements,
        Cover[] calldata covers
    ) external;

    /// @notice Pays a request whose deciding rounds are past: in (r, quarter >= 1) if it is of
    /// round <= r-2; in (r, quarter 0) or HALTED at r if of round <= r-3. Its bond goes back to the
    /// client, who claims it (`claimBonds`) if its account takes no wei.
    /// @dev Anyone, HALTED or not; the money goes to the request's recipient. Section 4. Reverts
    /// with `NoWithdrawal`, `WithdrawalNotDue`, and as the token does: the request stands then.
    function confirmWithdrawal(address client, address token) external;

    // ------------------------------------------------------------------ commit

    /// @notice Commits trees of this round. Several calls may share the round's tokens. With a
    /// quorum above one, `attestations` are signatures of further approved operators over
    /// `Commit(round, keccak256(abi.encode(roots)))`, their addresses strictly ascending.
    /// @dev Operator, quarter 0 of a round >= 1, not HALTED. Section 4. Reverts with `Halted`,
    /// `OutsideWindow`, `NotOperator`, `NoRoots`, `BadAttestation`, `QuorumMissed`,
    /// `TokenNotInRound`, `AlreadyCommitted`, `TooManyLeaves` above 2^32, `WrongTotal`; and with `Panic(0x11)` where more was
    /// asked for than there is, which takes an operator that left an overdrawn request standing.
    function commit(Root[] calldata roots, Signature[] calldata attestations) external;

    // ------------------------------------------------------------------ recovery

    /// @notice Pays `client` its balance proven against the commit of round h-2, once per token. In
    /// a dishonest tree that has several leaves of it, the largest: whoever shows a smaller one
    /// first takes nothing from it, the rest is paid when the larger one is shown.
    /// @dev Anyone, HALTED at h >= 3 (before that no commit counts). The money goes to the client.
    /// Section 7. Reverts with `NotHalted`, `NotCommitted`, `InvalidProof`, `NothingToRecover` for
    /// a balance of zero, `AlreadyRecovered`, and as the token does.
    function recoverBalance(address client, address token, BalanceProof calldata proof) external;

    /// @notice Pays `client` its deposits of rounds h-2, h-1 and h, once per token.
    /// @dev Anyone, HALTED at h. The money goes to the client. Section 7. Reverts with `NotHalted`,
    /// `NothingToRecover`, `AlreadyRecovered`, and as the token does.
    function recoverDeposits(address client, address token) external;

    // ------------------------------------------------------------------ bonds

    /// @notice Pays, in wei and to `to`, the bonds that the caller earned by closing disputes and
    /// cancelling withdrawals, and its own that it refused when they came back.
    /// @dev Whoever has some, still an operator or not, HALTED or not. Sections 4b and 6. Reverts
    /// with `NothingToClaim`, `TransferFailed`.
    function claimBonds(address to) external;

    /// @notice Returns the bond of a request that the halt made void, to its client; the request is
    /// forgotten.
    /// @dev Anyone, HALTED. Section 4b. Reverts with `NotHalted`, `NoWithdrawal`,
    /// `WithdrawalStillPayable`.
    function refundWithdrawalBond(address client, address token) external;

    // ------------------------------------------------------------------ views

    // For anybody, at any time, HALTED or not. Amounts are base units; none reverts unless it says
    // so.

    /// @notice Says who may operate. Fixed at deployment, as are the next four.
    function manager() external view returns (IOperatorManager);
    /// @notice Block of the deployment, the first of round 0.
    function genesisBlock() external view returns (uint64);
    /// @notice Blocks in a round and in a quarter of it.
    function roundSize() external view returns (uint64);
    function quarterSize() external view returns (uint64);
    /// @notice Wei that opening a dispute takes.
    function disputeBond() external view returns (uint256);
    /// @notice Wei that asking for a withdrawal takes. Fixed at deployment, as is the next.
    function withdrawalBond() external view returns (uint256);
    /// @notice The code that disputes run in: a contract that the constructor deployed.
    function disputes() external view returns (address);

    /// @notice Whether the Mediator is HALTED in this block, whoever has called it since. Section
    /// 2.
    function halted() external view returns (bool);
    /// @notice First block at which the Mediator is HALTED if nothing more is committed and closed.
    /// 2^64 - 1 while no token is listed.
    function haltBlock() external view returns (uint64);
    /// @notice This block's round and quarter, frozen at the boundary of the halt.
    function currentRound() external view returns (uint64);
    function currentQuarter() external view returns (uint64);
    /// @notice Last round of which every token is committed. Rounds before the first listing, and
    /// that of the listing, have none and count as committed from then on.
    function committedRound() external view returns (uint64);

    /// @notice Tokens of a round's commit, in the order in which all proofs of it come. Those
    /// listed before the round: of rounds to come there may be more.
    function tokenSet(uint64 round) external view returns (address[] memory);
    /// @notice Tokens listed, 0..32.
    function tokenCount() external view returns (uint256);
    /// @notice Reverts with `TokenNotListed`.
    function listedRound(address token) external view returns (uint64);
    /// @notice Commitment of (token, round), zero while there is none. Section 3.
    function commitment(address token, uint64 round) external view returns (bytes32);
    /// @notice A(r) of the current round r: the total that `token`'s commit of r must have, or has.
    /// Section 4. Before that commit, cancelled withdrawals of r-1 still raise it. Zero if not
    /// listed.
    /// @dev Reverts with `Panic(0x11)` where `commit` would.
    function expectedTotal(address token) external view returns (uint256);
    /// @notice Sums of a round over all clients: credited deposits, requests not cancelled.
    function flows(address token, uint64 round) external view returns (Flow memory);
    /// @notice The same for one client.
    function clientFlows(address client, address token, uint64 round)
        external
        view
        returns (Flow memory);
    /// @notice The active withdrawal request, all zero if there is none. One that a halt made void
    /// still shows.
    function withdrawal(address client, address token) external view returns (Withdrawal memory);
    /// @notice A dispute by client and the round in which it was opened. `openedBlock` is zero if
    /// there was none.
    function dispute(address client, uint64 round) external view returns (Dispute memory);
    /// @notice The fill that the client presented for an order, zeros if none.
    function presentedFill(address client, uint64 round, bytes32 orderHash)
        external
        view
        returns (uint128 sold, uint128 bought);
    /// @notice What `operator` has accounted for in a dispute so far, beside the statement with this
    /// struct hash; zero: beside none.
    function accumulation(
        address client,
        uint64 round,
        address operator,
        bytes32 statementHash
    ) external view returns (Accumulation memory);
    /// @notice Key besides its own that may sign `client`'s orders of `round`; zero if none. Final
    /// for rounds up to the current one.
    function tradingKey(address client, uint64 round) external view returns (address);
    /// @notice What was recovered for `client`: the balance so far, in base units, and whether its
    /// deposits were.
    function recovered(address client, address token) external view returns (Recovery memory);
    /// @notice Wei that `account` may claim: see `claimBonds`.
    function claimableBonds(address account) external view returns (uint256);
    /// @notice EIP-712 domain separator: name "Quarterdeck", version "1", this chain and Mediator.
    function domainSeparator() external view returns (bytes32);
}
