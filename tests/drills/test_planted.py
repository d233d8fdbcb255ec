"""Bugs that are planted in SQL, messaging, commands and the gateway: those whose tests need no servers are caught here.

`./nanum mutate --planted` plants all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.mutants.bugs import BUGS
from drills.mutants.planted import CAUGHT, MISSED, Planted, caught, each_caught, listed
from drills.mutation.project_copy import ProjectCopy

ROOT = Path(__file__).resolve().parents[2]
PLANTED = listed()
PLACES = ("eventstore/sql", "jobs/queue", "store.py", "readmodels", "messaging", "gateway")


@pytest.fixture(scope="module")
def copy():
    with ProjectCopy() as copy:
        yield copy


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_words_of_a_bug_are_in_its_file_and_its_tests_are_there(bug: Planted) -> None:
    text = (ROOT / bug.file).read_text()
    assert bug.in_text(text) != text
    for test in bug.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0].rpartition("::")[2] in (ROOT / file).read_text()


def test_the_bugs_that_need_no_servers_are_caught_by_the_tests_that_they_name(copy: ProjectCopy) -> None:
    missed = each_caught([copy], [bug for bug in PLANTED if bug.alone])
    assert not missed, ", ".join(bug.name for bug in missed)


def test_a_bug_that_no_test_notices_is_said_to_be_missed(copy: ProjectCopy) -> None:
    said = '"""Events, states and contracts as JSON.'
    harmless = Planted(
        "another docstring", "services/chassis/foundation/codec.py", said, '"""Not ', ("tests/unit/chassis",)
    )
    assert caught(copy, harmless) == (MISSED, "")
    broken = Planted("no codec", harmless.file, said, f"raise ImportError\n{said}", harmless.tests)
    assert caught(copy, broken)[0] == CAUGHT


def test_there_are_sixty_of_which_twenty_live_in_sql_messaging_and_the_gateway() -> None:
    names = {bug.name for bug in (*PLANTED, *BUGS)}
    assert len(names) == len(PLANTED) + len(BUGS) >= 60
    assert sum(any(place in bug.file for place in PLACES) for bug in PLANTED) >= 20
