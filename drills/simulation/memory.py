"""A service's ways to its disk: what the chassis has in Postgres, here in memory. ``reach`` raises when it breaks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from drills.simulation.disk import Disk, WaitingJob
from services.chassis.domain import Read
from services.chassis.eventstore.unit_of_work import Lookup, Opened, UnitOfWork
from services.chassis.foundation import database
from services.chassis.foundation.codec import convert, decode, encode
from services.chassis.jobs.queue import Waiting, Wanted, by_turn
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page

Reach = Callable[[str], None]


class MemorySession:
    """One connection to a disk. Once it broke, nothing works on it any more."""

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach, self._broken = disk, reach, False

    def open(self, lookups: Mapping[Lookup, list[str]], ids: Sequence[UUID], source: str | None) -> Opened:
        """What is known, and the rows that are wanted."""
        self._use("open")
        disk = self._disk
        outcomes = {id: disk.outcomes[id] for id in ids if id in disk.outcomes}
        return Opened(len(disk.events), outcomes, disk.cursor(source) if source else None, self._rows(lookups))

    def fetch(self, lookups: Mapping[Lookup, list[str]]) -> list[list[Any]]:
        """Rows."""
        self._use("fetch")
        return self._rows(lookups)

    def _rows(self, lookups: Mapping[Lookup, list[str]]) -> list[list[Any]]:
        found = []
        for lookup, keys in lookups.items():
            if lookup.through:
                keys = [getattr(row, lookup.field) for row in self._disk.read(lookup.through, keys)]
            found.append(self._disk.read(lookup.row_type, keys))
        return found

    def commit(self, uow: UnitOfWork) -> None:
        """Write, unless the way there breaks; it may also break on the way back."""
        self._use("commit")
        self._disk.commit(uow)
        self._use("committed")

    def _use(self, where: str) -> None:
        if self._broken:
            raise database.UNAVAILABLE[0]("the connection is broken")
        try:
            self._reach(where)
        except database.UNAVAILABLE:
            self._broken = True
            raise


class MemoryStore:
    """The store of one process."""

    Violation = database.Violation
    secret = b"simulation"

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach = disk, reach

    @contextmanager
    def begin(
        self, ids: Sequence[UUID] = (), reads: Iterable[Read] = (), source: str | None = None
    ) -> Iterator[UnitOfWork]:
        """A unit of work, opened."""
        uow = UnitOfWork(self._disk.service, MemorySession(self._disk, self._reach))
        uow.open(ids, reads, source)
        yield uow


class MemoryOutbox:
    """What the relay reads; a few events at a time, so that there is something between them."""

    def __init__(self, disk: Disk, reach: Reach, most: Callable[[], int]) -> None:
        self._disk, self._reach, self._most = disk, reach, most

    @property
    def position(self) -> int:
        """The relay's cursor."""
        self._reach("position")
        return self._disk.relay_cursor

    def page(self, after: int, limit: int) -> Page:
        """What is not published yet."""
        return self._disk.page(after, min(limit, self._most()))

    def advance(self, position: int) -> None:
        """Move the cursor."""
        self._reach("advance")
        self._disk.relay_cursor = position


class MemoryJobQueue:
    """The jobs of one service, as its worker sees them."""

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach = disk, reach

    def take_back(self) -> int:
        """End the leases of a former life: there is one worker."""
        self._reach("take_back")
        leased = [job for job in self._disk.jobs.values() if job.leased_until]
        self._put(replace(job, leased_until=None) for job in leased)
        return len(leased)

    def waiting(self, now: datetime) -> list[Waiting]:
        """What waits, by lane and name."""
        self._reach("waiting")
        jobs, kinds = self._disk.jobs.values(), {(job.lane, job.name) for job in self._disk.jobs.values()}
        return [
            Waiting(
                *kind,
                min((j.due for j in jobs if (j.lane, j.name) == kind and _free(j, now)), default=None),
                min((j.since for j in jobs if (j.lane, j.name) == kind and j.failed), default=None),
            )
            for kind in sorted(kinds)
        ]

    def claim(
        self, now: datetime, wanted: Sequence[Wanted], held: Collection[UUID], lease: timedelta
    ) -> list[dict[str, Any]]:
        """Lease the jobs that are due."""
        self._reach("claim")
        claimed: list[WaitingJob] = []
        for lane, name, most in wanted:
            jobs = [j for j in self._disk.jobs.values() if (j.lane, j.name) == (lane, name) and j.id not in held]
            free = sorted((j for j in jobs if j.due <= now and _free(j, now)), key=lambda job: job.due)
            claimed += [replace(job, leased_until=now + lease, attempts=job.attempts + 1) for job in free[:most]]
        self._put(claimed)
        return sorted((dict(vars(job)) for job in claimed), key=by_turn)

    def renew(self, held: Collection[UUID], until: datetime) -> None:
        """Keep jobs leased."""
        self._reach("renew")
        self._put(replace(self._disk.jobs[id], leased_until=until) for id in held if id in self._disk.jobs)

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job back."""
        self._reach("postpone")
        if id in self._disk.jobs:
            self._put([replace(self._disk.jobs[id], due=due, leased_until=None, failed=True)])

    def _put(self, jobs: Iterable[WaitingJob]) -> None:
        self._disk.jobs.update({job.id: job for job in jobs})
        self._disk.jobs_changed = True

    def drop_expired(self, now: datetime) -> None:
        """Done jobs are not kept here, and outcomes all are."""

    def next_due(self) -> datetime | None:
        """When the next waiting job is due."""
        return self._disk.next_due


def _free(job: WaitingJob, now: datetime) -> bool:
    return job.leased_until is None or job.leased_until < now


class MemoryParkedEvents:
    """The parked events of one service, as a retrier sees them."""

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach = disk, reach

    def first_of(self, source: str, stream: str) -> Message | None:
        """The first parked event of a stream."""
        self._reach("first_of")
        waiting = [p for p in self._disk.parked.values() if (p.source, p.stream) == (source, stream)]
        first = min(waiting, key=lambda parked: parked.position, default=None)
        return convert(decode(encode(first.message)), Message) if first else None

    def out_of_order(self, source: str) -> list[str]:
        """The streams of a source that wait for an event of another."""
        self._reach("out_of_order")
        waiting = [p for (of, _), p in sorted(self._disk.parked.items()) if of == source and p.out_of_order]
        return list(dict.fromkeys(parked.stream for parked in waiting))

    def failed_again(self, message: Message, error: str, out_of_order: bool) -> None:
        """Note a retry that failed."""
        self._reach("failed_again")
        place = (message.source, message.position)
        if parked := self._disk.parked.get(place):
            self._disk.parked[place] = replace(parked, error=error, out_of_order=out_of_order)
