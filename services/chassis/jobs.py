"""Timers and errands: what is to be done later or outside. Enqueued with the fact that wants it, done at least once.

A job's intents are carried out in the transaction that marks it done, under ids derived from the job's: a job that runs
twice has one effect. Errands (card terminal, mail) run side by side, a few at a time.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import structlog

from services.chassis import crash, database, metrics
from services.chassis.codec import decode
from services.chassis.definition import Errand, Service, Timer, TryAgain
from services.chassis.execute import Clock, Meant, decide_one, wanted
from services.chassis.store import Changes, Jobs, Store
from services.chassis.wake import Pace, Wake

log = structlog.get_logger()
LEASE = timedelta(seconds=60)
AT_ONCE = 8
KEPT = timedelta(days=30)  # how long a done job can still be looked at


class Worker:
    """Does the jobs of one service. Several workers may run; each job is leased to one of them."""

    def __init__(self, service: Service, store: Store, jobs: Jobs, clock: Clock, wake: Wake) -> None:
        self._service, self._store, self._jobs, self._clock, self._wake = service, store, jobs, clock, wake
        self._outside = service.outside()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._stopping, self._tidied = False, clock()

    def run(self) -> None:
        """Work until :meth:`stop`."""
        pace, begun = Pace(), False
        while not self._stopping:
            pace.keep()
            try:
                with pace.turn():
                    begun = begun or self.begin()
                    while self.step() and not self._stopping:
                        pass
                    self._tidy()
                self._wake.wait(self._until_next())
            except database.AWAY as error:
                log.warning("worker_without_database", error=str(error))
                time.sleep(0.5)

    def begin(self) -> bool:
        """Take back what this worker had at hand when it died, instead of waiting for the leases to end."""
        if count := self._jobs.take_back():
            log.info("jobs_taken_back", jobs=count)
        return True

    def _tidy(self) -> None:
        if self._clock() > self._tidied + KEPT / 30:
            self._tidied = self._clock()
            self._jobs.forget_done(self._tidied - KEPT)

    def _until_next(self) -> float:
        due = self._jobs.next_due()
        return 5.0 if due is None else min(5.0, max(0.02, (due - self._clock()).total_seconds()))

    def step(self) -> int:
        """Claim the jobs that are due and begin them; returns how many."""
        claimed = self._jobs.claim(self._clock(), AT_ONCE, LEASE)
        for job in claimed:
            if isinstance(self._service.jobs[job["kind"]], Timer):
                self.do(job)
            else:
                self._slots.acquire()
                threading.Thread(target=self._beside, args=(job,), daemon=True).start()
        return len(claimed)

    def _beside(self, job: dict[str, Any]) -> None:
        try:
            self.do(job)
        finally:
            self._slots.release()
            self._wake.ring()

    def do(self, job: dict[str, Any]) -> None:
        """Do one claimed job: carry out what it comes to, or put it back until it may work."""
        try:
            self._carry_out(job, self._intents(job))
            metrics.JOBS.labels(job["kind"], "done").inc()
        except TryAgain as again:
            self._postpone(job, str(again), again.after)
        except database.AWAY as error:  # no fault of the job: it does not have to wait longer each time
            log.warning("job_without_database", kind=job["kind"], job_id=str(job["id"]), error=str(error).strip())
            self._postpone(job, "the database was away", 1.0)
        except Exception as error:
            wait = min(300.0, 0.5 * 2 ** min(job["attempts"], 10))
            log.exception("job_failed", kind=job["kind"], job_id=str(job["id"]), again_in=wait)
            self._postpone(job, f"{type(error).__name__}: {error}", wait)

    def _postpone(self, job: dict[str, Any], why: str, seconds: float) -> None:
        metrics.JOBS.labels(job["kind"], "postponed").inc()
        try:
            self._jobs.postpone(job["id"], self._clock() + timedelta(seconds=seconds), why)
        except database.AWAY:
            log.warning("job_left_to_its_lease", job_id=str(job["id"]))

    def _intents(self, job: dict[str, Any]) -> list[Any]:
        doing, data = self._service.jobs[job["kind"]], decode(job["data"])
        if isinstance(doing, Errand):
            intents = list(doing.run(self._outside, data))
            crash.point("jobs.after_errand")
            return intents
        return [doing.intent(data)]

    def _carry_out(self, job: dict[str, Any], intents: list[Any]) -> None:
        meta = {**decode(job["meta"]), "actor": {"role": "service"}}
        now = max(self._clock(), job["due"])  # set back meanwhile, the clock would make a timer find itself too early
        batch = [
            Meant(uuid5(UUID(str(job["id"])), str(n)), self._service.by_intent[type(intent)], intent, meta)
            for n, intent in enumerate(intents)
        ]
        with self._store.turn([], wanted(self._service, batch)) as turn:
            changes = Changes(base=turn.head, done=job["id"])
            for meant in batch:
                decide_one(self._service, turn, meant, now, changes, strict=True)
            changes.writes = turn.world.writes()
            turn.commit(changes)

    def stop(self) -> None:
        """End after the jobs at hand."""
        self._stopping = True
        self._wake.ring()
