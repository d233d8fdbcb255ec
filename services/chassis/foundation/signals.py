"""Signals inside a process, as for the relay after a commit; the pace of loops."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Signal:
    """Wakes one waiter: whoever waits goes on at the next ``notify()``, or when the time is up."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.notify = self._event.set

    def wait(self, timeout: float) -> bool:
        """Wait for a notification; one that came before counts."""
        notified = self._event.wait(timeout)
        self._event.clear()
        return notified


class Throttle:
    """Paces a loop: after each iteration it sleeps 4x its duration, at most 0.1 s, so that batches grow under load."""

    def __init__(self, times: float = 4.0, longest: float = 0.1) -> None:
        self._times, self._longest, self._until = times, longest, 0.0

    def wait(self) -> None:
        """Sleep until the next iteration may begin."""
        now = time.monotonic()
        if self._until > now:
            time.sleep(self._until - now)

    @contextmanager
    def iteration(self) -> Iterator[None]:
        """One iteration; the pause begins when it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            self._until = now + min(self._longest, self._times * (now - began))
