"""What a kind of fault is: whom it can strike, how long it lasts, and the two halves of it: strike, heal."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.centre import Centre

KINDS: dict[str, Kind] = {}


@dataclass
class Shot:
    """One fault at one target. ``touches``: the processes that have to be ready again; ``note``: what was done."""

    centre: Centre
    dice: random.Random
    target: str
    touches: set[str] = field(default_factory=set)
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


def fault(
    name: str, targets: Sequence[str], *, weight: int = 4, lasts: tuple[float, float] = (0.0, 0.0), smoke: bool = True
) -> Callable[[Callable[[Shot], Iterator[None]]], Callable[[Shot], Iterator[None]]]:
    """Declare a kind: a generator that strikes, yields while the fault lasts, and heals.

    ``smoke``: cheap enough for the smoke test.
    """

    def declare(strike: Callable[[Shot], Iterator[None]]) -> Callable[[Shot], Iterator[None]]:
        KINDS[name] = Kind(name, targets, weight, lasts, contextmanager(strike), smoke)
        return strike

    return declare
