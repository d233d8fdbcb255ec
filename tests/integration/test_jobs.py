"""Scheduled commands and effects: done once each in effect, whatever interrupts them; no lane waits for another."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.chassis.eventstore.records import Job
from services.chassis.foundation.signals import Signal
from services.chassis.jobs.queue import PostgresJobQueue, Wanted
from services.chassis.jobs.worker import LEASE, LONGEST, Worker, pause
from services.chassis.service import Capability, Effect, RetryLater, Service
from services.rentals.checkout.model import StartRental
from tests.support.centre import CENTRE, MONDAY, Desk, lend
from tests.support.waiting import wait_for

ANSWER_BY = MONDAY + timedelta(seconds=120)
EXPIRY = [Wanted("normal", "expire_payment", 8)]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app).opened("NG-C10-001", "NG-C10-002")


def worker(desk, at, service=None, name=""):
    service = service or desk.store.service
    return Worker(service, desk.store, PostgresJobQueue(desk.store.pool, name), Clock(at), Signal())


def queue(desk, name=""):
    return PostgresJobQueue(desk.store.pool, name)


def state(desk):
    return desk.rows("SELECT state, cancelled_because FROM rental")[0]


def enqueue(desk, name, lane, count=1, due=MONDAY, data=None):
    """Jobs that wait."""
    with desk.store.begin() as uow:
        uow.jobs += [Job(uuid4(), name, lane, due, data or {}, {"centre": CENTRE}) for _ in range(count)]
        uow.commit()


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
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id=f"{CENTRE}.p"))
        worker(desk, MONDAY + timedelta(seconds=120)).step()
        assert state(desk) == ("out", None)

    def test_a_rental_becomes_overdue_by_itself_once(self, desk):
        (lent,) = desk.do(lend(desk.resident(), "NG-C10-001"))
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id=f"{CENTRE}.p"))
        late = worker(desk, MONDAY + timedelta(days=3))
        while late.step():
            pass
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.marked_overdue'") == [(1,)]

    def test_one_that_runs_twice_has_one_effect(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        late = worker(desk, MONDAY + timedelta(seconds=120))
        (job,) = queue(desk).claim(ANSWER_BY, EXPIRY, (), LEASE)
        late.do(job)
        late.do(job)
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.cancelled'") == [(1,)]

    def test_a_clock_that_is_set_back_loses_none(self, desk):
        (lent,) = desk.do(lend(desk.resident(), "NG-C10-001"))
        desk.own(StartRental(rental_id=lent["result"]["rental_id"], payment_id=f"{CENTRE}.p"))
        due = lent["result"]["due_at"]
        wanted = [Wanted("normal", "mark_overdue", 8)]
        (overdue,) = queue(desk).claim(datetime.fromisoformat(due), wanted, (), LEASE)
        worker(desk, datetime.fromisoformat(due) - timedelta(seconds=90)).do(overdue)
        assert desk.rows("SELECT overdue FROM rental") == [(True,)]

    def test_two_workers_share_the_jobs(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        one = [Wanted("normal", "expire_payment", 1)]
        first, second = queue(desk).claim(ANSWER_BY, one, (), LEASE), queue(desk).claim(ANSWER_BY, EXPIRY, (), LEASE)
        assert len(first) == len(second) == 1 and first[0]["id"] != second[0]["id"]

    def test_a_job_whose_worker_died_is_taken_over_when_its_lease_ends(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        jobs = queue(desk)
        assert jobs.claim(ANSWER_BY, EXPIRY, (), LEASE)
        assert not jobs.claim(ANSWER_BY + timedelta(seconds=59), EXPIRY, (), LEASE)
        assert jobs.claim(ANSWER_BY + timedelta(seconds=61), EXPIRY, (), LEASE)

    def test_a_worker_that_starts_again_takes_back_what_it_had_and_nothing_of_others(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        mine, other = queue(desk, "desk-1 :8001"), queue(desk, "desk-2 :8001")
        (job,) = mine.claim(ANSWER_BY, [Wanted("normal", "expire_payment", 1)], (), LEASE)
        assert len(other.claim(ANSWER_BY, EXPIRY, (), LEASE)) == 1
        again = queue(desk, "desk-1 :8001")
        assert not again.claim(ANSWER_BY, EXPIRY, (), LEASE)
        assert again.take_back() == 1
        assert [taken["id"] for taken in again.claim(ANSWER_BY, EXPIRY, (), LEASE)] == [job["id"]]

    def test_what_a_worker_had_done_it_does_not_take_back(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        late = worker(desk, MONDAY + timedelta(seconds=120))
        assert late.step() == 1
        assert queue(desk).take_back() == 0


class TestEffects:
    def calling_out(self, desk, run):
        """Rentals as it is, but a request calls out with ``run`` as its payment's time is up."""
        run.__name__ = "expire_payment"
        return Service("rentals", *desk.store.service.capabilities, Capability("outside", effects=[Effect(run, dict)]))

    def test_one_comes_back_with_a_command(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def starts(_, data):
            return [StartRental(rental_id=data["rental_id"], payment_id=f"{CENTRE}.p-1")]

        service = self.calling_out(desk, starts)
        worker(desk, MONDAY + timedelta(seconds=120), service).step()
        wait_for(lambda: state(desk) == ("out", None))
        wait_for(lambda: desk.rows("SELECT 1 FROM job_done WHERE name = 'expire_payment'"))

    def test_one_that_must_wait_is_put_back_with_its_reason(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def busy(_, data):
            raise RetryLater("the terminal is busy", after=7)

        worker(desk, ANSWER_BY, self.calling_out(desk, busy)).step()
        wait_for(lambda: desk.rows("SELECT error FROM job WHERE error IS NOT NULL"))
        ((due, since, error),) = desk.rows("SELECT due, since, error FROM job")
        assert timedelta(seconds=5) <= due - ANSWER_BY <= timedelta(seconds=7)
        assert (since, error) == (ANSWER_BY, "the terminal is busy")

    def test_one_that_breaks_is_tried_again_later_and_blocks_no_other(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-001"), lend(kim, "NG-C10-002"))
        (broken,) = desk.rows("SELECT rental_id FROM item_allocation WHERE barcode = 'NG-C10-001'")[0]

        def run(_, data):
            if data["rental_id"] == broken:
                raise ZeroDivisionError("our own fault")
            return [StartRental(rental_id=data["rental_id"], payment_id=f"{CENTRE}.p-2")]

        worker(desk, MONDAY + timedelta(seconds=120), self.calling_out(desk, run)).step()
        wait_for(lambda: desk.rows("SELECT 1 FROM rental WHERE state = 'out'"))
        wait_for(lambda: desk.rows("SELECT 1 FROM job WHERE error LIKE '%%our own fault%%'"))

    @pytest.mark.parametrize(
        ("failure", "longest"),
        [
            (RetryLater("away"), LONGEST),
            (RetryLater("asked again while somebody waits", at_most=2.0), 2.0),
            (psycopg.OperationalError("terminating connection"), 10.0),
            (ZeroDivisionError("our own fault"), LONGEST),
        ],
    )
    def test_one_that_goes_on_failing_waits_longer_each_time_up_to_a_bound(self, desk, failure, longest):
        desk.do(lend(desk.resident(), "NG-C10-001"))

        def fails(_, data):
            raise failure

        waits, working = [], worker(desk, ANSWER_BY, self.calling_out(desk, fails))
        for _ in range(12):
            (job,) = working.claim()
            working.do(job)
            ((due,),) = desk.rows("SELECT due FROM job")
            waits.append((due - working._clock.now).total_seconds())
            working._clock.now = due
        assert 0.7 < waits[0] <= 1.0 and 0.7 * longest < waits[-1] <= longest
        assert waits == sorted(waits)

    def test_those_that_failed_together_do_not_come_back_together(self):
        jobs = [{"id": UUID(int=n), "attempts": 5} for n in range(100)]
        waits = [pause(job, 1.0, LONGEST) for job in jobs]
        assert len(set(waits)) == 100 and all(12 <= wait <= 16 for wait in waits)

    def test_one_that_does_not_succeed_rings(self, desk):
        enqueue(desk, "expire_payment", "normal", data={"rental_id": f"{CENTRE}.r"})

        def fails(_, data):
            raise RetryLater("away", at_most=1.0)

        working = worker(desk, MONDAY, self.calling_out(desk, fails))
        with capture_logs() as said:
            for _ in range(10):
                (job,) = working.claim()
                working.do(job)
                working._clock.now += timedelta(seconds=6)
            working.claim()
        (line,) = [each for each in said if each["event"] == "job_does_not_succeed"]
        assert (line["attempts"], line["why"], line["since"]) == (10, "away", MONDAY.isoformat())
        assert REGISTRY.get_sample_value("nanum_jobs_late_seconds", {"name": "expire_payment"}) == 60

    def test_one_that_takes_long_keeps_its_lease_and_is_not_begun_twice(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        begun, goes_on = [], threading.Event()

        def slow(_, data):
            begun.append(data)
            assert goes_on.wait(30)
            return [StartRental(rental_id=data["rental_id"], payment_id=f"{CENTRE}.p-1")]

        service = self.calling_out(desk, slow)
        mine, other = worker(desk, ANSWER_BY, service, "one"), worker(desk, ANSWER_BY, service, "two")
        assert mine.step() == 1
        for _ in range(9):  # three minutes, three times the length of a lease
            for each in (mine, other):
                each._clock.now += timedelta(seconds=20)
            assert (mine.step(), other.step()) == (0, 0)
        mine._clock.now += timedelta(hours=1)  # its own lease has ended, and still it is at hand
        assert mine.step() == 0
        goes_on.set()
        wait_for(lambda: state(desk) == ("out", None))
        assert len(begun) == 1


class TestDoneJobs:
    def test_one_can_be_looked_at_for_thirty_days_and_is_dropped_then(self, desk):
        desk.do(lend(desk.resident(), "NG-C10-001"))
        assert worker(desk, ANSWER_BY).step() == 1
        assert desk.rows("SELECT name, due, attempts FROM job_done") == [("expire_payment", ANSWER_BY, 1)]
        assert desk.rows("SELECT count(*) FROM job") == [(0,)]
