// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {
    BalanceProof,
    Cover,
    Delegation,
    DepositRef,
    Execution,
    PresentedFill,
    Root,
    Signature,
    SignedOrder,
    Statement,
    DisputeAnswer
} from "../../src/types/Types.sol";
import {OpenManager} from "../mocks/OpenManager.sol";
import {TestToken} from "../mocks/TestToken.sol";
import {Artifacts} from "./Artifacts.sol";
import {Trees} from "./Trees.sol";

/// @title A Mediator with clients, tokens and keys, and an honest ledger of who owns what
/// @notice `balances` is the truth: deposits, trades and withdrawals asked for move it, and an honest
/// commit is its tree. Clients and tokens go by number.
abstract contract MediatorTest is Artifacts {
    uint256 internal constant OPERATOR_KEY = 0xA11;
    uint256 internal constant OTHER_OPERATOR_KEY = 0xA12;
    uint256 internal constant FIRST_CLIENT_KEY = 0xC11E;
    uint128 internal constant UNIT = 1e18;

    address internal operator = vm.addr(OPERATOR_KEY);
    address internal otherOperator = vm.addr(OTHER_OPERATOR_KEY);
    OpenManager internal manager;
    IMediator internal mediator;
    TestToken[] internal tokens;
    address[] internal clients;
    uint64 internal genesis;
    /// Kept here, as the rounds of listing are: a helper that asked the Mediator between
    /// `expectRevert` and the call meant would be the call that must revert.
    bytes32 internal domain;
    uint64[] internal listedRounds;

    mapping(uint256 token => uint128[]) internal balances;
    /// The balances committed, by round and token.
    mapping(uint64 round => mapping(uint256 token => uint128[])) internal committed;

    function roundSize() internal pure virtual returns (uint64) {
        return 64;
    }

    function quarterSize() internal pure returns (uint64) {
        return roundSize() / 4;
    }

    function bond() internal pure virtual returns (uint256) {
        return 0;
    }

    function withdrawalBond() internal pure virtual returns (uint256) {
        return 0;
    }

    function setUp() public virtual {
        vm.roll(1000);
        manager = OpenManager(deployArtifact("OpenManager", ""));
        manager.appoint(operator);
        mediator = deployMediator();
        genesis = mediator.genesisBlock();
        domain = mediator.domainSeparator();
        for (uint256 i = 0; i < 3; ++i) {
            clients.push(vm.addr(FIRST_CLIENT_KEY + i));
        }
        addToken();
        addToken();
    }

    function deployMediator() internal returns (IMediator) {
        return mediatorOf(address(manager), roundSize(), bond(), address(this));
    }

    function mediatorOf(address manager_, uint64 size, uint256 bond_, address owner)
        internal
        returns (IMediator)
    {
        return IMediator(
            deployArtifact("Mediator", abi.encode(manager_, size, bond_, withdrawalBond(), owner))
        );
    }

    /// @dev A new Mediator with a manager of the test's takes the place of the one set up; token 0
    /// alone is listed, and nothing is deposited.
    function redeploy(address manager_) internal {
        mediator = mediatorOf(manager_, roundSize(), bond(), address(this));
        genesis = mediator.genesisBlock();
        domain = mediator.domainSeparator();
        while (tokens.length > 1) {
            tokens.pop();
            listedRounds.pop();
        }
        mediator.listToken(address(tokens[0]));
        listedRounds[0] = 0;
        balances[0] = new uint128[](clients.length);
    }

    function addToken() internal returns (uint256 place) {
        TestToken token =
            TestToken(deployArtifact("TestToken", abi.encode("Token", "T", uint8(18))));
        mediator.listToken(address(token));
        place = tokens.length;
        tokens.push(token);
        listedRounds.push(roundNow());
        balances[place] = new uint128[](clients.length);
    }

    // ------------------------------------------------------------------ time

    function firstBlock(uint64 round, uint64 quarter) internal view returns (uint256) {
        return genesis + round * roundSize() + quarter * quarterSize();
    }

    function rollTo(uint64 round, uint64 quarter) internal {
        vm.roll(firstBlock(round, quarter));
    }

    function roundNow() internal view returns (uint64) {
        return uint64((vm.getBlockNumber() - genesis) / roundSize());
    }

    // ------------------------------------------------------------------ money

    function deposit(uint256 client, uint256 token, uint128 amount) internal {
        tokens[token].mint(clients[client], amount);
        vm.prank(clients[client]);
        tokens[token].approve(address(mediator), amount);
        vm.prank(clients[client]);
        mediator.deposit(address(tokens[token]), amount);
        balances[token][client] += amount;
    }

    /// @dev Off chain.
    function move(uint256 token, uint256 from, uint256 to, uint128 amount) internal {
        balances[token][from] -= amount;
        balances[token][to] += amount;
    }

    /// @dev Asks for `amount`; the ledger debits it.
    function request(uint256 client, uint256 token, uint128 amount) internal {
        BalanceProof memory proof = proofOf(client, token, roundNow() - 1);
        vm.deal(clients[client], clients[client].balance + withdrawalBond());
        vm.prank(clients[client]);
        mediator.initiateWithdrawal{value: withdrawalBond()}(
            address(tokens[token]), amount, clients[client], proof, noStatements()
        );
        balances[token][client] -= amount;
    }

    function walletOf(uint256 client, uint256 token) internal view returns (uint256) {
        return tokens[token].balanceOf(clients[client]);
    }

    // ------------------------------------------------------------------ trees

    function rootOf(uint256 token, uint128[] memory amounts) internal view returns (Root memory) {
        (bytes32 node, uint128 total) = Trees.top(clients, amounts);
        return Root(address(tokens[token]), node, total, uint64(clients.length));
    }

    function honestRoots() internal view returns (Root[] memory roots) {
        roots = new Root[](setSize(roundNow()));
        for (uint256 i = 0; i < roots.length; ++i) {
            roots[i] = rootOf(i, balances[i]);
        }
    }

    /// @dev Commits all tokens now, with what the ledger holds.
    function commitNow() internal {
        uint64 round = roundNow();
        for (uint256 i = 0; i < tokens.length; ++i) {
            committed[round][i] = balances[i];
        }
        Root[] memory roots = honestRoots();
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    /// @dev Goes to `round` by honest commits of it and of all rounds not committed yet.
    function honestlyTo(uint64 round) internal {
        for (uint64 next = mediator.committedRound() + 1; next <= round; ++next) {
            rollTo(next, 0);
            commitNow();
        }
    }

    /// @dev Tokens of the round's commit: those listed before it.
    function setSize(uint64 round) internal view returns (uint256 count) {
        for (uint256 i = 0; i < listedRounds.length; ++i) {
            if (listedRounds[i] < round) ++count;
        }
    }

    function proofOf(uint256 client, uint256 token, uint64 round)
        internal
        view
        returns (BalanceProof memory)
    {
        return Trees.proof(clients, committed[round][token], client);
    }

    function proofsOf(uint256 client, uint64 round)
        internal
        view
        returns (BalanceProof[] memory proofs)
    {
        proofs = new BalanceProof[](setSize(round));
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i] = proofOf(client, i, round);
        }
    }

    function openingsOf(uint256 client, uint64 round) internal view returns (uint128[] memory o) {
        o = new uint128[](setSize(round));
        for (uint256 i = 0; i < o.length; ++i) {
            o[i] = committed[round][i][client];
        }
    }

    // ------------------------------------------------------------------ signatures

    function keyOf(uint256 client) internal pure returns (uint256) {
        return FIRST_CLIENT_KEY + client;
    }

    function signWith(uint256 key, bytes32 separator, bytes32 structHash)
        internal
        pure
        returns (Signature memory signature)
    {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", separator, structHash));
        (signature.r, signature.vs) = vm.signCompact(key, digest);
    }

    function sign(uint256 key, bytes32 structHash) internal view returns (Signature memory) {
        return signWith(key, domain, structHash);
    }

    /// @dev `client` sells token 0 for token 1 at a price of two.
    function sale(uint256 client, uint64 round, uint64 id, uint128 amount)
        internal
        view
        returns (SignedOrder memory)
    {
        return orderOf(client, round, id, [0, 1], [amount, 2 * amount], 1);
    }

    /// @dev `places`: sold and bought token; `amounts` likewise.
    function orderOf(
        uint256 client,
        uint64 round,
        uint64 id,
        uint8[2] memory places,
        uint128[2] memory amounts,
        uint8 intent
    ) internal view returns (SignedOrder memory order) {
        order.round = round;
        order.id = id;
        order.sellToken = address(tokens[places[0]]);
        order.sellAmount = amounts[0];
        order.buyToken = address(tokens[places[1]]);
        order.buyAmount = amounts[1];
        order.intent = intent;
        order.signature = sign(keyOf(client), hashOf(clients[client], order));
    }

    function hashOf(address owner, SignedOrder memory order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                Messages.ORDER_TYPEHASH,
                owner,
                order.round,
                order.id,
                order.sellToken,
                order.sellAmount,
                order.buyToken,
                order.buyAmount,
                order.intent
            )
        );
    }

    function fillHash(address owner, uint64 round, PresentedFill memory fill)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                Messages.FILL_TYPEHASH,
                fill.orderHash,
                owner,
                round,
                fill.sold,
                fill.bought,
                fill.sequence
            )
        );
    }

    /// @dev What the operator signs about an order of `client`.
    function fillOf(uint256 client, SignedOrder memory order, uint128 sold, uint128 bought)
        internal
        view
        returns (PresentedFill memory fill)
    {
        fill.orderHash = hashOf(clients[client], order);
        (fill.sold, fill.bought, fill.sequence) = (sold, bought, 1);
        fill.signature = sign(OPERATOR_KEY, fillHash(clients[client], order.round, fill));
    }

    // ------------------------------------------------------------------ statements

    /// @dev Of tokens 0 and 1, sums by their place; not signed yet. `except` may be empty.
    function statementOf(
        uint64 round,
        uint64 watermark,
        uint64[] memory except,
        uint128[2] memory sold,
        uint128[2] memory bought
    ) internal view returns (Statement memory statement) {
        (statement.round, statement.watermark, statement.except) = (round, watermark, except);
        statement.tokens = new address[](2);
        statement.sold = new uint128[](2);
        statement.bought = new uint128[](2);
        for (uint256 place = 0; place < 2; ++place) {
            // Ascending by address.
            bool second = address(tokens[place]) > address(tokens[1 - place]);
            uint256 at = second ? 1 : 0;
            statement.tokens[at] = address(tokens[place]);
            statement.sold[at] = sold[place];
            statement.bought[at] = bought[place];
        }
    }

    function statementHash(address client, Statement memory statement)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                Messages.STATEMENT_TYPEHASH,
                client,
                statement.round,
                statement.watermark,
                keccak256(abi.encodePacked(statement.except)),
                keccak256(abi.encodePacked(statement.tokens)),
                keccak256(abi.encodePacked(statement.sold)),
                keccak256(abi.encodePacked(statement.bought))
            )
        );
    }

    /// @dev A copy of the statement about `client`, signed by `key`.
    function signedBy(uint256 key, uint256 client, Statement memory statement)
        internal
        view
        returns (Statement[] memory signed)
    {
        signed = new Statement[](1);
        signed[0] = Statement(
            statement.round,
            statement.watermark,
            statement.except,
            statement.tokens,
            statement.sold,
            statement.bought,
            sign(key, statementHash(clients[client], statement))
        );
    }

    function byClient(uint256 client, Statement memory statement)
        internal
        view
        returns (Statement[] memory)
    {
        return signedBy(keyOf(client), client, statement);
    }

    function countersigned(uint256 client, Statement memory statement)
        internal
        view
        returns (Statement[] memory)
    {
        return signedBy(OPERATOR_KEY, client, statement);
    }

    function coversOf(Statement[] memory statements) internal pure returns (Cover[] memory covers) {
        covers = new Cover[](statements.length);
        for (uint256 i = 0; i < covers.length; ++i) {
            covers[i] = Cover(statements[i].round, statements[i].watermark, statements[i].except);
        }
    }

    function noIds() internal pure returns (uint64[] memory) {
        return new uint64[](0);
    }

    function oneId(uint64 id) internal pure returns (uint64[] memory ids) {
        ids = new uint64[](1);
        ids[0] = id;
    }

    // ------------------------------------------------------------------ disputes

    function one(PresentedFill memory fill) internal pure returns (PresentedFill[] memory fills) {
        fills = new PresentedFill[](1);
        fills[0] = fill;
    }

    function one(SignedOrder memory order) internal pure returns (SignedOrder[] memory orders) {
        orders = new SignedOrder[](1);
        orders[0] = order;
    }

    function one(SignedOrder memory order, uint128 sold, uint128 bought)
        internal
        pure
        returns (Execution[] memory executions)
    {
        executions = new Execution[](1);
        executions[0] = Execution(order, sold, bought);
    }

    function noFills() internal pure returns (PresentedFill[] memory) {
        return new PresentedFill[](0);
    }

    function noDeposit() internal pure returns (DepositRef memory none) {}

    function noStatements() internal pure returns (Statement[] memory) {
        return new Statement[](0);
    }

    function noCovers() internal pure returns (Cover[] memory) {
        return new Cover[](0);
    }

    function noDelegation() internal pure returns (Delegation memory none) {}

    /// @dev With the client's proofs of the round before.
    function openWithProofs(uint256 client, PresentedFill[] memory fills) internal {
        BalanceProof[] memory proofs = proofsOf(client, roundNow() - 1);
        vm.deal(clients[client], bond());
        vm.prank(clients[client]);
        mediator.openDispute{value: bond()}(
            clients[client], proofs, noDeposit(), fills, noDelegation(), noStatements()
        );
    }

    /// @dev Naming a deposit of `token` in `round`.
    function openByDeposit(
        uint256 client,
        uint256 token,
        uint64 round,
        PresentedFill[] memory fills
    ) internal {
        vm.deal(clients[client], bond());
        vm.prank(clients[client]);
        mediator.openDispute{value: bond()}(
            clients[client],
            new BalanceProof[](0),
            DepositRef(address(tokens[token]), round),
            fills,
            noDelegation(),
            noStatements()
        );
    }

    function prove(uint256 client, uint64 round, bool restart, Execution[] memory executions)
        internal
    {
        vm.prank(operator);
        mediator.proveExecutions(clients[client], round, restart, executions, noStatements());
    }

    /// @dev Answers a dispute that was opened with proofs, out of the honest trees.
    function closeShown(uint256 client, uint64 round) internal {
        close(client, round, openingsOf(client, round - 1), new BalanceProof[](0));
    }

    /// @dev Answers a dispute that was opened by a deposit, with the honest opening leaves.
    function closeProving(uint256 client, uint64 round) internal {
        close(client, round, new uint128[](0), proofsOf(client, round - 1));
    }

    function close(
        uint256 client,
        uint64 round,
        uint128[] memory openings,
        BalanceProof[] memory proofs
    ) internal {
        BalanceProof[] memory closings = proofsOf(client, round);
        vm.prank(operator);
        mediator.closeDispute(
            clients[client],
            round,
            DisputeAnswer(
                new Execution[](0), openings, proofs, closings, noStatements(), noCovers()
            )
        );
    }

    /// @dev Answers a dispute that was opened with proofs, `executions` in the same call.
    function closeWith(uint256 client, uint64 round, Execution[] memory executions) internal {
        uint128[] memory openings = openingsOf(client, round - 1);
        BalanceProof[] memory closings = proofsOf(client, round);
        vm.prank(operator);
        mediator.closeDispute(
            clients[client],
            round,
            DisputeAnswer(
                executions, openings, new BalanceProof[](0), closings, noStatements(), noCovers()
            )
        );
    }
}
