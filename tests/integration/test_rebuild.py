"""Rebuild, verify, reads of the past, parked events: the views are the fold of the events, and it can be shown."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from services.chassis.messaging import subscriber
from services.chassis.messaging.parked import ParkedEvents, Retrier
from services.chassis.readmodels.query_handler import NothingFound, QueryHandler
from services.chassis.readmodels.rebuild import ViewUnknown, back, rebuild
from services.chassis.readmodels.verify import verify
from services.contracts.base import within
from services.rentals.checkout.model import DeclinePayment, StartRental
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, barcodes, lend, send


@pytest.fixture
def desk(fresh):
    """Some rentals in every state."""
    database = fresh("rentals")
    desk = Desk(database.app).opened(*barcodes(40))
    desk.owner = database.owner
    for n in range(6):
        kim = desk.resident()
        lent = desk.do(*(lend(kim, barcode) for barcode in barcodes(40)[n * 4 : n * 4 + 4]))
        ids = [outcome["result"]["rental_id"] for outcome in lent]
        desk.own(*(StartRental(rental_id=i, payment_id=f"p-{i}") for i in ids[:3]))
        desk.own(DeclinePayment(rental_id=ids[3]))
        units = [i["barcode"] for i in lent[0]["result"]["items"]]
        desk.do(send("return_items", rental_id=ids[0], items=[{"barcode": u, "condition": "good"} for u in units]))
    return desk


def feeds(desk):
    return dict.fromkeys(("inventory", "billing", "notifications"), desk.inventory.read_feed)


def differences(desk):
    return [str(d) for d in verify(SERVICE, desk.url, feeds(desk)).differences]


def tables(desk):
    views = (
        "house_rules",
        "resident",
        "rental",
        "item_allocation",
        "open_rental_item",
        "inventory_item",
        "lending_category",
        "parts_checklist",
    )
    return {view: sorted(map(str, desk.rows(f"SELECT to_jsonb(v)::text FROM {view} v"))) for view in views}


class TestVerify:
    def test_every_view_equals_the_fold_of_its_events(self, desk):
        verdict = verify(SERVICE, desk.url, feeds(desk))
        assert verdict.differences == []
        assert verdict.events > 80 and verdict.rows > 80

    def test_a_view_that_waits_for_parked_events_is_not_called_equal(self, desk):
        desk.subscriber.receive(
            [desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-00001", barcode=17)]
        )
        assert verify(SERVICE, desk.url, feeds(desk)).left_out == [
            "inventory_item",
            "lending_category",
            "parts_checklist",
        ]

    def test_what_an_operator_left_out_is_left_out_here_too_and_said(self, desk):
        poison = desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-00001", barcode=17)
        desk.subscriber.receive([poison])
        assert ParkedEvents(desk.store.pool).drop("inventory", poison.position)
        verdict = verify(SERVICE, desk.url, feeds(desk))
        assert (verdict.differences, verdict.left_out) == ([], [])
        assert verdict.dropped == [("inventory", poison.position)]
        assert rebuild(SERVICE, desk.owner, feeds(desk)).views
        assert differences(desk) == []

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (
                "UPDATE rental SET fee_krw = 1 WHERE rental_id IN"
                " (SELECT min(rental_id) FROM rental WHERE centre = 'gwangju-namgu')",
                "fee_krw is 1",
            ),
            (
                "DELETE FROM item_allocation WHERE item_id IN"
                " (SELECT min(item_id) FROM item_allocation WHERE centre = 'gwangju-namgu')",
                "is missing",
            ),
            (
                "UPDATE inventory_item SET state = 'lost' WHERE item_id = 'gwangju-namgu.NG-C10-00001'",
                "state is 'lost'",
            ),
            (
                "INSERT INTO item_allocation (item_id, centre, barcode, rental_id, resident_id, state, due_on)"
                " VALUES ('g.GHOST-1', 'g', 'GHOST-1', 'r', 'k', 'out', '2026-11-23')",
                "no event made it",
            ),
        ],
    )
    def test_what_was_tampered_with_is_found(self, desk, damage, said):
        with psycopg.connect(desk.owner) as conn:
            conn.execute(damage)
        (difference,) = differences(desk)
        assert said in difference


class TestRebuild:
    def test_rebuilt_equals_live_and_mends_what_was_broken(self, desk):
        before = tables(desk)
        with psycopg.connect(desk.owner) as conn:
            conn.execute("UPDATE rental SET fee_krw = 1")
            conn.execute("DELETE FROM inventory_item WHERE barcode = 'NG-C10-00001'")
        done = rebuild(SERVICE, desk.owner, feeds(desk))
        assert tables(desk) == before
        assert differences(desk) == []
        assert set(done.views) == set(before)

    def test_the_desk_goes_on_before_during_and_after(self, desk):
        kim, answers, stop = desk.resident(), [], threading.Event()

        def keeps_lending():
            n = 0
            while not stop.is_set():
                (outcome,) = desk.do(lend(kim, barcodes(40)[24 + n % 4]))
                answers.append("result" in outcome)
                desk.rows("SELECT count(*) FROM rental")
                if "result" in outcome:
                    desk.own(DeclinePayment(rental_id=outcome["result"]["rental_id"]))
                n += 1

        lender = threading.Thread(target=keeps_lending)
        lender.start()
        try:
            for _ in range(5):
                rebuild(SERVICE, desk.owner, feeds(desk))
        finally:
            stop.set()
            lender.join()
        assert answers and all(answers)
        assert differences(desk) == []

    def test_one_view_alone(self, desk):
        with psycopg.connect(desk.owner) as conn:
            conn.execute("DELETE FROM item_allocation")
        assert rebuild(SERVICE, desk.owner, feeds(desk), ["item_allocation"]).views == ["item_allocation"]
        assert differences(desk) == []

    def test_back_to_the_retired_tables_with_what_has_happened_since(self, desk):
        rebuild(SERVICE, desk.owner, feeds(desk))
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-00030"))
        desk.subscriber.receive(desk.inventory.stock("NG-C10-77777", code="C11"))
        expected = tables(desk)
        back(SERVICE, desk.owner, feeds(desk))
        assert tables(desk) == expected
        assert differences(desk) == []
        desk.do(lend(kim, "NG-C10-00031"))
        assert differences(desk) == []

    def test_an_unknown_view_and_nothing_to_go_back_to_are_said_so(self, desk):
        with pytest.raises(ViewUnknown, match="no view horoscope"):
            rebuild(SERVICE, desk.owner, feeds(desk), ["horoscope"])
        with pytest.raises(ViewUnknown, match="no retired"):
            back(SERVICE, desk.owner, feeds(desk))

    def test_the_guard_of_the_great_rule_is_there_after_a_rebuild(self, desk):
        rebuild(SERVICE, desk.owner, feeds(desk))
        with pytest.raises(psycopg.errors.UniqueViolation):
            desk.rows(
                "INSERT INTO open_rental_item SELECT rental_item_id || 'x', item_id, rental_id"
                " FROM open_rental_item RETURNING 1"
            )


class TestAsOf:
    def test_a_rental_as_it_stood_at_an_instant(self, desk):
        queries = QueryHandler(SERVICE, desk.store)
        kim = desk.resident()
        (lent,) = desk.do(lend(kim, "NG-C10-00030"))
        rental_id = lent["result"]["rental_id"]
        desk.own(StartRental(rental_id=rental_id, payment_id=f"{CENTRE}.p"), at=MONDAY + timedelta(minutes=1))

        def read(at):
            asked = {"rental_id": rental_id, "as_of": at.isoformat()}
            return queries.handle("rental", asked, MONDAY)

        assert b'"awaiting_payment"' in read(MONDAY).document
        later = read(MONDAY + timedelta(hours=1))
        assert b'"out"' in later.document and later.version == 2
        with pytest.raises(NothingFound):
            read(MONDAY - timedelta(seconds=1))


FOUND = {"reason": "found", "after_rental": None, "repair_id": None}


class TestParked:
    def poison(self, desk, streams=20, good=90, bad=10):
        """Good and bad events of many units, one after the other."""
        inventory = desk.inventory
        units = [f"PP-C10-{n:04d}" for n in range(streams)]
        desk.subscriber.receive(inventory.stock(*units))
        poisoned = []
        for n in range(good + bad):
            unit = units[n % streams]
            about = {"centre": CENTRE, "barcode": unit, "category": "C10"}
            if n % ((good + bad) // bad) == 5:
                poisoned.append(inventory.publishes("item.lost", f"item-{CENTRE}.{unit}", barcode=unit))
            else:
                inventory.publishes("item.made_ready", f"item-{CENTRE}.{unit}", **about, **FOUND)
        return poisoned

    def test_a_hundred_poisoned_among_nine_hundred_and_after_the_mend_none_is_left(self, desk, monkeypatch):
        poisoned = self.poison(desk, streams=200, good=900, bad=100)
        head = desk.subscriber.catch_up()
        assert head == desk.inventory.messages[-1].position
        parked = ParkedEvents(desk.store.pool)
        waiting = parked.all()
        assert {p.position for p in waiting} >= {m.position for m in poisoned}
        streams = {m.stream for m in poisoned}
        first = {s: min(m.position for m in poisoned if m.stream == s) for s in streams}
        behind = [m.position for m in desk.inventory.messages if m.stream in streams and m.position >= first[m.stream]]
        assert sorted(p.position for p in waiting) == sorted(behind)

        mended = {"centre": CENTRE, "category": "C10", "rental_id": None}
        original = subscriber.integration_event
        monkeypatch.setattr(
            subscriber,
            "integration_event",
            lambda service, message: original(service, replace(message, data={**mended, **message.data})),
        )
        assert retry_all(desk) == (len(waiting), 0)
        monkeypatch.undo()
        last = {}
        for message in desk.inventory.messages:
            if ".PP-" in message.stream:
                last[within(message.stream)] = message.type.removeprefix("item.").removeprefix("made_")
        shelf = dict(desk.rows("SELECT barcode, state FROM inventory_item WHERE barcode LIKE 'PP%%'"))
        assert shelf == last

    def test_what_still_fails_stays_with_those_behind_it_and_is_counted(self, desk):
        self.poison(desk)
        desk.subscriber.catch_up()
        parked = ParkedEvents(desk.store.pool)
        before = len(parked.all())
        assert retry_all(desk) == (0, before)
        assert max(p.attempts for p in parked.all()) == 2

    def test_a_dropped_event_lets_those_behind_it_through(self, desk):
        poisoned = self.poison(desk)
        desk.subscriber.catch_up()
        parked = ParkedEvents(desk.store.pool)
        for message in poisoned:
            assert parked.drop("inventory", message.position)
        assert not parked.drop("inventory", poisoned[0].position)
        assert retry_all(desk)[1] == 0
        assert not parked.all()


def retry_all(desk):
    """Retry every parked stream; (taken in, still parked)."""
    parked = ParkedEvents(desk.store.pool)
    retrier = Retrier(desk.subscriber, parked)
    done = retrier.retry(p.stream for p in parked.all())
    return done, len(parked.all())
