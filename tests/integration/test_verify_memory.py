"""Verify and rebuild hold a few rows in memory and one page of answers, however long the history is."""

from __future__ import annotations

import threading
import time
import tracemalloc

import psycopg
import pytest

from services.chassis.messaging.feed import Page
from services.chassis.readmodels import rebuild, replay, row_table, verify
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, RULES, Desk, barcodes, lend, send
from tests.support.waiting import wait_for

NO_FEEDS = dict.fromkeys(SERVICE.sources, lambda after: Page("", 0, []))


@pytest.fixture
def desk(fresh, monkeypatch):
    """A centre with residents; of its rows 200 may be in memory."""
    database = fresh("rentals")
    desk = Desk(database.app)
    desk.url, desk.owner, desk.superuser = database.app, database.owner, database.superuser
    desk.do(send("adopt_house_rules", centre=CENTRE, rules=RULES))
    monkeypatch.setattr(replay, "IN_MEMORY", 200)
    monkeypatch.setattr(replay, "STEP", 100)
    for module in (row_table, verify, rebuild):
        monkeypatch.setattr(module, "PAGE", 50)
    return desk


def join(desk, count):
    for _ in range(count // 50):
        ids = [f"{CENTRE}.{n}-{time.monotonic_ns()}" for n in range(50)]
        desk.do(*(send("join_resident", resident_id=id, centre=CENTRE) for id in ids))


def peak(work):
    """The most memory that Python had in use during the work, beyond what it had before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def residents(desk):
    return desk.rows("SELECT count(*) FROM resident")[0][0]


@pytest.mark.parametrize("tool", ["verify", "rebuild"])
def test_four_times_the_history_takes_no_more_memory(desk, tool):
    def work():
        if tool == "verify":
            verdict = verify.verify(SERVICE, desk.url, NO_FEEDS)
            assert verdict.found["resident"] == 0 and verdict.rows >= residents(desk)
        else:
            assert rebuild.rebuild(SERVICE, desk.owner, NO_FEEDS, ["resident"]).rows == residents(desk)

    join(desk, 1000)
    work()  # what is cached once is not counted
    small = peak(work)
    join(desk, 3000)
    large = peak(work)
    assert residents(desk) == 4000
    assert large < 1.2 * small, (small, large)


def test_what_differs_is_found_wherever_the_row_lies(desk):
    join(desk, 1000)
    keys = [key for (key,) in desk.rows("SELECT resident_id FROM resident ORDER BY resident_id")]
    with psycopg.connect(desk.owner) as conn:
        conn.execute("UPDATE resident SET state = 'suspended' WHERE resident_id = ANY(%s)", ([keys[3], keys[998]],))
        conn.execute("DELETE FROM resident WHERE resident_id = %s", (keys[500],))
        conn.execute(
            "INSERT INTO resident SELECT (jsonb_populate_record(r, jsonb_build_object('resident_id', 'ghost'))).*"
            " FROM resident r LIMIT 1"
        )
    verdict = verify.verify(SERVICE, desk.url, NO_FEEDS)
    assert {(d.key, d.field) for d in verdict.differences} == {
        (keys[3], "state"),
        (keys[998], "state"),
        (keys[500], ""),
        ("ghost", ""),
    }


def test_of_many_differences_all_are_counted_and_some_listed(desk, monkeypatch):
    join(desk, 100)
    monkeypatch.setattr(verify, "MOST", 10)
    with psycopg.connect(desk.owner) as conn:
        conn.execute("UPDATE resident SET state = 'suspended'")
    verdict = verify.verify(SERVICE, desk.url, NO_FEEDS)
    assert (verdict.found["resident"], len(verdict.differences)) == (100, 10)


def test_while_the_desk_goes_on_a_verification_finds_nothing_and_holds_no_snapshot(desk, monkeypatch):
    desk.subscriber.receive(desk.inventory.stock(*barcodes(4)))
    join(desk, 300)
    feeds = dict.fromkeys(SERVICE.sources, desk.inventory.read_feed)
    stop, ages, kim = threading.Event(), [], desk.resident()
    age = "SELECT coalesce(max(now() - xact_start), '0') FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"

    def keeps_lending():
        while not stop.is_set():
            desk.do(lend(kim, barcodes(4)[0]))
            join(desk, 50)
            ages.append(desk.rows(age)[0][0].total_seconds())

    lender = threading.Thread(target=keeps_lending)
    lender.start()
    try:
        wait_for(lambda: ages)
        for _ in range(3):
            assert verify.verify(SERVICE, desk.url, feeds).differences == []
    finally:
        stop.set()
        lender.join()
    assert max(ages) < 1.0


class TestTheSwap:
    def test_no_feed_is_read_while_writers_wait(self, desk):
        desk.subscriber.receive(desk.inventory.stock(*barcodes(60)))
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        locks = []

        def read_feed(after):
            locks.append(desk.rows(f"{held} (SELECT oid FROM pg_database WHERE datname = current_database())")[0][0])
            page = desk.inventory.read_feed(after)
            if len(locks) == 1:  # there is more to take in than the page says
                desk.subscriber.receive(desk.inventory.stock("NG-C10-99999"))
            return page

        done = rebuild.rebuild(SERVICE, desk.owner, dict.fromkeys(SERVICE.sources, read_feed))
        assert len(locks) > 1 and set(locks) == {0}
        assert desk.rows("SELECT count(*) FROM inventory_item") == [(61,)]
        assert done.locked < 1.0
        assert verify.verify(SERVICE, desk.url, dict.fromkeys(SERVICE.sources, read_feed)).differences == []

    def test_what_was_taken_in_beyond_what_was_read_ahead_makes_another_try(self, desk, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-00001"))
        tries, under_the_lock = [], rebuild._under_the_lock

        def others_are_faster(*given):
            tries.append(1)
            if len(tries) < 3:
                desk.subscriber.receive(desk.inventory.stock(f"NG-C10-0000{len(tries) + 1}"))
            return under_the_lock(*given)

        monkeypatch.setattr(rebuild, "_under_the_lock", others_are_faster)
        rebuild.rebuild(SERVICE, desk.owner, dict.fromkeys(SERVICE.sources, desk.inventory.read_feed))
        assert len(tries) == 3
        assert desk.rows("SELECT count(*) FROM inventory_item") == [(3,)]

    def test_a_reader_that_stays_does_not_hold_up_the_desk(self, desk):
        join(desk, 50)
        with psycopg.connect(desk.superuser) as reader:
            reader.execute("SELECT 1 FROM resident LIMIT 1")
            rebuilding = threading.Thread(target=rebuild.rebuild, args=(SERVICE, desk.owner, NO_FEEDS, ["resident"]))
            rebuilding.start()
            began = time.monotonic()
            for _ in range(3):
                join(desk, 50)
            assert time.monotonic() - began < 5
            assert rebuilding.is_alive()
            reader.rollback()
            rebuilding.join()
        assert residents(desk) == 200
        assert verify.verify(SERVICE, desk.url, NO_FEEDS).found["resident"] == 0

    def test_others_may_read_and_write_the_new_table_as_the_old_one(self, desk):
        rights = "SELECT relacl::text FROM pg_class WHERE oid = 'public.resident'::regclass"
        before = desk.rows(rights)
        rebuild.rebuild(SERVICE, desk.owner, NO_FEEDS, ["resident"])
        assert sorted(before[0][0].strip("{}").split(",")) == sorted(desk.rows(rights)[0][0].strip("{}").split(","))
