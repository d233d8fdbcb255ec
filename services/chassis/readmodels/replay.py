"""Views folded again, from the first event: what rebuild, verify and reads of the past stand on.

They may be larger than memory: rows that were not touched lately lie in a temporary file.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from services.chassis.eventstore.unit_of_work import fold
from services.chassis.foundation import database
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page, integration_event, stored_event
from services.chassis.readmodels.row_table import RowTable
from services.chassis.service import OWN, Service

ReadFeed = Callable[[int], Page]
Progress = Callable[[str, int, int], None]  # (source, position, of)
PART, STEP = 1000, 10_000  # events that are fetched together; positions of one statement, which holds up no vacuum
IN_MEMORY = 40_000  # rows of all views together, and as many that were touched before those
_EVENTS = database.text(
    "SELECT type, schema, stream, version, data FROM event"
    " WHERE position > %s AND position <= %s AND type = ANY(%s) ORDER BY position"
)
_STREAM = database.text(
    "SELECT type, schema, stream, version, data FROM event WHERE stream = %s AND at <= %s ORDER BY version"
)


class Behind(Exception):
    """There is more to take in than may be now."""


def silent(source: str, position: int, of: int) -> None:
    """Reports no progress."""


class ReplayedViews:
    """Some views of a service, grown from events alone; streams and versions are those of the log."""

    def __init__(self, service: Service, row_types: Iterable[type]) -> None:
        wanted = set(row_types)
        self.service = service
        self.projections = [p for p in service.projections if p.row_type in wanted and p.source]
        self.tables: dict[type, RowTable] = {p.row_type: RowTable(p.decoder) for p in self.projections}
        self._steps = {
            event: chosen
            for event, steps in service.fold_steps.items()
            if (chosen := [step for step in steps if step[0] in self.tables])
        }
        self._aggregates: dict[str, tuple[type, int]] = {}
        for name, event in service.events.items():
            aggregate: Any = service.aggregate_of[event]
            if aggregate in self.tables:
                self._aggregates[name] = (aggregate, len(aggregate.STREAM.partition("{")[0]))
        self._changed: set[tuple[type, str]] | None = None
        self.types = sorted(n for n, event in service.events.items() if n in self._aggregates or event in self._steps)

    def own(self, type: str, schema: int, stream: str, version: int, data: str | bytes) -> None:
        """Take in one event of the service's own log, as it is stored there."""
        event = stored_event(self.service, type, schema, data)
        fold(self._steps.get(event.__class__, ()), self.tables, event, self._changed)
        if type in self._aggregates:
            aggregate, prefix = self._aggregates[type]
            if (row := self.tables[aggregate].get(stream[prefix:])) is not None:
                row.__dict__["version"] = version  # in place, as a copy costs more than the fold: nobody else has it
            if self._changed is not None:
                self._changed.add((aggregate, stream[prefix:]))

    def foreign(self, message: Message) -> None:
        """Take in one event of another service."""
        contract = self.service.subscribed.get((message.source, message.type))
        if contract in self._steps:
            fold(self._steps[contract], self.tables, integration_event(self.service, message), self._changed)

    def spill(self) -> None:
        """Put away what was not touched lately, when there is much."""
        if sum(map(len, self.tables.values())) > IN_MEMORY:
            for table in self.tables.values():
                table.turn()

    def rows(self, row_type: type) -> Iterator[Any]:
        """Every row of a view as folded."""
        table = self.tables[row_type]
        for page in table.pages():
            yield from table.several([key for key, _ in page]).values()

    def changes(self) -> dict[type, dict[str, Any]]:
        """The rows that have changed since the last call, as they are now: None where one went."""
        changed, self._changed = self._changed or (), set()
        found: dict[type, dict[str, Any]] = {}
        for row_type, key in changed:
            found.setdefault(row_type, {})[key] = self.tables[row_type].get(key)
        return found


class Replay:
    """Replayed views that take in the log and the feeds, up to given positions; without events that were dropped."""

    def __init__(
        self,
        service: Service,
        row_types: Iterable[type],
        feeds: Mapping[str, ReadFeed],
        dropped: frozenset[tuple[str, int]] = frozenset(),
        progress: Progress = silent,
    ) -> None:
        self.views, self.dropped = ReplayedViews(service, row_types), dropped
        self._feeds, self._progress = feeds, progress
        self.positions: dict[str, int] = {p.source: 0 for p in self.views.projections}
        self._ahead: dict[str, deque[Message]] = {source: deque() for source in self.positions}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for table in self.views.tables.values():
            table.close()

    def advance(
        self, conn: database.Connection, to: Mapping[str, int], only: str | None = None, may_read: bool = True
    ) -> int:
        """Take in every source's events up to ``to[source]``, or those of ``only`` one; returns how many.

        Unless it ``may_read`` feeds, it takes of them only what was read ahead; raises :class:`Behind` if that is less.
        """
        count = 0
        for source in [only] if only else self.positions:
            count += self._own(conn, to[OWN]) if source == OWN else self._foreign(source, to[source], may_read)
        return count

    def _own(self, conn: database.Connection, to: int) -> int:
        """In one stream of rows: the server reads on while a part of them is folded here."""
        count, own = 0, self.views.own
        while (last := self.positions[OWN]) < to:
            upto = min(to, last + STEP)
            for stored in conn.cursor().stream(_EVENTS, (last, upto, self.views.types), size=PART):
                own(*stored)
                count += 1
            self.positions[OWN] = upto
            self.views.spill()
            self._progress(OWN, upto, to)
        return count

    def _foreign(self, source: str, to: int, may_read: bool) -> int:
        count, ahead = 0, self._ahead[source]
        while self.positions[source] < to:
            if not ahead and not (may_read and self._read(source)):
                if not may_read:
                    raise Behind(source)
                self.positions[source] = to
            while ahead and ahead[0].position <= to:
                message = ahead.popleft()
                self.positions[source] = message.position
                if (source, message.position) not in self.dropped:
                    self.views.foreign(message)
                    count += 1
            if ahead:
                self.positions[source] = to
            self.views.spill()
            self._progress(source, self.positions[source], to)
        return count

    def _read(self, source: str) -> int:
        self._ahead[source].extend(self._feeds[source](self.positions[source]).messages)
        return len(self._ahead[source])

    def read_ahead(self) -> None:
        """Read a page of each feed that nothing was read ahead of."""
        for source in self.positions:
            if source != OWN and not self._ahead[source]:
                self._read(source)

    def behind(self, to: Mapping[str, int]) -> int:
        """How many positions are left up to ``to``."""
        return sum(to[source] - position for source, position in self.positions.items())


def as_of(service: Service, conn: database.Connection, row_type: Any, key: str, instant: datetime) -> Any | None:
    """The row of an aggregate as it stood at an instant: its own stream, folded up to there."""
    views = ReplayedViews(service, [row_type])
    for stored in conn.execute(_STREAM, (row_type.STREAM.format(key), instant)):
        views.own(*stored)
    return views.tables[row_type].get(key)
