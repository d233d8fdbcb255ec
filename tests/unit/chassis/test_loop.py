"""Background loops: nothing that one of them raises ends it, and readiness tells what is harmed meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from services.chassis.foundation import metrics
from services.chassis.messaging.same_log import EpochChanged
from services.chassis.process import loop as loops
from services.chassis.process import readiness
from services.chassis.process.loop import Loop
from services.chassis.process.readiness import Readiness
from services.rentals.service import SERVICE


class Body:
    """Raises what it is given, run by run; then it works until it is stopped."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.works, self._stopped = list(failures), threading.Event(), threading.Event()

    def run(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.works.set()
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


def running(body: Body, monkeypatch: Any) -> tuple[Loop, threading.Thread]:
    monkeypatch.setattr(loops, "LONGEST", 0.01)
    loop = Loop("toy", "toys are late", body)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    return loop, thread


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (KeyError("unknown"), "KeyError: 'unknown'"),
        (EpochChanged("another log"), "EpochChanged: another log"),
        (psycopg.OperationalError("connection to 10.0.0.1 failed"), "the database is away"),
    ],
)
def test_a_body_that_fails_starts_again_and_the_harm_is_told(failure: Exception, why: str, monkeypatch: Any) -> None:
    body = Body(failure, failure)
    before = metrics.LOOP_FAILURES.labels("toy")._value.get()
    loop, thread = running(body, monkeypatch)
    assert body.works.wait(5)
    assert loop.trouble == f"toys are late: {why}"
    assert metrics.LOOP_FAILURES.labels("toy")._value.get() == before + 2
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_body_that_works_is_no_trouble_and_ends_when_told(monkeypatch: Any) -> None:
    body = Body()
    loop, thread = running(body, monkeypatch)
    assert body.works.wait(5) and loop.trouble is None
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_an_old_failure_is_told_no_longer(monkeypatch: Any) -> None:
    body = Body(KeyError("unknown"))
    loop, _ = running(body, monkeypatch)
    assert body.works.wait(5) and loop.trouble
    monkeypatch.setattr(loops, "TOLD", 0.0)
    assert loop.trouble is None
    loop.stop()


class TestReadiness:
    def ready(self, monkeypatch: Any, *missing: dict[str, str]) -> tuple[Readiness, list[int]]:
        looks: list[int] = []
        body = Body()
        loop = Loop("toy", "toys are late", body)
        loop._failed, loop._why = loops.time.monotonic(), "KeyError"
        made = Readiness(SERVICE, "", [loop])

        def look() -> dict[str, str]:
            looks.append(1)
            return missing[min(len(looks), len(missing)) - 1]

        monkeypatch.setattr(made, "_look", look)
        return made, looks

    def test_a_loop_that_fails_degrades_and_commands_are_still_carried_out(self, monkeypatch: Any) -> None:
        made, _ = self.ready(monkeypatch, {})
        now = made.now()
        assert (now.ready, now.missing, now.degraded) == (True, {}, {"toy": "toys are late: KeyError"})

    def test_without_a_database_it_is_not_ready(self, monkeypatch: Any) -> None:
        made, _ = self.ready(monkeypatch, {"database": "away"})
        assert not made.now().ready

    def test_however_many_ask_it_looks_once_a_second(self, monkeypatch: Any) -> None:
        made, looks = self.ready(monkeypatch, {})
        assert all(made.now().ready for _ in range(1000))
        assert len(looks) == 1
        monkeypatch.setattr(readiness, "FRESH", 0.0)
        made.now()
        assert len(looks) == 2

    def test_the_text_of_the_driver_is_not_shown(self) -> None:
        missing = Readiness(SERVICE, "postgresql://nanum_app@127.0.0.1:9/nowhere", []).now().missing
        assert missing == {"database": "it does not answer; commands are refused with 503 until it does"}
