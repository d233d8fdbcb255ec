"""Verifies the service's views once a day, in a process of its own; publishes the verdict in metrics and log."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from datetime import datetime, time, timedelta

import structlog

from services.chassis.commands.handler import Clock
from services.chassis.foundation import metrics
from services.chassis.foundation.codec import decode

log = structlog.get_logger()
INTERVAL = 30.0  # seconds between two looks at the clock, which may be set meanwhile


class NoVerdict(Exception):
    """The verification came to no verdict."""


class NightlyVerify:
    """Runs the command ``verify`` in a process of its own every day at ``at``; None: never."""

    def __init__(self, service: str, at: time | None, clock: Clock, env: Mapping[str, str] = os.environ) -> None:
        self._service, self._at, self._clock, self._env = service, at, clock, env
        self._stop = threading.Event()

    def run(self) -> None:
        """Wait for the time, verify, and again; until :meth:`stop`."""
        due = self._at and next_time(self._clock(), self._at)
        while not self._stop.wait(INTERVAL):
            if self._at and due and self._clock() >= due:
                due = next_time(self._clock(), self._at)
                try:
                    self.verify()
                except NoVerdict as failed:
                    log.error("views_not_verified", why=str(failed))

    def verify(self) -> None:
        """Verify now, and publish the verdict. Raises :class:`NoVerdict`."""
        verdict = decode(self._verdict())
        for difference in verdict["differences"]:
            log.error("view_differs", **difference)
        for view, count in verdict["found"].items():
            metrics.DIFFERENCES.labels(view).set(count)
        for view in verdict["left_out"]:
            metrics.DIFFERENCES.labels(view).set(float("nan"))  # not compared while events are parked
        metrics.VERIFIED.set(self._clock().timestamp())
        differences, dropped = sum(verdict["found"].values()), len(verdict["dropped"])
        said = {"events": verdict["events"], "rows": verdict["rows"], "differences": differences, "dropped": dropped}
        log.info("views_verified", **said)

    def _verdict(self) -> str:
        command = ["nice", "-n", "10", sys.executable, "-m", "services.chassis.cli", "verify", self._service, "--json"]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, env=dict(self._env), stdout=output, stderr=errors)
            while process.poll() is None:
                if self._stop.wait(0.2):
                    process.terminate()
            output.seek(0)
            errors.seek(0)
            verdict = output.read()
            if not verdict:
                raise NoVerdict(errors.read()[-500:].strip() or f"it ended with {process.returncode}")
            return verdict

    def stop(self) -> None:
        """End, also in the middle of a verification."""
        self._stop.set()


def next_time(now: datetime, at: time) -> datetime:
    """The next instant after ``now`` at which it is ``at``."""
    today = now.astimezone(at.tzinfo).replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    return today if today > now else today + timedelta(days=1)
