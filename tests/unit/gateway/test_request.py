"""What a request is known by: the id of its command, the ids of what it makes, and what is not there."""

from __future__ import annotations

import asyncio
from itertools import combinations
from typing import Any

import pytest

from gateway.http.auth import Caller
from gateway.http.problems import Problem
from gateway.http.request import command_id, or_none

DESK = Caller("desk", "desk-1", "gwangju-namgu")
OTHERS = (Caller("desk", "desk-2", "gwangju-namgu"), Caller("desk", "desk-1", "seoul-mapo"))


def test_the_same_caller_route_and_key_are_the_same_command() -> None:
    once, again = (command_id(DESK, "POST /v1/rentals", "k", required=True) for _ in range(2))
    assert once == again


def test_another_caller_centre_route_or_key_is_another_command() -> None:
    ids = [command_id(caller, "POST /v1/rentals", "k", required=True) for caller in (DESK, *OTHERS)]
    ids += [
        command_id(DESK, "POST /v1/items", "k", required=True),
        command_id(DESK, "POST /v1/rentals", "l", required=True),
    ]
    assert all(one != other for one, other in combinations(ids, 2))


def test_without_a_key_each_request_is_another_command_unless_one_is_required() -> None:
    once, again = (command_id(DESK, "POST /v1/items", None, required=False) for _ in range(2))
    assert once != again
    with pytest.raises(Problem, match="idempotency_key_missing"):
        command_id(DESK, "POST /v1/rentals", None, required=True)


@pytest.mark.parametrize("key", ["", " k", "k ", "k\n", "é", "k" * 256, "a\x00b"])
def test_a_key_is_printable_and_short(key: str) -> None:
    with pytest.raises(Problem, match="idempotency_key_invalid"):
        command_id(DESK, "POST /v1/rentals", key, required=True)
    assert command_id(DESK, "POST /v1/rentals", "k" * 255, required=True)


def asked(outcome: Any) -> Any:
    async def ask() -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.run(or_none(ask()))


def test_what_is_not_there_is_none_and_what_could_not_be_asked_is_a_problem() -> None:
    assert asked("found") == "found"
    assert asked(Problem("not_found", details={"what": "item"})) is None
    with pytest.raises(Problem, match="service_unavailable"):
        asked(Problem("service_unavailable", details={"service": "rentals"}))
