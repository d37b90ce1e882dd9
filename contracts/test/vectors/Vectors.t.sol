// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Messages} from "../../src/libraries/Messages.sol";
import {SumTree} from "../../src/libraries/SumTree.sol";
import {
    BalanceProof,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder,
    Statement
} from "../../src/types/Types.sol";
import {Test} from "../base/Test.sol";

/// @title The libraries agree with what the TypeScript side writes (tools/vectors.ts)
contract VectorsTest is Test {
    error Differs(string what, uint256 row);

    string private json;

    // The libraries take calldata: these are called from outside.

    function verify(bytes32 committed, address client, BalanceProof calldata proof) external pure {
        SumTree.verify(committed, client, proof);
    }

    function hashOrder(address owner, SignedOrder calldata order) external pure returns (bytes32) {
        return Messages.hashOrder(owner, order);
    }

    function hashFill(address owner, uint64 round, PresentedFill calldata fill)
        external
        pure
        returns (bytes32)
    {
        return Messages.hashFill(owner, round, fill);
    }

    function hashCommit(uint64 round, Root[] calldata roots) external pure returns (bytes32) {
        return Messages.hashCommit(round, roots);
    }

    function hashStatement(address client, Statement calldata statement)
        external
        pure
        returns (bytes32)
    {
        return Messages.hashStatement(client, statement);
    }

    function signer(bytes32 domain, bytes32 structHash, Signature calldata signature)
        external
        pure
        returns (address)
    {
        return Messages.signer(domain, structHash, signature);
    }

    // ------------------------------------------------------------------ tests

    function test_sumTreeProofs() public {
        json = vm.readFile("test/vectors/sumTree.json");
        address[] memory clients = vm.parseJsonAddressArray(json, ".rows.client");
        bytes32[] memory commitments = vm.parseJsonBytes32Array(json, ".rows.commitment");
        bool[] memory valid = vm.parseJsonBoolArray(json, ".rows.valid");
        BalanceProof[] memory proofs = readProofs();
        uint256 refused = 0;
        for (uint256 i = 0; i < proofs.length; ++i) {
            try this.verify(commitments[i], clients[i], proofs[i]) {
                if (!valid[i]) revert Differs("accepted", i);
            } catch {
                if (valid[i]) revert Differs("refused", i);
                ++refused;
            }
        }
        if (proofs.length < 100 || refused < 20) revert Differs("rows", proofs.length);
    }

    function test_rootCommitments() public {
        json = vm.readFile("test/vectors/sumTree.json");
        bytes32[] memory nodes = vm.parseJsonBytes32Array(json, ".roots.node");
        uint256[] memory totals = vm.parseJsonUintArray(json, ".roots.total");
        uint256[] memory counts = vm.parseJsonUintArray(json, ".roots.leafCount");
        bytes32[] memory expected = vm.parseJsonBytes32Array(json, ".roots.commitment");
        for (uint256 i = 0; i < nodes.length; ++i) {
            bytes32 found = SumTree.commitment(nodes[i], uint128(totals[i]), uint64(counts[i]));
            if (found != expected[i]) revert Differs("commitment", i);
        }
    }

    function test_orders() public {
        json = vm.readFile("test/vectors/messages.json");
        bytes32 domain = vm.parseJsonBytes32(json, ".domain.separator");
        address[] memory owners = vm.parseJsonAddressArray(json, ".orders.owner");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".orders.structHash");
        address[] memory signers = vm.parseJsonAddressArray(json, ".orders.signer");
        SignedOrder[] memory orders = readOrders();
        Signature[] memory signatures = readSignatures(".orders");
        for (uint256 i = 0; i < orders.length; ++i) {
            if (this.hashOrder(owners[i], orders[i]) != hashes[i]) revert Differs("order", i);
            if (this.signer(domain, hashes[i], signatures[i]) != signers[i]) {
                revert Differs("signer of an order", i);
            }
        }
    }

    function test_fills() public {
        json = vm.readFile("test/vectors/messages.json");
        bytes32 domain = vm.parseJsonBytes32(json, ".domain.separator");
        address[] memory owners = vm.parseJsonAddressArray(json, ".fills.owner");
        uint256[] memory rounds = vm.parseJsonUintArray(json, ".fills.round");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".fills.structHash");
        address[] memory signers = vm.parseJsonAddressArray(json, ".fills.signer");
        PresentedFill[] memory fills = readFills();
        Signature[] memory signatures = readSignatures(".fills");
        for (uint256 i = 0; i < fills.length; ++i) {
            bytes32 found = this.hashFill(owners[i], uint64(rounds[i]), fills[i]);
            if (found != hashes[i]) revert Differs("fill", i);
            if (this.signer(domain, hashes[i], signatures[i]) != signers[i]) {
                revert Differs("signer of a fill", i);
            }
        }
    }

    function test_commits() public {
        json = vm.readFile("test/vectors/messages.json");
        uint256[] memory rounds = vm.parseJsonUintArray(json, ".commits.round");
        uint256[] memory offsets = vm.parseJsonUintArray(json, ".commits.rootOffset");
        uint256[] memory counts = vm.parseJsonUintArray(json, ".commits.rootCount");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".commits.structHash");
        for (uint256 i = 0; i < rounds.length; ++i) {
            bytes32 found = this.hashCommit(uint64(rounds[i]), readRoots(offsets[i], counts[i]));
            if (found != hashes[i]) revert Differs("commit", i);
        }
    }

    function test_statements() public {
        json = vm.readFile("test/vectors/messages.json");
        address[] memory owners = vm.parseJsonAddressArray(json, ".statements.client");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".statements.structHash");
        if (hashes.length < 5) revert Differs("rows", hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            bytes32 found = this.hashStatement(owners[i], readStatement(i));
            if (found != hashes[i]) revert Differs("statement", i);
        }
    }

    // ------------------------------------------------------------------ reading

    function readStatement(uint256 row) private view returns (Statement memory statement) {
        statement.round = uint64(vm.parseJsonUintArray(json, ".statements.round")[row]);
        statement.watermark = uint64(vm.parseJsonUintArray(json, ".statements.watermark")[row]);
        uint256 offset = vm.parseJsonUintArray(json, ".statements.exceptOffset")[row];
        uint256 count = vm.parseJsonUintArray(json, ".statements.exceptCount")[row];
        uint256[] memory ids = vm.parseJsonUintArray(json, ".excepts.id");
        statement.except = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            statement.except[i] = uint64(ids[offset + i]);
        }
        offset = vm.parseJsonUintArray(json, ".statements.sumOffset")[row];
        count = vm.parseJsonUintArray(json, ".statements.sumCount")[row];
        address[] memory tokens = vm.parseJsonAddressArray(json, ".sums.token");
        uint256[] memory sold = vm.parseJsonUintArray(json, ".sums.sold");
        uint256[] memory bought = vm.parseJsonUintArray(json, ".sums.bought");
        statement.tokens = new address[](count);
        statement.sold = new uint128[](count);
        statement.bought = new uint128[](count);
        for (uint256 i = 0; i < count; ++i) {
            statement.tokens[i] = tokens[offset + i];
            statement.sold[i] = uint128(sold[offset + i]);
            statement.bought[i] = uint128(bought[offset + i]);
        }
    }

    function readProofs() private view returns (BalanceProof[] memory proofs) {
        uint256[] memory balances = vm.parseJsonUintArray(json, ".rows.balance");
        uint256[] memory indices = vm.parseJsonUintArray(json, ".rows.index");
        uint256[] memory counts = vm.parseJsonUintArray(json, ".rows.leafCount");
        uint256[] memory offsets = vm.parseJsonUintArray(json, ".rows.siblingOffset");
        uint256[] memory lengths = vm.parseJsonUintArray(json, ".rows.siblingCount");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".siblings.hash");
        uint256[] memory sums = vm.parseJsonUintArray(json, ".siblings.sum");
        proofs = new BalanceProof[](balances.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            proofs[i].balance = uint128(balances[i]);
            proofs[i].index = uint64(indices[i]);
            proofs[i].leafCount = uint64(counts[i]);
            proofs[i].siblings = new Sibling[](lengths[i]);
            for (uint256 j = 0; j < lengths[i]; ++j) {
                proofs[i].siblings[j] =
                    Sibling(hashes[offsets[i] + j], uint128(sums[offsets[i] + j]));
            }
        }
    }

    function readOrders() private view returns (SignedOrder[] memory orders) {
        uint256[] memory rounds = vm.parseJsonUintArray(json, ".orders.round");
        uint256[] memory ids = vm.parseJsonUintArray(json, ".orders.id");
        address[] memory sellTokens = vm.parseJsonAddressArray(json, ".orders.sellToken");
        uint256[] memory sellAmounts = vm.parseJsonUintArray(json, ".orders.sellAmount");
        address[] memory buyTokens = vm.parseJsonAddressArray(json, ".orders.buyToken");
        uint256[] memory buyAmounts = vm.parseJsonUintArray(json, ".orders.buyAmount");
        uint256[] memory intents = vm.parseJsonUintArray(json, ".orders.intent");
        orders = new SignedOrder[](rounds.length);
        for (uint256 i = 0; i < rounds.length; ++i) {
            orders[i].round = uint64(rounds[i]);
            orders[i].id = uint64(ids[i]);
            orders[i].sellToken = sellTokens[i];
            orders[i].sellAmount = uint128(sellAmounts[i]);
            orders[i].buyToken = buyTokens[i];
            orders[i].buyAmount = uint128(buyAmounts[i]);
            orders[i].intent = uint8(intents[i]);
        }
    }

    function readFills() private view returns (PresentedFill[] memory fills) {
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".fills.orderHash");
        uint256[] memory sold = vm.parseJsonUintArray(json, ".fills.sold");
        uint256[] memory bought = vm.parseJsonUintArray(json, ".fills.bought");
        uint256[] memory sequences = vm.parseJsonUintArray(json, ".fills.sequence");
        fills = new PresentedFill[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            fills[i].orderHash = hashes[i];
            fills[i].sold = uint128(sold[i]);
            fills[i].bought = uint128(bought[i]);
            fills[i].sequence = uint64(sequences[i]);
        }
    }

    function readSignatures(string memory kind) private view returns (Signature[] memory found) {
        bytes32[] memory rs = vm.parseJsonBytes32Array(json, string.concat(kind, ".r"));
        bytes32[] memory vss = vm.parseJsonBytes32Array(json, string.concat(kind, ".vs"));
        uint256[] memory offsets = vm.parseJsonUintArray(json, string.concat(kind, ".pathOffset"));
        uint256[] memory counts = vm.parseJsonUintArray(json, string.concat(kind, ".pathCount"));
        bytes32[] memory steps = vm.parseJsonBytes32Array(json, ".path.step");
        found = new Signature[](rs.length);
        for (uint256 i = 0; i < rs.length; ++i) {
            found[i].r = rs[i];
            found[i].vs = vss[i];
            found[i].path = new bytes32[](counts[i]);
            for (uint256 j = 0; j < counts[i]; ++j) {
                found[i].path[j] = steps[offsets[i] + j];
            }
        }
    }

    function readRoots(uint256 offset, uint256 count) private view returns (Root[] memory roots) {
        address[] memory tokens = vm.parseJsonAddressArray(json, ".roots.token");
        bytes32[] memory nodes = vm.parseJsonBytes32Array(json, ".roots.node");
        uint256[] memory totals = vm.parseJsonUintArray(json, ".roots.total");
        uint256[] memory counts = vm.parseJsonUintArray(json, ".roots.leafCount");
        roots = new Root[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 at_ = offset + i;
            roots[i] = Root(tokens[at_], nodes[at_], uint128(totals[at_]), uint64(counts[at_]));
        }
    }
}
