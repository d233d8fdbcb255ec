"""Whether a service would carry out commands, and what else does not work: the answer of ``/readyz``."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.chassis.foundation import database
from services.chassis.messaging.parked import ParkedEvents
from services.chassis.process.loop import Loop
from services.chassis.service import Service

log = structlog.get_logger()
FRESH = 1.0  # seconds for which a look at the database is good


@dataclass(frozen=True)
class Ready:
    """``missing``: why commands are refused. ``degraded``: what is late, by loop; commands are carried out anyway."""

    ready: bool
    missing: dict[str, str]
    degraded: dict[str, str]


class Readiness:
    """Looks at the database by a connection of its own, at most once a second, however many ask."""

    def __init__(self, service: Service, url: str, loops: Sequence[Loop]) -> None:
        self._sources, self._url, self._loops = service.sources, url, loops
        self._looking, self._looked, self._missing = threading.Lock(), float("-inf"), {"database": "not looked at yet"}

    def now(self) -> Ready:
        """The state now. The broker is not needed for commands."""
        if time.monotonic() - self._looked > FRESH and self._looking.acquire(blocking=False):
            try:
                self._missing = self._look()
                self._looked = time.monotonic()
            finally:
                self._looking.release()
        degraded = {loop.name: trouble for loop in self._loops if (trouble := loop.trouble)}
        return Ready(not self._missing, self._missing, degraded)

    def _look(self) -> dict[str, str]:
        pool = database.Pool(self._url, size=1)
        try:
            ParkedEvents(pool).count(self._sources)
            return {}
        except database.UNAVAILABLE as error:
            log.warning("not_ready", error=str(error).strip())
            return {"database": "it does not answer; commands are refused with 503 until it does"}
        finally:
            pool.drop_idle()
