"""A signal wakes one who waits; one that came before counts, and counts once."""

from __future__ import annotations

import threading
import time

from services.chassis.foundation.signals import Signal


def test_one_that_came_before_counts_once() -> None:
    signal = Signal()
    signal.notify()
    assert signal.wait(60)
    assert not signal.wait(0)


def test_who_waits_goes_on_at_once_when_it_comes() -> None:
    signal, began = Signal(), time.monotonic()
    threading.Timer(0.05, signal.notify).start()
    assert signal.wait(60)
    assert 0.05 <= time.monotonic() - began < 30
