"""A background loop that nothing ends: a failure is logged, counted and told in ``/readyz``, and it starts again."""

import threading
import time
from typing import Protocol

import structlog

from services.chassis.foundation import database, metrics
from services.chassis.messaging.same_log import Halted

log = structlog.get_logger()
LONGEST = 10.0  # seconds from a failure to the next start
TOLD = 25.0  # seconds that a failure is told of, unless it comes again


class Body(Protocol):
    """What a loop runs: it returns from ``run`` after ``stop`` was called, and may be run again when it raised."""

    def run(self) -> None: ...

    def stop(self) -> None: ...


class Loop:
    """Runs one body until it is stopped. ``harms`` says what is late or missing while it fails."""

    def __init__(self, name: str, harms: str, body: Body) -> None:
        self.name, self._harms, self._body = name, harms, body
        self._stopping = threading.Event()
        self._failed, self._why = float("-inf"), ""

    def run(self) -> None:
        """Run the body, again after each failure: at once at first, then ever later; until :meth:`stop`."""
        wait = 0.1
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._body.run()
            except Exception as error:
                wait = 0.1 if time.monotonic() - began > TOLD else min(LONGEST, 2 * wait)
                self._failed, self._why = time.monotonic(), f"{type(error).__name__}: {error}"
                self._tell(error, wait)
                self._stopping.wait(wait)

    def _tell(self, error: Exception, wait: float) -> None:
        metrics.LOOP_FAILURES.labels(self.name).inc()
        if isinstance(error, database.UNAVAILABLE):
            self._why = "the database is away"
            log.warning("loop_without_database", loop=self.name, error=str(error).strip())
        elif isinstance(error, Halted):
            log.critical("subscriber_halted", loop=self.name, why=str(error))
        else:
            log.exception("loop_failed", loop=self.name, harms=self._harms, again_in=wait)

    @property
    def trouble(self) -> str | None:
        """What is harmed and why, while the body fails or says so itself; None when it works."""
        if time.monotonic() - self._failed < TOLD:
            return f"{self._harms}: {self._why}"
        return getattr(self._body, "trouble", None)

    def stop(self) -> None:
        """End after the step at hand."""
        self._stopping.set()
        self._body.stop()
