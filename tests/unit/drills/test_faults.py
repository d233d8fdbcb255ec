"""Every kind of fault is declared, and what it disturbs has to be ready again."""

import pytest

from drills.chaos.faults import KINDS
from services.contracts import SERVICES

TOUCHED = [
    ("kill a service", "rentals", ("rentals",)),
    ("broker killed", "rabbitmq", ("rabbitmq",)),
    ("Postgres killed", "postgres", SERVICES),
    ("kill the terminal or the mailbox", "mailbox", ("notifications",)),
    ("terminal late", "terminal", ("billing",)),
    ("link slow", "gateway-rentals", ("gateway",)),
    ("failpoint", "billing@relay.after_publish", ("billing",)),
    ("poison", "rentals", ()),
]


def test_there_are_forty_one_kinds_and_each_has_targets() -> None:
    assert len(KINDS) == 41
    assert all(kind.targets and kind.weight and kind.lasts[0] <= kind.lasts[1] for kind in KINDS.values())


@pytest.mark.parametrize(("kind", "target", "touched"), TOUCHED)
def test_a_fault_touches_the_processes_that_its_target_serves(kind: str, target: str, touched: tuple[str, ...]) -> None:
    assert target in KINDS[kind].targets
    assert tuple(KINDS[kind].touches(target)) == tuple(touched)
