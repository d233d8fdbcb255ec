"""A loop's pace: nobody waits after a rest, and nobody turns more often than it says."""

from __future__ import annotations

import pytest

from services.chassis import wake


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for those who sleep."""

    class Clock:
        now, slept = 1000.0, 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now, self.slept = self.now + seconds, self.slept + seconds

    clock = Clock()
    monkeypatch.setattr(wake, "time", clock)
    return clock


def test_whoever_comes_first_or_after_a_rest_is_not_held_up(clock):
    pace = wake.Pace(0.1)
    pace.keep()
    clock.now += 5
    pace.keep()
    assert clock.slept == 0


def test_whoever_comes_too_soon_waits_for_the_rest_of_the_time(clock):
    pace = wake.Pace(0.1)
    pace.keep()
    clock.now += 0.04
    pace.keep()
    assert clock.slept == pytest.approx(0.06)


def test_a_busy_loop_turns_as_often_as_the_pace_says(clock):
    pace, began = wake.Pace(0.1), clock.now
    for _ in range(50):
        clock.now += 0.01  # the work of a turn
        pace.keep()
    assert clock.now - began == pytest.approx(49 * 0.1 + 0.01)
