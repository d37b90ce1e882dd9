// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The cheatcodes of forge that contract tests here use
/// @dev Signatures are forge's own; a missing one is added here, not in a test. Those that only
/// compute are `pure` although calls to another address: forge answers them without state.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// @dev Of one call, its own calls included, without 21,000 and calldata.
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    // ------------------------------------------------------------------ who calls

    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function startPrank(address sender) external;
    function stopPrank() external;

    // ------------------------------------------------------------------ the chain's state

    function roll(uint256 number) external;
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    /// @dev Use it instead of `block.number` after `roll`: the optimizer takes that for a constant
    /// of the transaction.
    function getBlockNumber() external view returns (uint256);
    function getBlockTimestamp() external view returns (uint256);
    function deal(address account, uint256 balance) external;
    /// @dev Of an artifact, `File.sol:Contract`, so that tests need not compile it again.
    function deployCode(string calldata artifact, bytes calldata arguments)
        external
        returns (address deployed);
    function getCode(string calldata artifact) external view returns (bytes memory creationCode);
    function etch(address account, bytes calldata code) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function setNonce(address account, uint64 nonce) external;
    function getNonce(address account) external view returns (uint64);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool reverted);
    function revertToStateAndDelete(uint256 id) external returns (bool reverted);
    function mockCall(address callee, bytes calldata data, bytes calldata returned) external;
    function mockCallRevert(address callee, bytes calldata data, bytes calldata revertData) external;
    function clearMockedCalls() external;

    // ------------------------------------------------------------------ what must happen next

    function expectRevert() external;
    /// @dev The whole revert data is the selector: an error without values.
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata revertData) external;
    /// @dev Whatever the error's values are.
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function expectCall(address callee, bytes calldata data) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory logs);

    // ------------------------------------------------------------------ keys

    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    /// @dev EIP-2098.
    function signCompact(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 vs);

    // ------------------------------------------------------------------ fuzzing and reports

    function assume(bool condition) external pure;
    function skip(bool skipped, string calldata reason) external;
    function label(address account, string calldata name) external;

    // ------------------------------------------------------------------ gas, written to `gas/`

    function startSnapshotGas(string calldata group, string calldata name) external;
    function stopSnapshotGas() external returns (uint256 gasUsed);
    function snapshotGasLastCall(string calldata group, string calldata name)
        external
        returns (uint256 gasUsed);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    /// @dev Slots touched earlier in the test cost again what they cost in a new transaction.
    function cool(address account) external;
    function lastCallGas() external view returns (Gas memory gas);
    /// @dev For the rest of the test.
    function pauseGasMetering() external;
    function resumeGasMetering() external;

    // ------------------------------------------------------------------ vectors

    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonKeys(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonUint(string calldata json, string calldata key)
        external
        pure
        returns (uint256);
    function parseJsonAddress(string calldata json, string calldata key)
        external
        pure
        returns (address);
    function parseJsonBytes32(string calldata json, string calldata key)
        external
        pure
        returns (bytes32);
    function parseJsonBytes(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function parseJsonBoolArray(string calldata json, string calldata key)
        external
        pure
        returns (bool[] memory);
    function parseJsonUintArray(string calldata json, string calldata key)
        external
        pure
        returns (uint256[] memory);
    function parseJsonAddressArray(string calldata json, string calldata key)
        external
        pure
        returns (address[] memory);
    function parseJsonBytes32Array(string calldata json, string calldata key)
        external
        pure
        returns (bytes32[] memory);
    function parseJsonBytesArray(string calldata json, string calldata key)
        external
        pure
        returns (bytes[] memory);
    function parseJsonStringArray(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);

    // ------------------------------------------------------------------ words

    function toString(bool value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function toString(int256 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);

    // ------------------------------------------------------------------ asserts, see Test.sol

    function assertTrue(bool holds, string calldata what) external pure;
    function assertFalse(bool holds, string calldata what) external pure;
    function assertEq(bool found, bool expected, string calldata what) external pure;
    function assertEq(uint256 found, uint256 expected, string calldata what) external pure;
    function assertEq(int256 found, int256 expected, string calldata what) external pure;
    function assertEq(address found, address expected, string calldata what) external pure;
    function assertEq(bytes32 found, bytes32 expected, string calldata what) external pure;
    function assertEq(bytes calldata found, bytes calldata expected, string calldata what)
        external
        pure;
    function assertEq(string calldata found, string calldata expected, string calldata what)
        external
        pure;
    function assertNotEq(uint256 found, uint256 other, string calldata what) external pure;
    function assertNotEq(address found, address other, string calldata what) external pure;
    function assertNotEq(bytes32 found, bytes32 other, string calldata what) external pure;
    function assertLt(uint256 found, uint256 bound, string calldata what) external pure;
    function assertLe(uint256 found, uint256 bound, string calldata what) external pure;
    function assertGt(uint256 found, uint256 bound, string calldata what) external pure;
    function assertGe(uint256 found, uint256 bound, string calldata what) external pure;
}
