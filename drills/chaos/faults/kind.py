"""What a kind of fault is: whom it can strike, how long it lasts, and the two halves of it: strike, heal."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from drills.chaos.centre import Centre
from services.contracts import SERVICES

USERS = {"postgres": SERVICES, "terminal": ("billing",), "mailbox": ("notifications",)}  # who has to recover from it
Strike = Callable[["Shot"], Iterator[None]]


@dataclass
class Shot:
    """One fault at one target. ``note``: what was done."""

    centre: Centre
    dice: random.Random
    target: str
    note: str = ""
    over: float | None = None  # when recovery could begin, if not when the fault was taken back


class NotNow(Exception):
    """The fault can't be inflicted at this moment, as its target is just not there."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault. ``weight``: how many of a deck of cards; ``lasts``: seconds, from and to."""

    name: str
    targets: Sequence[str]
    weight: int
    lasts: tuple[float, float]
    strike: Callable[[Shot], Any]
    smoke: bool
    touching: bool

    def touches(self, target: str) -> Sequence[str]:
        """The processes that a strike at ``target``, a process, a link of one or a failpoint in one, disturbs."""
        process = re.split("[-@]", target)[0]
        return USERS.get(process, (process,)) if self.touching else ()


KINDS: dict[str, Kind] = {}


def fault(
    name: str,
    targets: Sequence[str],
    weight: int,
    lasts: tuple[float, float] = (0.0, 0.0),
    *,
    smoke: bool = True,
    touching: bool = True,
) -> Callable[[Strike], Strike]:
    """Declare a kind: a generator that strikes, yields while the fault lasts, and heals.

    ``smoke``: cheap enough for the smoke test; ``touching``: disturbs processes that have to be ready again.
    """

    def declare(strike: Strike) -> Strike:
        KINDS[name] = Kind(name, targets, weight, lasts, contextmanager(strike), smoke, touching)
        return strike

    return declare
