// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoundRobinOperatorManager} from "../../src/interfaces/IRoundRobinOperatorManager.sol";
import {Test} from "./Test.sol";

/// @title Deploys what users deploy: the optimized artifacts, never a compile of the tests' own
/// @notice `[profile.contracts]` of foundry.toml makes them; `node tools/build-contracts.ts` runs it.
abstract contract Artifacts is Test {
    /// @dev Of contract `name` in `name.sol`, with ABI-encoded constructor arguments. Reverts as the
    /// constructor does, which `vm.deployCode` would hide.
    function deployArtifact(string memory name, bytes memory arguments)
        internal
        returns (address deployed)
    {
        string memory path = string.concat("out/contracts/", name, ".sol/", name, ".json");
        bytes memory code = abi.encodePacked(vm.getCode(path), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
            if iszero(deployed) {
                let reason := mload(0x40)
                returndatacopy(reason, 0, returndatasize())
                revert(reason, returndatasize())
            }
        }
    }

    function deployTurns(address owner, uint32 genesisBlocks, uint32 slotBlocks)
        internal
        returns (IRoundRobinOperatorManager)
    {
        bytes memory arguments = abi.encode(owner, genesisBlocks, slotBlocks);
        return IRoundRobinOperatorManager(deployArtifact("RoundRobinOperatorManager", arguments));
    }

    /// @dev What the owner of `owned`, a Mediator or a manager, may do with its ownership.
    function ownershipOf(address owned) internal pure returns (Ownable2Step) {
        return Ownable2Step(owned);
    }
}
