"""Twelve planted bugs, twelve caught; and nothing is objected to where no bug was planted."""

from __future__ import annotations

import pytest

from drills.mutants.bugs import BUGS
from drills.mutants.mutant import Mutant
from drills.simulation.play import Outcome, Play, opened

SEEDS = range(500)  # the hardest to catch needs about a hundred of them


def first_objection() -> Outcome | None:
    """What is objected to first, if anything is."""
    return next((outcome for seed in SEEDS if (outcome := Play(seed).run()).problems), None)


@pytest.fixture(autouse=True, scope="module")
def centre_without_bugs() -> None:
    """The centre opens before any bug is planted."""
    for late in (None, "billing", "notifications"):
        opened(late)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Mutant, record_property: pytest.RecordProperty) -> None:
    with bug.planted():
        caught = first_objection()
    assert caught is not None, f"{len(SEEDS)} histories, and nobody noticed that {bug.name}"
    record_property("caught_by", caught.problems[0])
    print(f"{bug.name}: seed {caught.seed}, {caught.problems[0][:120]}")
    assert not Play(caught.seed).run().problems  # the same history without the bug


def test_there_are_twelve() -> None:
    assert len({bug.name for bug in BUGS}) == 12
