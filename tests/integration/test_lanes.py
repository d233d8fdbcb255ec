"""Lanes of jobs: none waits for another, nor for another's counterpart, nor for what only another release can do."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.chassis.jobs.queue import Wanted
from services.chassis.jobs.worker import AT_ONCE, LEASE
from services.chassis.service import Capability, Effect, Service
from tests.integration.test_jobs import ANSWER_BY, desk, enqueue, queue, state, worker
from tests.support.centre import MONDAY, lend
from tests.support.waiting import wait_for

__all__ = ["desk"]


class TestLanes:
    """Effects ``ask``, ``mail`` and ``code`` call out, and stay there until the test lets them go on."""

    @pytest.fixture
    def outside(self, desk):
        begun, goes_on = [], threading.Event()

        def effect(name, lane="normal"):
            def run(_, data):
                begun.append((name, data.get("lane", lane)))
                assert goes_on.wait(60)
                return []

            run.__name__ = name
            return Effect(run, dict, lane)

        effects = [effect("ask", "urgent"), effect("mail"), effect("cancel")]
        desk.begun = begun
        desk.service = Service("rentals", *desk.store.service.capabilities, Capability("outside", effects=effects))
        yield desk
        goes_on.set()

    def test_ten_thousand_letters_hold_up_no_payment_no_timer_and_no_code(self, outside):
        desk = outside
        enqueue(desk, "mail", "bulk", 10_000, MONDAY - timedelta(hours=1), {"lane": "bulk"})
        working = worker(desk, ANSWER_BY, desk.service)
        assert working.step() == AT_ONCE["bulk"]
        desk.do(lend(desk.resident(), "NG-C10-001"))  # with a timer that is due now
        enqueue(desk, "ask", "urgent")
        enqueue(desk, "mail", "urgent", data={"lane": "urgent"})
        assert working.step() == 3
        assert state(desk) == ("cancelled", "payment_unanswered")
        wait_for(lambda: {("ask", "urgent"), ("mail", "urgent")} <= set(desk.begun))
        assert desk.begun.count(("mail", "bulk")) == AT_ONCE["bulk"]
        assert working.step() == 0

    def test_a_counterpart_that_is_down_leaves_room_for_the_others_of_its_lane(self, outside):
        desk = outside
        enqueue(desk, "cancel", "normal", 100)
        working = worker(desk, ANSWER_BY, desk.service)
        assert working.step() == AT_ONCE["normal"]
        enqueue(desk, "mail", "normal")
        assert working.step() == 1
        wait_for(lambda: ("mail", "normal") in desk.begun)

    def test_the_urgent_goes_first(self, outside):
        desk = outside
        rooms = [Wanted("bulk", "mail", 1), Wanted("normal", "mail", 1), Wanted("urgent", "mail", 1)]
        for lane, _, _ in rooms:
            enqueue(desk, "mail", lane)
        claimed = queue(desk).claim(MONDAY, rooms, (), LEASE)
        assert [job["lane"] for job in claimed] == ["urgent", "normal", "bulk"]


class TestJobsOfAnotherRelease:
    def test_what_this_release_does_not_know_waits_and_is_told_and_everything_else_is_done(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        enqueue(desk, "send_pigeon", "normal")
        enqueue(desk, "send_pigeon", "slow", due=MONDAY + timedelta(days=9))
        working = worker(desk, ANSWER_BY)
        assert working.step() == 1 and working.step() == 0
        assert state(desk) == ("cancelled", "payment_unanswered")
        assert desk.rows("SELECT attempts FROM job WHERE name = 'send_pigeon'") == [(0,), (0,)]
        assert "send_pigeon" in working.trouble
        assert REGISTRY.get_sample_value("nanum_jobs_unknown", {"name": "send_pigeon"}) == 1
        assert REGISTRY.get_sample_value("nanum_jobs_late_seconds", {"name": "send_pigeon"}) == 120

        def send_pigeon(_, data):
            return []

        pigeons = Capability("pigeons", effects=[Effect(send_pigeon, dict)])
        newer = worker(desk, ANSWER_BY, Service("rentals", *desk.store.service.capabilities, pigeons))
        assert newer.step() == 1 and newer.trouble is None
        wait_for(lambda: desk.rows("SELECT 1 FROM job_done WHERE name = 'send_pigeon'"))
        assert working.step() == 0 and working.trouble is None
        assert REGISTRY.get_sample_value("nanum_jobs_unknown", {"name": "send_pigeon"}) == 0
