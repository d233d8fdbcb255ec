"""A service's ways to its disk: what the chassis has in Postgres, here in memory. ``reach`` raises when it breaks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from drills.simulation.disk import Disk, WaitingJob
from services.chassis.domain import Read
from services.chassis.eventstore.records import Lookup, Opened
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database
from services.chassis.foundation.codec import convert, decode, encode
from services.chassis.jobs.queue import Waiting, Wanted, by_turn
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page
from services.chassis.messaging.relay import SILENT

Reach = Callable[[str], None]
Clock = Callable[[], datetime]


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

    fingerprint_key = b"simulation"

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
    """One relay's session: what it reads, a few events at a time, so that there is something between them.

    One session leads. The server ends one that was silent for too long, and whoever had it learns so at the next use.
    """

    def __init__(self, disk: Disk, reach: Reach, most: Callable[[], int], clock: Clock) -> None:
        self._disk, self._reach, self._most, self._clock = disk, reach, most, clock
        self.position, self.resting, self._used = 0, False, clock()

    @property
    def is_silent(self) -> bool:
        """Whether the server would end this session now; a leader at rest asks something every second."""
        return not self.resting and self._clock() - self._used > timedelta(seconds=SILENT)

    @property
    def may_lead(self) -> bool:
        """Whether nobody else leads."""
        leader = self._disk.leader
        return leader in (None, self) or leader.is_silent

    def lead(self) -> bool:
        """Take the lead, unless another session has it."""
        self._reach("lead")
        if not self.may_lead:
            return False
        self._disk.leader, self.position, self._used = self, self._disk.relay_cursor, self._clock()
        return True

    def end(self) -> None:
        """The server has seen that the session is over."""
        if self._disk.leader is self:
            self._disk.leader = None

    def page(self, after: int, limit: int) -> Page:
        """What is not published yet."""
        self._use("page")
        return self._disk.page(after, min(limit, self._most()))

    def renew(self) -> None:
        """Say that the leader is there."""
        self._use("renew")

    def advance(self, position: int) -> None:
        """Move the cursor."""
        self._use("advance")
        self._disk.relay_cursor = self.position = position

    def _use(self, where: str) -> None:
        self._reach(where)
        if self._disk.leader is not self:
            raise database.UNAVAILABLE[0]("the session was ended")
        self._used = self._clock()


class MemoryJobQueue:
    """The jobs of one service, as one of its workers sees them."""

    def __init__(self, disk: Disk, reach: Reach, worker: str = "") -> None:
        self._disk, self._reach, self._worker = disk, reach, worker

    def take_back(self) -> int:
        """End the leases of a former life."""
        self._reach("take_back")
        leased = [job for job in self._disk.jobs.values() if job.leased_until and job.leased_by == self._worker]
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
        until, worker = now + lease, self._worker
        for lane, name, most in wanted:
            jobs = [j for j in self._disk.jobs.values() if (j.lane, j.name) == (lane, name) and j.id not in held]
            free = sorted((j for j in jobs if j.due <= now and _free(j, now)), key=lambda job: job.due)[:most]
            claimed += [replace(j, leased_until=until, leased_by=worker, attempts=j.attempts + 1) for j in free]
        self._put(claimed)
        return sorted((dict(vars(job)) for job in claimed), key=by_turn)

    def renew(self, held: Collection[UUID], until: datetime) -> None:
        """Keep jobs leased."""
        self._reach("renew")
        mine = [job for id in held if (job := self._disk.jobs.get(id)) and job.leased_by == self._worker]
        self._put(replace(job, leased_until=until) for job in mine)

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job back."""
        self._reach("postpone")
        if (job := self._disk.jobs.get(id)) and job.leased_by == self._worker:
            self._put([replace(job, due=due, leased_until=None, failed=True)])

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

    def first_of(self, source: str, streams: Iterable[str]) -> Message | None:
        """The parked event of these streams that has the lowest position."""
        self._reach("first_of")
        waiting = [p for p in self._disk.parked.values() if p.source == source and p.stream in streams]
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
