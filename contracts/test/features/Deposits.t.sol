// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IMediator} from "../../src/interfaces/IMediator.sol";
import {MediatorTest} from "../base/MediatorTest.sol";

/// @title Deposits by permit, and of tokens listed later
contract DepositsTest is MediatorTest {
    uint256 private constant ANN = 0;
    bytes32 private constant PERMIT_TYPEHASH = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    function test_depositWithPermit_alsoWhenSomebodySentThePermitFirst() public {
        (address ann, uint256 never) = (clients[ANN], type(uint256).max);
        tokens[1].mint(ann, 100);
        bytes32 structHash =
            keccak256(abi.encode(PERMIT_TYPEHASH, ann, address(mediator), 100, 0, never));
        bytes32 digest =
            keccak256(abi.encodePacked(hex"1901", tokens[1].DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(ANN), digest);
        tokens[1].permit(ann, address(mediator), 100, never, v, r, s);
        vm.prank(ann);
        mediator.depositWithPermit(address(tokens[1]), 100, never, v, r, s);
        assertEq(mediator.clientFlows(ann, address(tokens[1]), 0).deposits, 100);
    }

    function test_tokenListedLaterIsCommittedFromTheNextRoundOn() public {
        deposit(ANN, 0, 100);
        honestlyTo(2);
        address stranger = address(0x57);
        vm.expectRevert(abi.encodeWithSelector(IMediator.TokenNotListed.selector, stranger));
        vm.prank(clients[ANN]);
        mediator.deposit(stranger, 5);
        uint256 late = addToken();
        deposit(ANN, late, 5);
        assertEq(mediator.tokenSet(2).length, 2);
        assertEq(mediator.tokenSet(3).length, 3);
        honestlyTo(3);
        assertEq(mediator.committedRound(), 3);
        assertEq(mediator.expectedTotal(address(tokens[late])), 5, "committed with the others");
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, clients[ANN])
        );
        vm.prank(clients[ANN]);
        mediator.listToken(address(0x1));
    }
}
