"""Folding a service's views anew from the first fact: what rebuild, verify and reads of the past stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from services.chassis import database
from services.chassis.definition import OWN, Service, View
from services.chassis.envelope import Message
from services.chassis.feed import Page, heard_in, read_fact
from services.chassis.kernel import Heard, replace

Pull = Callable[[int], Page]
Progress = Callable[[str, int, int], None]  # (source, position, of)
Step = tuple[type, Callable[[Any], Iterable[str]], Callable[[str, Any, Any], Any], dict[str, Any]]
PART, TOLD = 1000, 10_000  # rows that come together; facts between two tellings of the progress
_FACTS = database.text(
    "SELECT pos, type, schema, stream, version, data FROM event"
    " WHERE pos > %s AND pos <= %s AND type = ANY(%s) ORDER BY pos"
)
_STREAM = database.text(
    "SELECT type, schema, stream, version, data FROM event WHERE stream = %s AND at <= %s ORDER BY version"
)


def quiet(source: str, position: int, of: int) -> None:
    """The progress of nobody watching."""


class Shadow:
    """Some views of a service as rows in memory, grown from facts alone.

    No decision is made here, so nothing is looked up and nothing undone; streams and versions are those of the log.
    """

    def __init__(self, service: Service, kinds: Iterable[type]) -> None:
        wanted = set(kinds)
        self.service = service
        self.views = [view for view in service.views if view.kind in wanted and view.source]
        self._rows: dict[type, dict[str, Any]] = {view.kind: {} for view in self.views}
        self._versions: dict[type, dict[str, int]] = {}
        self._changed: set[tuple[type, str]] | None = None
        self._steps = {
            name: [self._step(view, name) for view in views if view.kind in self._rows]
            for name, views in service.touched_by.items()
        }
        self._roots: dict[str, tuple[type, int, dict[str, int]]] = {}
        for name, fact in service.facts.items():
            root: Any = service.root_of[fact]
            if root in self._rows:
                prefix = len(root.STREAM.partition("{")[0])
                self._roots[name] = (root, prefix, self._versions.setdefault(root, {}))
        self.types = sorted(n for n, fact in service.facts.items() if n in self._roots or self._steps.get(fact))

    def _step(self, view: View, name: Any) -> Step:
        of = name if isinstance(name, type) else name[1]
        return view.kind, view.on[of], view.fold, self._rows[view.kind]

    def own(self, type: str, schema: int, stream: str, version: int, data: str | bytes) -> None:
        """Take in one fact of the service's own log, as it is stored there."""
        fact = read_fact(self.service, type, schema, data)
        self._fold(fact.__class__, fact)
        if type in self._roots:
            root, prefix, versions = self._roots[type]
            versions[stream[prefix:]] = version
            if self._changed is not None:
                self._changed.add((root, stream[prefix:]))

    def hear(self, source: str, heard: Heard) -> None:
        """Take in one fact of another service."""
        self._fold((source, heard.type), heard)

    def listens(self, source: str, type: str) -> bool:
        """Whether a fact of another service changes any of these views."""
        return bool(self._steps.get((source, type)))

    def _fold(self, name: Any, fact: Any) -> None:
        for kind, keys, fold, rows in self._steps.get(name, ()):
            for key in keys(fact):
                row = fold(key, rows.get(key), fact)
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
                if self._changed is not None:
                    self._changed.add((kind, key))

    def row(self, kind: type, key: str) -> Any | None:
        """The row of a key as folded; None when there is none."""
        row, versions = self._rows[kind].get(key), self._versions.get(kind)
        return row if row is None or versions is None else replace(row, version=versions.get(key, row.version))

    def rows(self, kind: type) -> Iterator[Any]:
        """Every row of a view as folded."""
        return (self.row(kind, key) for key in self._rows[kind])

    def count(self, kind: type) -> int:
        """How many rows a view has."""
        return len(self._rows[kind])

    def override(self, kind: type, rows: Iterable[Any]) -> None:
        """Put other rows in the place of all that are there of a state."""
        place = self._rows[kind]
        place.clear()
        place.update((getattr(row, kind.KEY), row) for row in rows)  # type: ignore[attr-defined]

    def mark(self) -> None:
        """Begin to note which rows change."""
        self._changed = set()

    def changes(self, kind: type) -> dict[str, Any]:
        """The rows of a state that have changed since the mark, as they are now: None where one went."""
        return {key: self.row(kind, key) for of, key in self._changed or () if of is kind}


class Refold:
    """A shadow that takes in the log and the feeds, up to given positions."""

    def __init__(self, service: Service, kinds: Iterable[type], pulls: Mapping[str, Pull], progress: Progress = quiet):
        self.shadow = Shadow(service, kinds)
        self._service, self._pulls, self._progress = service, pulls, progress
        self.at: dict[str, int] = {view.source: 0 for view in self.shadow.views}

    def advance(self, conn: database.Connection, to: Mapping[str, int]) -> int:
        """Take in every source's facts up to ``to[source]``; returns how many."""
        count = 0
        for source in self.at:
            count += self._own(conn, to[OWN]) if source == OWN else self._heard(source, to[source])
        return count

    def _own(self, conn: database.Connection, to: int) -> int:
        """In one stream of rows: the server reads on while a part of them is folded here."""
        count, own = 0, self.shadow.own
        for pos, *stored in conn.cursor().stream(_FACTS, (self.at[OWN], to, self.shadow.types), size=PART):
            own(*stored)
            count += 1
            if count % TOLD == 0:
                self._progress(OWN, pos, to)
        self.at[OWN] = to
        self._progress(OWN, to, to)
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
        if self.shadow.listens(source, message.type):
            heard = heard_in(self._service, source, message)
            assert heard is not None, f"{message.type} of {source} changes a view, but has no contract here"
            self.shadow.hear(source, heard)

    def behind(self, to: Mapping[str, int]) -> int:
        """How many positions are left up to ``to``."""
        return sum(to[source] - at for source, at in self.at.items())


def as_of(service: Service, conn: database.Connection, kind: Any, key: str, at: datetime) -> Any | None:
    """The row of an aggregate as it stood at an instant: its own stream, folded up to there."""
    shadow = Shadow(service, [kind])
    for stored in conn.execute(_STREAM, (kind.STREAM.format(key), at)):
        shadow.own(*stored)
    return shadow.row(kind, key)
