"""A loop's throttle: nobody waits after a rest, and a loop rests in proportion to its work."""

from __future__ import annotations

import pytest

from services.chassis.foundation import signals


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
    monkeypatch.setattr(signals, "time", clock)
    return clock


def work(clock, throttle, seconds):
    throttle.wait()
    with throttle.iteration():
        clock.now += seconds


def test_whoever_comes_first_or_after_a_rest_is_not_held_up(clock):
    throttle = signals.Throttle(times=4, longest=0.1)
    work(clock, throttle, 0.01)
    clock.now += 0.04
    work(clock, throttle, 0.01)
    assert clock.slept == 0


def test_a_short_turn_is_followed_by_a_short_rest(clock):
    throttle = signals.Throttle(times=4, longest=0.1)
    work(clock, throttle, 0.002)
    work(clock, throttle, 0.002)
    assert clock.slept == pytest.approx(0.008)


def test_a_long_turn_is_followed_by_the_longest_rest_and_no_more(clock):
    throttle = signals.Throttle(times=4, longest=0.1)
    work(clock, throttle, 3.0)
    work(clock, throttle, 3.0)
    assert clock.slept == pytest.approx(0.1)


def test_what_is_left_of_a_rest_is_waited_for(clock):
    throttle = signals.Throttle(times=4, longest=0.1)
    work(clock, throttle, 0.02)
    clock.now += 0.05  # somebody comes
    work(clock, throttle, 0.02)
    assert clock.slept == pytest.approx(0.03)


def test_a_turn_that_fails_is_followed_by_a_rest_as_well(clock):
    throttle = signals.Throttle(times=4, longest=0.1)
    with pytest.raises(ConnectionError), throttle.iteration():
        clock.now += 0.01
        raise ConnectionError
    throttle.wait()
    assert clock.slept == pytest.approx(0.04)
