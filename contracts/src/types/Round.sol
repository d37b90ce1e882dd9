// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Number of a round, 0 for the one that begins with the deployment.
type Round is uint64;

using Rounds for Round global;
using {sameRound as ==, otherRound as !=, roundBefore as <, roundUpTo as <=} for Round global;

function sameRound(Round a, Round b) pure returns (bool) {
    return Round.unwrap(a) == Round.unwrap(b);
}

function otherRound(Round a, Round b) pure returns (bool) {
    return Round.unwrap(a) != Round.unwrap(b);
}

function roundBefore(Round a, Round b) pure returns (bool) {
    return Round.unwrap(a) < Round.unwrap(b);
}

function roundUpTo(Round a, Round b) pure returns (bool) {
    return Round.unwrap(a) <= Round.unwrap(b);
}

/// @title Steps between rounds
library Rounds {
    /// @notice Reverts beyond 2^64 - 1.
    function plus(Round round, uint64 rounds) internal pure returns (Round) {
        return Round.wrap(Round.unwrap(round) + rounds);
    }

    /// @notice Reverts below round 0.
    function minus(Round round, uint64 rounds) internal pure returns (Round) {
        return Round.wrap(Round.unwrap(round) - rounds);
    }

    function isFirst(Round round) internal pure returns (bool) {
        return Round.unwrap(round) == 0;
    }

    /// @notice The number, as events, errors and the ABI carry it.
    function raw(Round round) internal pure returns (uint64) {
        return Round.unwrap(round);
    }
}
