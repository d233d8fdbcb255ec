"""Views folded again in memory, from the first event: what rebuild, verify and reads of the past stand on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from services.chassis.domain import replace
from services.chassis.eventstore.unit_of_work import fold
from services.chassis.foundation import database
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page, integration_event, stored_event
from services.chassis.service import OWN, Service

ReadFeed = Callable[[int], Page]
Progress = Callable[[str, int, int], None]  # (source, position, of)
PART, TELL = 1000, 10_000  # rows that are fetched together; events between two reports of progress
_EVENTS = database.text(
    "SELECT position, type, schema, stream, version, data FROM event"
    " WHERE position > %s AND position <= %s AND type = ANY(%s) ORDER BY position"
)
_STREAM = database.text(
    "SELECT type, schema, stream, version, data FROM event WHERE stream = %s AND at <= %s ORDER BY version"
)


def silent(source: str, position: int, of: int) -> None:
    """Reports no progress."""


class ReplayedViews:
    """Some views of a service as rows in memory, grown from events alone; streams and versions are those of the log."""

    def __init__(self, service: Service, row_types: Iterable[type]) -> None:
        wanted = set(row_types)
        self.service = service
        self.dropped: frozenset[tuple[str, int]] = frozenset()  # (source, position) of events that a human left out
        self.projections = [p for p in service.projections if p.row_type in wanted and p.source]
        self._tables: dict[type, dict[str, Any]] = {p.row_type: {} for p in self.projections}
        self._steps = {
            event: chosen
            for event, steps in service.fold_steps.items()
            if (chosen := [step for step in steps if step[0] in self._tables])
        }
        self._versions: dict[type, dict[str, int]] = {}
        self._aggregates: dict[str, tuple[type, int, dict[str, int]]] = {}
        for name, event in service.events.items():
            aggregate: Any = service.aggregate_of[event]
            if aggregate in self._tables:
                prefix = len(aggregate.STREAM.partition("{")[0])
                self._aggregates[name] = (aggregate, prefix, self._versions.setdefault(aggregate, {}))
        self._changed: set[tuple[type, str]] | None = None
        self.types = sorted(n for n, event in service.events.items() if n in self._aggregates or event in self._steps)

    def own(self, type: str, schema: int, stream: str, version: int, data: str | bytes) -> None:
        """Take in one event of the service's own log, as it is stored there."""
        event = stored_event(self.service, type, schema, data)
        fold(self._steps.get(event.__class__, ()), self._tables, event, self._changed)
        if type in self._aggregates:
            aggregate, prefix, versions = self._aggregates[type]
            versions[stream[prefix:]] = version
            if self._changed is not None:
                self._changed.add((aggregate, stream[prefix:]))

    def foreign(self, message: Message) -> None:
        """Take in one event of another service."""
        contract = self.service.subscribed.get((message.source, message.type))
        if contract in self._steps and (message.source, message.position) not in self.dropped:
            fold(self._steps[contract], self._tables, integration_event(self.service, message), self._changed)

    def row(self, row_type: type, key: str) -> Any | None:
        """The row of a key as folded; None when there is none."""
        row, versions = self._tables[row_type].get(key), self._versions.get(row_type)
        return row if row is None or versions is None else replace(row, version=versions.get(key, row.version))

    def rows(self, row_type: type) -> Iterator[Any]:
        """Every row of a view as folded."""
        return (row for key in self._tables[row_type] if (row := self.row(row_type, key)) is not None)

    def count(self, row_type: type) -> int:
        """How many rows a view has."""
        return sum(row is not None for row in self._tables[row_type].values())

    def override(self, row_type: type, rows: Iterable[Any]) -> None:
        """Put other rows in the place of all that are there of a state."""
        self._tables[row_type].clear()
        self._tables[row_type].update((getattr(row, row_type.KEY), row) for row in rows)  # type: ignore[attr-defined]

    def mark(self) -> None:
        """Begin to note which rows change."""
        self._changed = set()

    def changes(self, row_type: type) -> dict[str, Any]:
        """The rows of a state that have changed since the mark, as they are now: None where one went."""
        return {key: self.row(row_type, key) for of, key in self._changed or () if of is row_type}


class Replay:
    """Replayed views that take in the log and the feeds, up to given positions."""

    def __init__(
        self, service: Service, row_types: Iterable[type], feeds: Mapping[str, ReadFeed], progress: Progress = silent
    ) -> None:
        self.views = ReplayedViews(service, row_types)
        self._feeds, self._progress = feeds, progress
        self.positions: dict[str, int] = {p.source: 0 for p in self.views.projections}

    def advance(self, conn: database.Connection, to: Mapping[str, int]) -> int:
        """Take in every source's events up to ``to[source]``; returns how many."""
        count = 0
        self.views.dropped = frozenset(conn.execute("SELECT source, position FROM dropped_event"))
        for source in self.positions:
            count += self._own(conn, to[OWN]) if source == OWN else self._foreign(source, to[source])
        return count

    def _own(self, conn: database.Connection, to: int) -> int:
        """In one stream of rows: the server reads on while a part of them is folded here."""
        count, own = 0, self.views.own
        for position, *stored in conn.cursor().stream(_EVENTS, (self.positions[OWN], to, self.views.types), size=PART):
            own(*stored)
            count += 1
            if count % TELL == 0:
                self._progress(OWN, position, to)
        self.positions[OWN] = to
        self._progress(OWN, to, to)
        return count

    def _foreign(self, source: str, to: int) -> int:
        count = 0
        while self.positions[source] < to:
            messages = [m for m in self._feeds[source](self.positions[source]).messages if m.position <= to]
            for message in messages:
                self.views.foreign(message)
            count += len(messages)
            self.positions[source] = messages[-1].position if messages else to
            self._progress(source, self.positions[source], to)
        return count

    def behind(self, to: Mapping[str, int]) -> int:
        """How many positions are left up to ``to``."""
        return sum(to[source] - position for source, position in self.positions.items())


def as_of(service: Service, conn: database.Connection, row_type: Any, key: str, instant: datetime) -> Any | None:
    """The row of an aggregate as it stood at an instant: its own stream, folded up to there."""
    views = ReplayedViews(service, [row_type])
    for stored in conn.execute(_STREAM, (row_type.STREAM.format(key), instant)):
        views.own(*stored)
    return views.row(row_type, key)
