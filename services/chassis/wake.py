"""Waking what waits in this process: the relay after a commit, a reader who waits for a row to change."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Wake:
    """A bell: whoever waits is woken by the next ring, or goes on when the time is up."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake the waiter."""
        self._event.set()

    def wait(self, timeout: float) -> bool:
        """Wait for a ring; one that came before counts."""
        rang = self._event.wait(timeout)
        self._event.clear()
        return rang


class Pace:
    """Lets a loop rest after each turn for four times as long as the turn took, a tenth of a second at most.

    On a machine that has time a turn is short, and so is the rest; on a full one turns become long, the rests with
    them, and each turn then has more to do. Whoever comes after a rest is not held up.
    """

    def __init__(self, times: float = 4.0, longest: float = 0.1) -> None:
        self._times, self._longest, self._until = times, longest, 0.0

    def keep(self) -> None:
        """Wait until the rest is over."""
        now = time.monotonic()
        if self._until > now:
            time.sleep(self._until - now)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn; the rest begins when it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            self._until = now + min(self._longest, self._times * (now - began))


class RowBells:
    """A bell for each row that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], set[threading.Event]] = defaultdict(set)

    def ring(self, rows: Iterable[tuple[str, str]]) -> None:
        """Wake who waits for one of these (view, key)."""
        if self._waiting:
            for row in rows:
                for event in self._waiting.get(row, ()):
                    event.set()

    def listen(self, row: tuple[str, str]) -> threading.Event:
        """Begin to listen to a row; end with :meth:`leave`."""
        event = threading.Event()
        self._waiting[row].add(event)
        return event

    def leave(self, row: tuple[str, str], event: threading.Event) -> None:
        """Stop listening."""
        self._waiting[row].discard(event)
        if not self._waiting[row]:
            del self._waiting[row]
