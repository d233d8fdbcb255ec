"""What is outside of our reach: the card terminal and the mail server."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import requests

from tests.chaos.faults.kind import NotNow, Shot, fault


def _behaves(shot: Shot, outcome: str) -> Iterator[None]:
    shot.touches = {"billing"}
    url = f"http://127.0.0.1:{shot.centre.fleet.ports['terminal']}/behaviour"
    body = {"amount_krw": None, "outcome": outcome, "after_seconds": shot.dice.uniform(0.5, 4.0)}
    try:
        requests.put(url, json=body, timeout=5).raise_for_status()
    except requests.RequestException as away:
        raise NotNow(str(away)) from None
    try:
        yield
    finally:
        for _ in range(5):
            with contextlib.suppress(requests.RequestException):
                requests.delete(url, timeout=5).raise_for_status()
                break


@fault("terminal declines", ("terminal",), weight=3, lasts=(1.0, 3.0))
def declines(shot: Shot) -> Iterator[None]:
    """Every card is declined."""
    yield from _behaves(shot, "decline")


@fault("terminal late", ("terminal",), weight=3, lasts=(1.0, 3.0))
def late(shot: Shot) -> Iterator[None]:
    """It approves, some seconds later."""
    yield from _behaves(shot, "late")


@fault("terminal never answers", ("terminal",), weight=3, lasts=(1.0, 3.0))
def never(shot: Shot) -> Iterator[None]:
    """It says pending, for ever; the rental has to come to nothing, and nothing may stay taken."""
    yield from _behaves(shot, "never")


@fault("terminal's reply lost", ("terminal",), weight=3, lasts=(1.0, 3.0))
def lost_reply(shot: Shot) -> Iterator[None]:
    """It takes the money, and the answer never arrives."""
    yield from _behaves(shot, "lose_reply")


@fault("kill the terminal or the mailbox", ("terminal", "mailbox"), weight=4)
def kill_outside(shot: Shot) -> Iterator[None]:
    """kill -9; the supervisor starts it again."""
    shot.touches = {"billing" if shot.target == "terminal" else "notifications"}
    shot.centre.signal(shot.target, signal.SIGKILL)
    yield
