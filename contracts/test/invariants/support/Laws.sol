// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "../../base/Test.sol";

interface IWorld {
    function setUp() external;
    function actions() external view returns (bytes4[] memory);
    function check() external;
    function finish(uint256 seed) external;
    function did(string calldata what) external view returns (uint256);
}

/// @title Plays a world: forge draws actions and seeds, and after each of them the laws are checked
/// @dev Worlds are deployed by their artifacts: with `new`, each would be compiled once more here.
abstract contract Laws is Test {
    IWorld internal world;

    function build(string memory name) internal {
        world = IWorld(vm.deployCode(string.concat(name, ".sol:", name), ""));
        world.setUp();
        targetContract(address(world));
        targetSelectors(address(world), world.actions());
    }

    function afterInvariant() public {
        world.finish(uint256(keccak256(abi.encode(vm.getBlockNumber()))));
    }

    /// @dev One long history with a fixed seed.
    function playOn(uint256 steps, uint256 seed) internal {
        // A long history costs more than forge lets one test spend.
        vm.pauseGasMetering();
        bytes4[] memory actions = world.actions();
        for (uint256 i = 0; i < steps; ++i) {
            // Not the chain of hashes by which a world draws.
            seed = uint256(keccak256(abi.encode("step", i, seed)));
            (bool ok, bytes memory why) =
                address(world).call(abi.encodeWithSelector(actions[seed % actions.length], seed));
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(why, 32), mload(why))
                }
            }
            world.check();
        }
    }

    function assertDid(string memory what) internal view {
        assertGt(world.did(what), 0, string.concat("never happened: ", what));
    }
}
