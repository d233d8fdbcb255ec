"""Folding a service's views anew from the first fact: what rebuild, verify and reads of the past stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from services.chassis import database
from services.chassis.definition import OWN, Service
from services.chassis.envelope import Message
from services.chassis.feed import Page, heard_in, read_fact
from services.chassis.world import World

Pull = Callable[[int], Page]
Progress = Callable[[str, int, int], None]  # (source, position, of)
PAGE = 5000
_FACTS = database.text(
    "SELECT pos, type, schema, data FROM event WHERE pos > %s AND pos <= %s AND type = ANY(%s) ORDER BY pos LIMIT %s"
)


def quiet(source: str, position: int, of: int) -> None:
    """The progress of nobody watching."""


class Refold:
    """A world that starts empty and takes in facts, own and heard, up to given positions."""

    def __init__(self, service: Service, kinds: Iterable[type], pulls: Mapping[str, Pull], progress: Progress = quiet):
        self.service, self._pulls, self._progress = service, pulls, progress
        wanted = set(kinds)
        self.views = [view for view in service.views if view.kind in wanted and view.source]
        self.world = World(service, lambda kind, keys: [])
        self._types = sorted(service.facts)
        self.at: dict[str, int] = {view.source: 0 for view in self.views}

    def advance(self, conn: database.Connection, to: Mapping[str, int]) -> int:
        """Take in every source's facts up to ``to[source]``; returns how many."""
        count = 0
        for source in self.at:
            count += self._own(conn, to[OWN]) if source == OWN else self._heard(source, to[source])
        return count

    def _own(self, conn: database.Connection, to: int) -> int:
        count = 0
        while self.at[OWN] < to:
            rows = conn.execute(_FACTS, (self.at[OWN], to, self._types, PAGE)).fetchall()
            for _, type, schema, data in rows:
                self.world.fold(read_fact(self.service, type, schema, data))
            count += len(rows)
            self.at[OWN] = rows[-1][0] if len(rows) == PAGE else to
            self._progress(OWN, self.at[OWN], to)
        return count

    def _heard(self, source: str, to: int) -> int:
        count = 0
        while self.at[source] < to:
            messages = [m for m in self._pulls[source](self.at[source]).messages if m.pos <= to]
            for message in messages:
                self._hear(source, message)
            count += len(messages)
            self.at[source] = messages[-1].pos if messages else to
            self._progress(source, self.at[source], to)
        return count

    def _hear(self, source: str, message: Message) -> None:
        heard = heard_in(self.service, source, message)
        if heard is not None:
            self.world.hear(source, heard)

    def behind(self, to: Mapping[str, int]) -> int:
        """How many positions are left up to ``to``."""
        return sum(to[source] - at for source, at in self.at.items())

    def rows(self, kind: type) -> Iterator[Any]:
        """The rows of a view as folded."""
        return self.world.rows(kind)


def as_of(service: Service, conn: database.Connection, kind: Any, key: str, at: datetime) -> Any | None:
    """The row of an aggregate as it stood at an instant: its own stream, folded up to there."""
    world = World(service, lambda kind, keys: [])
    rows = conn.execute(
        database.text("SELECT type, schema, data FROM event WHERE stream = %s AND at <= %s ORDER BY version"),
        (kind.STREAM.format(key), at),
    )
    for type, schema, data in rows:
        world.fold(read_fact(service, type, schema, data))
    return world(kind, key)
