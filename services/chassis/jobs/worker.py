"""The worker: scheduled commands, and effects that call out. Each is done at least once.

A job's commands are carried out in the transaction that marks it done, under ids derived from the job's: a job that
runs twice takes effect once. Scheduled commands are carried out one after the other, effects (card terminal, mail) side
by side: a few of each name in each lane, so that none waits for another lane, nor for another's counterpart.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from services.chassis.commands.handler import Clock, Metadata, decide_own, follow_up, reads_of
from services.chassis.eventstore.store import Store
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.foundation.codec import convert, decode
from services.chassis.foundation.signals import Signal, Throttle
from services.chassis.jobs.queue import JobQueue, Waiting, Wanted
from services.chassis.service import RetryLater, Service
from services.contracts.base import Actor

log = structlog.get_logger()
LEASE = timedelta(seconds=60)
AT_ONCE = {"urgent": 8, "normal": 8, "bulk": 4}  # jobs of one name in a lane
LONGEST, DATABASE_BACK = 300.0, 10.0  # seconds: the longest waits before a job is tried again
MANY = 10  # attempts, after which it is said at level error that a job does not succeed
TIDY = timedelta(days=1)


class Worker:
    """Does the jobs of one service. Several workers may run; each job is leased to one of them.

    ``adapters`` holds what each adapter's factory made; what it lacks is made here.
    """

    def __init__(
        self,
        service: Service,
        store: Store,
        queue: JobQueue,
        clock: Clock,
        signal: Signal,
        adapters: Mapping[Callable[[], Any], Any] | None = None,
    ) -> None:
        self._service, self._store, self._queue, self._clock, self._signal = service, store, queue, clock, signal
        self._adapters = dict(adapters or {})
        for effect in service.effect_of.values():
            if effect.adapter not in self._adapters:
                self._adapters[effect.adapter] = effect.adapter()
        self._known = service.handler_named.keys() | service.effect_of.keys()
        self._at_hand: dict[UUID, dict[str, Any]] = {}
        self._one_carries_out = threading.Lock()  # waiting for the log's lock would only hold connections
        self._late: dict[str, float] = {}
        self._unknown: dict[str, datetime] = {}
        self._stopping, self._tidied, self._renewed, self._next = False, clock(), clock(), clock()

    def run(self) -> None:
        """Work until :meth:`stop`."""
        throttle, begun = Throttle(), False
        while not self._stopping:
            throttle.wait()
            try:
                with throttle.iteration():
                    begun = begun or self.begin()
                    while self.step() and not self._stopping:
                        pass
                    self._tidy()
                self._signal.wait(min(5.0, max(0.02, (self._next - self._clock()).total_seconds())))
            except database.UNAVAILABLE as error:
                log.warning("worker_without_database", error=str(error))
                time.sleep(0.5)

    def begin(self) -> bool:
        """Take back what this worker had at hand before a restart, instead of waiting for the leases to end."""
        if count := self._queue.take_back():
            log.info("jobs_taken_back", jobs=count)
        return True

    def _tidy(self) -> None:
        if self._clock() > self._tidied + TIDY:
            self._tidied = self._clock()
            self._queue.drop_expired(self._tidied)

    def step(self) -> int:
        """Claim the jobs that are due and begin them; returns how many."""
        claimed = self.claim()
        for job in claimed:
            if job["name"] in self._service.effect_of:
                threading.Thread(target=self._in_thread, args=(job,), daemon=True).start()
        for job in claimed:
            if job["name"] not in self._service.effect_of:
                self.do(job)
                self._renew()
        return len(claimed)

    def claim(self) -> list[dict[str, Any]]:
        """Lease the due jobs that there is room for; each is at hand until :meth:`do` has done it."""
        self._renew()
        now = self._clock()
        waiting = self._queue.waiting(now)
        self._tell(waiting, now)
        open = [w for w in waiting if w.due and w.name in self._known and self._room(w.lane, w.name)]
        self._next = min((w.due for w in open if w.due and w.due > now), default=now + LEASE)
        wanted = [Wanted(w.lane, w.name, self._room(w.lane, w.name)) for w in open if w.due and w.due <= now]
        claimed = self._queue.claim(now, wanted, list(self._at_hand), LEASE) if wanted else []
        self._at_hand.update({job["id"]: job for job in claimed})
        return claimed

    def _room(self, lane: str, name: str) -> int:
        taken = sum((job["lane"], job["name"]) == (lane, name) for job in list(self._at_hand.values()))
        return max(0, AT_ONCE.get(lane, 0) - taken)

    def _renew(self) -> None:
        now = self._clock()
        if now >= self._renewed + LEASE / 3:
            self._renewed = now
            if held := list(self._at_hand):
                self._queue.renew(held, now + LEASE)

    def _tell(self, waiting: Iterable[Waiting], now: datetime) -> None:
        """Say what waits too long, and what this release can't do."""
        since = [(each.name, at) for each in waiting for at in (each.due, each.failing_since) if at]
        since += [(job["name"], job["due"]) for job in list(self._at_hand.values())]
        oldest = {name: min(at for of, at in since if of == name) for name, _ in since}
        late = {name: max(0.0, (now - at).total_seconds()) for name, at in oldest.items()}
        unknown = {name: at for name, at in oldest.items() if at <= now and name not in self._known}
        for name in self._late.keys() | late.keys():
            metrics.JOBS_LATE.labels(name).set(late.get(name, 0.0))
        for name in self._unknown.keys() | unknown.keys():
            metrics.JOBS_UNKNOWN.labels(name).set(name in unknown)
            if name not in self._unknown:
                log.error("job_unknown", name=name, since=unknown[name].isoformat())
        self._late, self._unknown = late, unknown

    @property
    def trouble(self) -> str | None:
        """Which jobs wait for a release that knows them."""
        names = ", ".join(sorted(self._unknown))
        return f"this release knows no job {names}: run the release that enqueued it, or a later one" if names else None

    def _in_thread(self, job: dict[str, Any]) -> None:
        try:
            self.do(job)
        finally:
            self._signal.notify()

    def do(self, job: dict[str, Any]) -> None:
        """Do one claimed job: carry out its commands, or put it back until it may work."""
        try:
            self._carry_out(job, self._commands(job))
            metrics.JOBS.labels(job["name"], "done").inc()
        except RetryLater as again:
            self._postpone(job, str(again), pause(job, again.after, again.at_most), again.alarm)
        except database.UNAVAILABLE as error:
            log.warning("job_without_database", name=job["name"], job_id=str(job["id"]), error=str(error).strip())
            self._postpone(job, "the database was unavailable", pause(job, 1.0, DATABASE_BACK))
        except Exception as error:
            log.exception("job_failed", name=job["name"], job_id=str(job["id"]))
            self._postpone(job, f"{type(error).__name__}: {error}", pause(job, 1.0, LONGEST))
        finally:
            self._at_hand.pop(job["id"], None)

    def _postpone(self, job: dict[str, Any], why: str, seconds: float, alarm: bool = False) -> None:
        metrics.JOBS.labels(job["name"], "postponed").inc()
        if alarm or job["attempts"] % MANY == 0:
            tried = {"attempts": job["attempts"], "since": job["since"].isoformat(), "again_in": seconds}
            log.error("job_does_not_succeed", name=job["name"], job_id=str(job["id"]), why=why, **tried)
        try:
            self._queue.postpone(job["id"], self._clock() + timedelta(seconds=seconds), why)
        except database.UNAVAILABLE:
            log.warning("job_left_to_its_lease", job_id=str(job["id"]))

    def _commands(self, job: dict[str, Any]) -> list[Any]:
        name, data = job["name"], decode(job["data"])
        if effect := self._service.effect_of.get(name):
            commands = list(effect.run(self._adapters[effect.adapter], data))
            failpoints.reach("worker.after_effect")
            return commands
        return [convert(data, self._service.handler_named[name].command)]

    def _carry_out(self, job: dict[str, Any], made: list[Any]) -> None:
        kept = decode(job["meta"])
        meta = Metadata(
            Actor(role="service", centre=kept["centre"]), kept.get("correlation_id"), kept.get("causation_id")
        )
        # If the clock was set back, use the due time, or the command would find itself early.
        now: datetime = max(self._clock(), job["due"])
        cause = UUID(str(job["id"]))
        commands = [follow_up(self._service, cause, str(n), data, meta) for n, data in enumerate(made)]
        with self._one_carries_out, self._store.begin(reads=reads_of(commands)) as uow:
            for command in commands:
                decide_own(uow, command, now)
            uow.job_done = cause
            uow.commit()

    def stop(self) -> None:
        """End after the jobs at hand."""
        self._stopping = True
        self._signal.notify()


def pause(job: Mapping[str, Any], first: float, longest: float) -> float:
    """The seconds until a job is tried again: doubled with each attempt, and up to a quarter less, by the job's id.

    So jobs that failed together do not come back together.
    """
    doublings: int = min(job["attempts"] - 1, 20)
    spread: int = job["id"].int % 1000
    return min(longest, first * 2.0**doublings) * (1 - spread / 4000)
