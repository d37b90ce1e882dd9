// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Mediator} from "../../src/Mediator.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {Messages} from "../../src/libraries/Messages.sol";
import {MutableOperatorManager} from "../../src/managers/MutableOperatorManager.sol";
import {TestToken} from "../../src/mocks/TestToken.sol";
import {
    BalanceProof,
    Delegation,
    DepositRef,
    PresentedFill,
    Root,
    Sibling,
    Signature,
    SignedOrder
} from "../../src/types/Types.sol";

/// @dev The cheatcodes that these tests use.
interface Cheats {
    function prank(address sender) external;
    function roll(uint256 number) external;
    function expectRevert(bytes calldata revertData) external;
    function expectRevert(bytes4 selector) external;
    function expectPartialRevert(bytes4 selector) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function deal(address account, uint256 balance) external;
}

/// @title One Mediator, two tokens, two clients and an operator with keys
abstract contract Harness {
    Cheats internal constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant OPERATOR_KEY = 0xA11;
    uint256 internal constant ADA_KEY = 0xADA;
    uint256 internal constant BOB_KEY = 0xB0B;
    uint64 internal constant ROUND = 64;
    uint64 internal constant QUARTER = 16;
    uint128 internal constant UNIT = 1e18;

    address internal operator = vm.addr(OPERATOR_KEY);
    address internal ada = vm.addr(ADA_KEY);
    address internal bob = vm.addr(BOB_KEY);
    MutableOperatorManager internal manager;
    Mediator internal mediator;
    TestToken internal weth;
    TestToken internal usdc;
    uint64 internal genesis;

    function setUp() public virtual {
        vm.roll(1000);
        manager = new MutableOperatorManager(address(this), operator, "operator", "http://a");
        mediator = new Mediator(manager, ROUND, 0, address(this));
        genesis = mediator.genesisBlock();
        weth = new TestToken("Wrapped Ether", "WETH", 18);
        usdc = new TestToken("Dollar", "USDC", 6);
        mediator.listToken(address(weth));
        mediator.listToken(address(usdc));
    }

    // ------------------------------------------------------------------ asserts

    error NotEqual(uint256 found, uint256 expected);
    error NotTrue(string what);

    function assertEq(uint256 found, uint256 expected) internal pure {
        if (found != expected) revert NotEqual(found, expected);
    }

    function assertTrue(bool holds, string memory what) internal pure {
        if (!holds) revert NotTrue(what);
    }

    // ------------------------------------------------------------------ time and money

    function rollTo(uint64 round, uint64 quarter) internal {
        vm.roll(genesis + round * ROUND + quarter * QUARTER);
    }

    function deposit(address client, TestToken token, uint128 amount) internal {
        token.mint(client, amount);
        vm.prank(client);
        token.approve(address(mediator), amount);
        vm.prank(client);
        mediator.deposit(address(token), amount);
    }

    // ------------------------------------------------------------------ trees of two leaves

    function leaf(address client, uint128 balance) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), client, balance));
    }

    function node(bytes32 left, uint256 leftSum, bytes32 right, uint256 rightSum)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(uint8(1), left, leftSum, right, rightSum));
    }

    /// @dev Ada is leaf 0, Bob leaf 1.
    function rootOf(TestToken token, uint128 adas, uint128 bobs)
        internal
        view
        returns (Root memory)
    {
        bytes32 top = node(leaf(ada, adas), adas, leaf(bob, bobs), bobs);
        return Root(address(token), top, adas + bobs, 2);
    }

    function proofOfAda(uint128 adas, uint128 bobs) internal view returns (BalanceProof memory p) {
        p.balance = adas;
        p.leafCount = 2;
        p.siblings = new Sibling[](1);
        p.siblings[0] = Sibling(leaf(bob, bobs), bobs);
    }

    function proofOfBob(uint128 adas, uint128 bobs) internal view returns (BalanceProof memory p) {
        p.balance = bobs;
        p.index = 1;
        p.leafCount = 2;
        p.siblings = new Sibling[](1);
        p.siblings[0] = Sibling(leaf(ada, adas), adas);
    }

    /// @dev Commits both tokens in quarter 0 of `round`, as the operator.
    function commit(uint64 round, uint128[4] memory balances) internal {
        rollTo(round, 0);
        Root[] memory roots = new Root[](2);
        roots[0] = rootOf(weth, balances[0], balances[1]);
        roots[1] = rootOf(usdc, balances[2], balances[3]);
        vm.prank(operator);
        mediator.commit(roots, new Signature[](0));
    }

    // ------------------------------------------------------------------ signatures

    function compact(uint256 key, bytes32 structHash) internal view returns (Signature memory s) {
        bytes32 digest =
            keccak256(abi.encodePacked(hex"1901", mediator.domainSeparator(), structHash));
        (uint8 v, bytes32 r, bytes32 low) = vm.sign(key, digest);
        s.r = r;
        s.vs = v == 28 ? low | bytes32(uint256(1) << 255) : low;
    }

    function signOrder(uint256 key, address owner, SignedOrder memory order)
        internal
        view
        returns (SignedOrder memory)
    {
        order.signature = compact(key, orderHash(owner, order));
        return order;
    }

    /// @dev Bob sells `amount` WETH for twice as many units of USDC.
    function bobSells(uint64 round, uint64 id, uint128 amount)
        internal
        view
        returns (SignedOrder memory order)
    {
        order.round = round;
        order.id = id;
        order.sellToken = address(weth);
        order.sellAmount = amount;
        order.buyToken = address(usdc);
        order.buyAmount = amount * 2;
        order.intent = 1;
        return signOrder(BOB_KEY, bob, order);
    }

    function orderHash(address owner, SignedOrder memory order) internal pure returns (bytes32) {
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

    function signFill(uint256 key, SignedOrder memory order, uint128 sold, uint128 bought)
        internal
        view
        returns (PresentedFill memory fill)
    {
        fill.orderHash = orderHash(bob, order);
        fill.sold = sold;
        fill.bought = bought;
        fill.sequence = 1;
        fill.signature = compact(
            key,
            keccak256(
                abi.encode(
                    Messages.FILL_TYPEHASH,
                    fill.orderHash,
                    bob,
                    order.round,
                    sold,
                    bought,
                    fill.sequence
                )
            )
        );
    }

    function noDelegation() internal pure returns (Delegation memory delegation) {}

    function byDeposit(TestToken token, uint64 round) internal pure returns (DepositRef memory) {
        return DepositRef(address(token), round);
    }

    function expectHalted(uint64 round) internal {
        vm.expectRevert(abi.encodeWithSelector(IMediator.Halted.selector, round));
    }
}
