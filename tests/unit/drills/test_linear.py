"""The linearizability checker against twenty good histories of an item and twenty bad ones."""

from __future__ import annotations

import math

import pytest

from drills.chaos.linear import Step, linearizable

FREE, LENT, CHECKING = "free", "lent", "checking"
NEVER = math.inf


def lend(rental: str, began: float, ended: float, certain: bool = True) -> Step:
    return Step("lend", rental, began, ended, certain)


def back(rental: str, began: float, ended: float, certain: bool = True) -> Step:
    return Step("return", rental, began, ended, certain)


def seen(state: str, began: float, ended: float, rental: str = "") -> Step:
    return Step("is", rental, began, ended, state=state)


GOOD = {
    "nothing happened": [],
    "free all the time": [seen(FREE, 0, 1), seen(FREE, 2, 3)],
    "lent": [lend("a", 0, 1)],
    "lent and seen": [lend("a", 0, 1), seen(LENT, 2, 3, "a")],
    "lent and back": [lend("a", 0, 1), back("a", 2, 3), seen(CHECKING, 4, 5, "a")],
    "free again by itself": [lend("a", 0, 1), back("a", 2, 3), seen(FREE, 4, 5)],
    "lent on after the check": [lend("a", 0, 1), back("a", 2, 3), lend("b", 4, 5), seen(LENT, 6, 7, "b")],
    "a read beside the lend sees it before": [lend("a", 0, 5), seen(FREE, 1, 2)],
    "a read beside the lend sees it after": [lend("a", 0, 5), seen(LENT, 1, 2, "a")],
    "two reads beside the lend, in order": [lend("a", 0, 9), seen(FREE, 1, 2), seen(LENT, 3, 4, "a")],
    "an unknown lend that happened": [lend("a", 0, NEVER, False), seen(LENT, 5, 6, "a")],
    "an unknown lend that did not": [lend("a", 0, NEVER, False), seen(FREE, 5, 6), lend("b", 7, 8)],
    "an unknown return that happened": [lend("a", 0, 1), back("a", 2, NEVER, False), seen(CHECKING, 5, 6, "a")],
    "an unknown return that did not": [lend("a", 0, 1), back("a", 2, NEVER, False), seen(LENT, 5, 6, "a")],
    "a return twice": [lend("a", 0, 1), back("a", 2, 3), back("a", 4, 5)],
    "a late second return does not disturb": [lend("a", 0, 1), back("a", 2, 3), lend("b", 4, 5), back("a", 6, 7)],
    "two lends at once, one after the other": [lend("b", 0, 20), back("b", 12, 20), lend("a", 0, 9), back("a", 8, 11)],
    "a slow lend falls into the gap": [lend("a", 0, 1), back("a", 2, 3), lend("b", 0, 9)],
    "refused as the other had it": [lend("a", 0, 1), seen(LENT, 0.5, 2, "a"), back("a", 3, 4)],
    "three rentals on end": [
        step for n in range(3) for step in (lend(f"r{n}", 4 * n, 4 * n + 1), back(f"r{n}", 4 * n + 2, 4 * n + 3))
    ],
}

BAD = {
    "lent twice": [lend("a", 0, 1), lend("b", 2, 3)],
    "lent twice at once": [lend("a", 0, 3), lend("b", 1, 2)],
    "lent twice and one comes back later": [lend("a", 0, 3), lend("b", 1, 2), back("a", 4, 5)],
    "free after it was lent": [lend("a", 0, 1), seen(FREE, 2, 3)],
    "with somebody who never had it": [seen(LENT, 0, 1, "a")],
    "with somebody else": [lend("a", 0, 1), seen(LENT, 2, 3, "b")],
    "seen lent before it was": [seen(LENT, 0, 1, "a"), lend("a", 2, 3)],
    "returned and never lent": [back("a", 0, 1)],
    "returned before it was lent": [back("a", 0, 1), lend("a", 2, 3)],
    "still out after its return": [lend("a", 0, 1), back("a", 2, 3), seen(LENT, 4, 5, "a")],
    "being checked and never lent": [seen(CHECKING, 0, 1)],
    "being checked while it is out": [lend("a", 0, 1), seen(CHECKING, 2, 3), back("a", 4, 5)],
    "a lost lend": [lend("a", 0, 1), lend("b", 2, 3), back("b", 4, 5)],
    "a lost return": [lend("a", 0, 1), back("a", 2, 3), seen(LENT, 4, 5, "a"), lend("b", 6, 7)],
    "reads in the wrong order": [lend("a", 0, 9), seen(LENT, 1, 2, "a"), seen(FREE, 3, 4)],
    "an unknown lend seen and gone": [lend("a", 0, NEVER, False), seen(LENT, 1, 2, "a"), seen(FREE, 3, 4)],
    "an unknown lend before it was sent": [seen(LENT, 0, 1, "a"), lend("a", 2, NEVER, False)],
    "checked for the wrong rental": [lend("a", 0, 1), back("a", 2, 3), seen(CHECKING, 4, 5, "b")],
    "given back by the wrong one": [lend("a", 0, 1), back("b", 2, 3)],
    "two of three rentals overlap": [
        lend("a", 0, 1),
        back("a", 2, 3),
        lend("b", 4, 5),
        lend("c", 6, 7),
        back("b", 8, 9),
    ],
}


def test_there_are_twenty_of_each() -> None:
    assert (len(GOOD), len(BAD)) == (20, 20)


@pytest.mark.parametrize("steps", GOOD.values(), ids=GOOD.keys())
def test_good_histories_fit_into_an_order(steps: list[Step]) -> None:
    assert linearizable(steps)


@pytest.mark.parametrize("steps", BAD.values(), ids=BAD.keys())
def test_bad_histories_fit_into_none(steps: list[Step]) -> None:
    assert not linearizable(steps)


def test_a_rental_that_was_cancelled_may_let_go_by_itself() -> None:
    steps = [lend("a", 0, 1), seen(FREE, 2, 3)]
    assert linearizable(steps, {"a"}) and not linearizable(steps, {"b"})


def test_hundreds_of_operations_are_decided_quickly() -> None:
    steps = [s for n in range(200) for s in (lend(f"r{n}", 4 * n, 4 * n + 2.5), back(f"r{n}", 4 * n + 2, 4 * n + 4.5))]
    assert linearizable(steps)
    assert not linearizable([*steps, seen(LENT, 1000, 1001, "r3")])
