"""One service's process: the door, the relay, the followers and the worker, each doing one thing at a time.

All of it is volatile; what a crash leaves is the disk. The code that acts is the services' own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.chassis import database, lanes
from services.chassis.broker import BrokerAway
from services.chassis.codec import decode, encode, shape
from services.chassis.definition import Service
from services.chassis.envelope import Message
from services.chassis.execute import execute
from services.chassis.feed import Page
from services.chassis.follow import Follower, SourceAway
from services.chassis.jobs import AT_ONCE, LEASE, Worker
from services.chassis.relay import Relay
from services.chassis.unpark import Unparker
from services.chassis.wake import Wake
from tests.simulation.disk import Disk, MemoryJobs, MemoryOutbox, MemoryStore
from tests.simulation.exchange import MemoryBus, MemoryInlet
from tests.simulation.outside import Post

if TYPE_CHECKING:
    from tests.simulation.desk import Request
    from tests.simulation.play import Centre

IDLE_PULL = timedelta(seconds=lanes.IDLE_PULL)


class Crash(BaseException):
    """The process dies here and now, whatever it was doing."""


class Held(Exception):
    """A server is away; what is at hand is kept for another try."""


def hold(attempt: Any, transient: tuple[type[Exception], ...], going_on: Any) -> Any:
    """Stands in for ``patiently``: where that sleeps and tries again, the scheduler lets others act meanwhile."""
    try:
        return attempt()
    except transient as error:
        raise Held(str(error)) from None


class Process:
    """A service, running or crashed."""

    def __init__(self, centre: Centre, disk: Disk) -> None:
        self.centre, self.disk, self.name = centre, disk, disk.service.name
        self.database_away = self.feed_away = 0.0
        self.skew = timedelta(0)
        self.doomed = 0  # how many more points are passed until it crashes; 0: it does not
        self.up, self.back_at, self.boots = False, 0, 0
        self.inbox: list[Request] = []
        self.actors: list[Any] = []

    def boot(self) -> None:
        """Start with nothing but the disk."""
        service = self.disk.service
        self.store = MemoryStore(self.disk, self.reach)
        worker = Worker(service, self.store, MemoryJobs(self.disk, self.reach), self.clock, Wake())
        worker._outside = self._outside()
        self.follows = [Following(self, service, source) for source in service.sources]
        self.actors = [Door(self, service), Relaying(self, service), Working(self, worker), *self.follows]
        self.up, self.doomed, self.boots = True, 0, self.boots + 1

    def _outside(self) -> Any:
        """What the errands of this service call."""
        outside = {"billing": self.centre.terminal, "notifications": Post(self.disk, self.centre.mailbox)}
        return outside.get(self.name)

    def kill(self, back_at: int) -> None:
        """Everything in memory is gone; whoever asked gets no answer."""
        self.up, self.back_at = False, back_at
        for follow in self.follows:
            follow.inlet.close()
        self.drop_requests()

    def drop_requests(self) -> None:
        """Whoever waits at the door waits in vain."""
        for request in self.inbox:
            request.under_way -= 1
        self.inbox.clear()

    def clock(self) -> datetime:
        """This machine's idea of the time."""
        return self.centre.now + self.skew

    def reach(self, where: str) -> None:
        """The way to the database. Raises what an absent database raises."""
        self.centre.point(f"database.{where}")
        if self.database_away and self.centre.happens(self.database_away):
            raise database.AWAY[0](f"the database went away ({where})")

    def feed(self, after: int) -> Page:
        """The feed, as another service reads it over HTTP. Raises :class:`SourceAway`."""
        if not self.up or self.centre.happens(self.feed_away) or self.centre.happens(self.database_away):
            raise SourceAway(f"{self.name} does not answer")
        page = self.disk.page(after, self.centre.few(2 * self.centre.most))
        return Page(page.epoch, page.head, [shape(decode(encode(m)), Message) for m in page.messages])


class Door:
    """Takes commands, a few in one batch, and answers unless the reply is lost."""

    def __init__(self, process: Process, service: Service) -> None:
        self._process, self._service = process, service
        self.name = f"{process.name}.door"

    @property
    def ready(self) -> bool:
        """Whether anybody asks."""
        return bool(self._process.inbox)

    def step(self) -> str:
        """Carry out a batch."""
        process, centre = self._process, self._process.centre
        batch = process.inbox[: centre.few(centre.most)]
        del process.inbox[: len(batch)]
        for request in batch:
            request.under_way -= 1
        try:
            outcomes = execute(process.store, self._service, [r.asked for r in batch], process.clock())
        except database.AWAY as error:
            return f"no answer: {error}"
        except database.Violation as violation:
            centre.fault(f"a guard of {process.name} broke: {violation}")
            return str(violation)
        for request, outcome in zip(batch, outcomes, strict=True):
            if not centre.happens(centre.replies_lost):
                request.answers.append(outcome)
        return b" ".join(outcomes).decode()


class Relaying:
    """Publishes what is new."""

    def __init__(self, process: Process, service: Service) -> None:
        centre = process.centre
        self._process = process
        self.name = f"{process.name}.relay"
        self._relay = Relay(service, "", MemoryBus(centre.broker, process.name), Wake())
        self._outbox = MemoryOutbox(process.disk, process.reach, lambda: centre.few(centre.most))

    @property
    def ready(self) -> bool:
        """Whether something waits; where the broker is gone for good, nobody waits for it."""
        return self._process.disk.relayed < self._process.disk.head and not self._process.centre.broker_gone

    def step(self) -> str:
        """Publish a batch."""
        try:
            self._relay.step(self._outbox)
        except (*database.AWAY, BrokerAway) as error:
            return str(error)
        return f"at {self._process.disk.relayed}"


class Working:
    """Claims jobs, and does those it has claimed in any order."""

    def __init__(self, process: Process, worker: Worker) -> None:
        self._process, self._worker = process, worker
        self._jobs = MemoryJobs(process.disk, process.reach)
        self._claimed: list[dict[str, Any]] = []
        self._begun = False
        self.name = f"{process.name}.worker"

    @property
    def ready(self) -> bool:
        """Whether a job is at hand or due."""
        due = self._process.disk.next_due
        return not self._begun or bool(self._claimed) or (due is not None and due <= self._process.clock())

    def step(self) -> str:
        """Claim, or do one."""
        if not self._claimed:
            try:
                self._begun = self._begun or self._worker.begin()
                self._claimed = self._jobs.claim(self._process.clock(), AT_ONCE, LEASE)
            except database.AWAY as error:
                return str(error)
            return f"claimed {len(self._claimed)}"
        job = self._claimed.pop(self._process.centre.below(len(self._claimed)))
        self._worker.do(job)
        return f"{job['kind']} {job['id']}"


class Following:
    """Follows one source: the queue when it has something, the feed when it is silent or the broker away."""

    def __init__(self, process: Process, service: Service, source: str) -> None:
        self._process, self._centre, self.source = process, process.centre, source
        self.name = f"{process.name}.from.{source}"
        self.inlet = MemoryInlet(self._centre.broker, process.name, source, lambda: self._centre.few(self._centre.most))
        pull = self._centre.processes[source].feed
        follower = Follower(service, source, process.store, pull, process.clock, self._steady)
        self._loop = lanes.FollowLoop(follower, self.inlet)  # type: ignore[arg-type]
        self._loop.unparker = Unparker(follower, self._steady)
        self._held: list[Any] = []
        self._pulled = process.centre.now - IDLE_PULL

    def _steady(self) -> float:
        return self._centre.now.timestamp()

    @property
    def at(self) -> int:
        """The cursor."""
        return self._process.disk.followed.get(self.source, (None, 0))[1]

    @property
    def behind(self) -> bool:
        """Whether the source has published more than was taken in."""
        return self.at < self._centre.processes[self.source].disk.head

    @property
    def will_act(self) -> bool:
        """Whether there will be something to do when a little time has passed."""
        if any(p.early and p.source == self.source for p in self._process.disk.parked.values()):
            return True
        return self.behind and not self._centre.feeds_gone

    @property
    def ready(self) -> bool:
        """Whether there is something to do."""
        if self._held or self.inlet.waits or self._loop.unparker.due:
            return True
        if not self.inlet.is_open and not self._centre.broker_gone:
            return True
        return self.behind and self._centre.now - self._pulled >= IDLE_PULL and not self._centre.feeds_gone

    def step(self) -> str:
        """What :meth:`FollowLoop._connected` does, one round at a time."""
        try:
            self._round()
        except Held as held:
            return f"held {len(self._held)}: {held}"
        except BrokerAway as error:
            self._held = []
            self._pull()
            self._loop._unpark()
            return f"{error}, at {self.at}"
        return f"at {self.at}"

    def _round(self) -> None:
        if not self.inlet.is_open:
            self._held = []
            self.inlet.open()
            self._pull()
            return
        self._held = self._held or self.inlet.take(0)
        if self._held:
            self._loop._take(self._held)
            self._held = []
        elif not self._loop.unparker.due:
            self._pull()
        self._loop._unpark()

    def _pull(self) -> None:
        self._pulled = self._centre.now
        self._loop._pull()
