"""Scheduled commands and effects: done once each in effect, whatever interrupts them."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from services.chassis.foundation.signals import Signal
from services.chassis.jobs.queue import PostgresJobQueue
from services.chassis.jobs.worker import Worker
from services.chassis.service import Capability, Effect, RetryLater, Service
from services.rentals.checkout.model import StartRental
from tests.support.centre import MONDAY, Desk, lend
from tests.support.waiting import wait_for


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app).opened("NG-C10-001", "NG-C10-002")


def worker(desk, at, service=None):
    service = service or desk.store.service
    return Worker(service, desk.store, PostgresJobQueue(desk.store.pool), Clock(at), Signal())


def state(desk):
    return desk.rows("SELECT state, cancelled_because FROM rental")[0]


class TestScheduledCommands:
    def test_an_unanswered_payment_releases_the_units_when_its_time_is_up_and_not_before(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        assert worker(desk, MONDAY + timedelta(seconds=119)).step() == 0
        assert state(desk) == ("awaiting_payment", None)
        assert worker(desk, MONDAY + timedelta(seconds=120)).step() == 1
        assert state(desk) == ("cancelled", "payment_unanswered")
        assert desk.rows("SELECT count(*) FROM item_allocation") == [(0,)]

    def test_a_payment_that_was_answered_does_not_expire(self, desk):
        (lent,) = desk.do(lend(desk.resident(), "NG-C10-001"))
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id="p"))
        worker(desk, MONDAY + timedelta(seconds=120)).step()
        assert state(desk) == ("out", None)

    def test_a_rental_becomes_overdue_by_itself_once(self, desk):
        (lent,) = desk.do(lend(desk.resident(), "NG-C10-001"))
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id="p"))
        late = worker(desk, MONDAY + timedelta(days=3))
        while late.step():
            pass
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.marked_overdue'") == [(1,)]

    def test_one_that_runs_twice_has_one_effect(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        late = worker(desk, MONDAY + timedelta(seconds=120))
        (job,) = PostgresJobQueue(desk.store.pool).claim(MONDAY + timedelta(seconds=120), 8, timedelta(seconds=60))
        late.do(job)
        late.do(job)
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.cancelled'") == [(1,)]

    def test_a_clock_that_is_set_back_loses_none(self, desk):
        (lent,) = desk.do(lend(desk.resident(), "NG-C10-001"))
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id="p"))
        due = lent["result"]["due_at"]
        jobs = PostgresJobQueue(desk.store.pool).claim(datetime.fromisoformat(due), 8, timedelta(seconds=60))
        (overdue,) = (job for job in jobs if job["name"] == "mark_overdue")
        worker(desk, datetime.fromisoformat(due) - timedelta(seconds=90)).do(overdue)
        assert desk.rows("SELECT overdue FROM rental") == [(True,)]

    def test_two_workers_share_the_jobs(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        jobs, at = PostgresJobQueue(desk.store.pool), MONDAY + timedelta(seconds=120)
        first, second = jobs.claim(at, 1, timedelta(seconds=60)), jobs.claim(at, 8, timedelta(seconds=60))
        assert len(first) == len(second) == 1 and first[0]["id"] != second[0]["id"]

    def test_a_job_whose_worker_died_is_taken_over_when_its_lease_ends(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        jobs, at = PostgresJobQueue(desk.store.pool), MONDAY + timedelta(seconds=120)
        assert jobs.claim(at, 8, timedelta(seconds=60))
        assert not jobs.claim(at + timedelta(seconds=59), 8, timedelta(seconds=60))
        assert jobs.claim(at + timedelta(seconds=61), 8, timedelta(seconds=60))

    def test_a_worker_that_starts_again_takes_back_what_it_had_and_nothing_of_others(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        at, lease = MONDAY + timedelta(seconds=120), timedelta(seconds=60)
        mine, other = (
            PostgresJobQueue(desk.store.pool, "desk-1 :8001"),
            PostgresJobQueue(desk.store.pool, "desk-2 :8001"),
        )
        (job,) = mine.claim(at, 1, lease)
        assert len(other.claim(at, 8, lease)) == 1
        again = PostgresJobQueue(desk.store.pool, "desk-1 :8001")
        assert not again.claim(at, 8, lease)
        assert again.take_back() == 1
        assert [taken["id"] for taken in again.claim(at, 8, lease)] == [job["id"]]

    def test_what_a_worker_had_done_it_does_not_take_back(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        late = worker(desk, MONDAY + timedelta(seconds=120))
        assert late.step() == 1
        assert PostgresJobQueue(desk.store.pool).take_back() == 0


class TestEffects:
    def calling_out(self, desk, run):
        """Rentals as it is, but a request calls out with ``run`` as its payment's time is up."""
        run.__name__ = "expire_payment"
        return Service("rentals", *desk.store.service.capabilities, Capability("outside", effects=[Effect(run, dict)]))

    def test_one_comes_back_with_a_command(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def starts(_, data):
            return [StartRental(rental_id=data["rental_id"], payment_id="p-1")]

        service = self.calling_out(desk, starts)
        worker(desk, MONDAY + timedelta(seconds=120), service).step()
        wait_for(lambda: state(desk) == ("out", None))
        wait_for(lambda: desk.rows("SELECT 1 FROM job_done WHERE name = 'expire_payment'"))

    def test_one_that_must_wait_is_put_back_with_its_reason(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def busy(_, data):
            raise RetryLater("the terminal is busy", after=7)

        at = MONDAY + timedelta(seconds=120)
        worker(desk, at, self.calling_out(desk, busy)).step()
        wait_for(lambda: desk.rows("SELECT error FROM job WHERE error IS NOT NULL"))
        ((due, error),) = desk.rows("SELECT due, error FROM job")
        assert (due, error) == (at + timedelta(seconds=7), "the terminal is busy")

    def test_one_that_found_the_database_away_does_not_wait_longer_each_time(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def restarting(_, data):
            raise psycopg.OperationalError("terminating connection due to administrator command")

        at, tired = MONDAY + timedelta(seconds=120), timedelta(seconds=60)
        for n in range(8):
            PostgresJobQueue(desk.store.pool).claim(at - tired * (8 - n) * 2 + timedelta(days=1), 8, tired)
        (job,) = PostgresJobQueue(desk.store.pool).claim(at + timedelta(days=2), 8, tired)
        assert job["attempts"] > 5
        worker(desk, at, self.calling_out(desk, restarting)).do(job)
        assert desk.rows("SELECT due, leased_until FROM job") == [(at + timedelta(seconds=1), None)]

    def test_one_that_breaks_is_tried_again_later_and_blocks_no_other(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        (broken,) = desk.rows("SELECT rental_id FROM item_allocation WHERE barcode = 'NG-C10-001'")[0]

        def run(_, data):
            if data["rental_id"] == broken:
                raise ZeroDivisionError("our own fault")
            return [StartRental(rental_id=data["rental_id"], payment_id="p-2")]

        worker(desk, MONDAY + timedelta(seconds=120), self.calling_out(desk, run)).step()
        wait_for(lambda: desk.rows("SELECT 1 FROM rental WHERE state = 'out'"))
        wait_for(lambda: desk.rows("SELECT 1 FROM job WHERE error LIKE '%%our own fault%%'"))
