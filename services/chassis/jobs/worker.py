"""The worker: scheduled commands, and effects that call out. Each is done at least once.

A job's commands are carried out in the transaction that marks it done, under ids derived from the job's: a job that
runs twice takes effect once. Effects (card terminal, mail) run side by side, a few at a time.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from services.chassis.commands.handler import Clock, Metadata, decide_own, follow_up, reads_of
from services.chassis.eventstore.store import Store
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.foundation.codec import convert, decode
from services.chassis.foundation.signals import Signal, Throttle
from services.chassis.jobs.queue import JobQueue
from services.chassis.service import RetryLater, Service
from services.contracts.base import Actor

log = structlog.get_logger()
LEASE = timedelta(seconds=60)
AT_ONCE = 8
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
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._stopping, self._tidied = False, clock()

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
                self._signal.wait(self._until_next())
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

    def _until_next(self) -> float:
        due = self._queue.next_due()
        return 5.0 if due is None else min(5.0, max(0.02, (due - self._clock()).total_seconds()))

    def step(self) -> int:
        """Claim the jobs that are due and begin them; returns how many."""
        claimed = self._queue.claim(self._clock(), AT_ONCE, LEASE)
        for job in claimed:
            if job["name"] in self._service.effect_of:
                self._slots.acquire()
                threading.Thread(target=self._in_thread, args=(job,), daemon=True).start()
            else:
                self.do(job)
        return len(claimed)

    def _in_thread(self, job: dict[str, Any]) -> None:
        try:
            self.do(job)
        finally:
            self._slots.release()
            self._signal.notify()

    def do(self, job: dict[str, Any]) -> None:
        """Do one claimed job: carry out its commands, or put it back until it may work."""
        try:
            self._carry_out(job, self._commands(job))
            metrics.JOBS.labels(job["name"], "done").inc()
        except RetryLater as again:
            self._postpone(job, str(again), again.after)
        except database.UNAVAILABLE as error:  # no fault of the job: it does not have to wait longer each time
            log.warning("job_without_database", name=job["name"], job_id=str(job["id"]), error=str(error).strip())
            self._postpone(job, "the database was unavailable", 1.0)
        except Exception as error:
            wait = min(300.0, 0.5 * 2 ** min(job["attempts"], 10))
            log.exception("job_failed", name=job["name"], job_id=str(job["id"]), again_in=wait)
            self._postpone(job, f"{type(error).__name__}: {error}", wait)

    def _postpone(self, job: dict[str, Any], why: str, seconds: float) -> None:
        metrics.JOBS.labels(job["name"], "postponed").inc()
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
        with self._store.begin(reads=reads_of(commands)) as uow:
            for command in commands:
                decide_own(uow, command, now)
            uow.job_done = cause
            uow.commit()

    def stop(self) -> None:
        """End after the jobs at hand."""
        self._stopping = True
        self._signal.notify()
