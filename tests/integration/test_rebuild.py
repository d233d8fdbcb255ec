"""Rebuild, verify, reads of the past, parked facts: the views are the fold of the facts, and it can be shown."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from services.chassis.parked import ParkedFacts, run
from services.chassis.reads import NotThere, Reads
from services.chassis.rebuild import ViewUnknown, back, rebuild
from services.chassis.verify import verify
from services.chassis.wake import RowBells
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, ask, barcodes, lend


@pytest.fixture
def desk(fresh):
    """Some rentals in every state."""
    database = fresh("rentals")
    desk = Desk(database.app).opened(*barcodes(40))
    desk.url, desk.owner = database.app, database.owner
    for n in range(6):
        kim = desk.resident()
        lent = desk.do(*(lend(kim, barcode) for barcode in barcodes(40)[n * 4 : n * 4 + 4]))
        ids = [outcome["result"]["rental_id"] for outcome in lent]
        desk.do(*(ask("confirm_payment", rental_id=i, payment_id=f"p-{i}") for i in ids[:3]))
        desk.do(ask("decline_payment", rental_id=ids[3]))
        units = [i["barcode"] for i in lent[0]["result"]["items"]]
        desk.do(ask("return_items", rental_id=ids[0], items=[{"barcode": u, "condition": "good"} for u in units]))
    return desk


def pulls(desk):
    return {"inventory": desk.inventory.pull, "billing": desk.inventory.pull, "notifications": desk.inventory.pull}


def differences(desk):
    return [str(d) for d in verify(SERVICE, desk.url, pulls(desk)).differences]


def tables(desk):
    views = ("house_rules", "resident", "rental", "hold", "open_unit", "shelf_item", "lending_category")
    return {view: sorted(map(str, desk.rows(f"SELECT to_jsonb(v)::text FROM {view} v"))) for view in views}


class TestVerify:
    def test_every_view_equals_the_fold_of_its_facts(self, desk):
        verdict = verify(SERVICE, desk.url, pulls(desk))
        assert verdict.differences == []
        assert verdict.facts > 80 and verdict.rows > 80

    def test_a_view_that_waits_for_parked_facts_is_not_called_equal(self, desk):
        desk.follower.take([desk.inventory.says("item.ready", "item-NG-C10-00001", barcode=17)])
        assert verify(SERVICE, desk.url, pulls(desk)).left_out == ["shelf_item", "lending_category"]

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            ("UPDATE rental SET fee_krw = 1 WHERE rental_id = (SELECT min(rental_id) FROM rental)", "fee_krw is 1"),
            ("DELETE FROM hold WHERE barcode = (SELECT min(barcode) FROM hold)", "is missing"),
            ("UPDATE shelf_item SET state = 'lost' WHERE barcode = 'NG-C10-00001'", "state is 'lost'"),
            ("INSERT INTO hold VALUES ('GHOST-1', 'r', 'k', 'out', '2026-11-23')", "no fact made it"),
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
            conn.execute("DELETE FROM shelf_item WHERE barcode = 'NG-C10-00001'")
        done = rebuild(SERVICE, desk.owner, pulls(desk))
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
                    desk.do(ask("decline_payment", rental_id=outcome["result"]["rental_id"]))
                n += 1

        lender = threading.Thread(target=keeps_lending)
        lender.start()
        try:
            for _ in range(5):
                rebuild(SERVICE, desk.owner, pulls(desk))
        finally:
            stop.set()
            lender.join()
        assert answers and all(answers)
        assert differences(desk) == []

    def test_one_view_alone(self, desk):
        with psycopg.connect(desk.owner) as conn:
            conn.execute("DELETE FROM hold")
        assert rebuild(SERVICE, desk.owner, pulls(desk), ["hold"]).views == ["hold"]
        assert differences(desk) == []

    def test_back_to_the_retired_tables_with_what_has_happened_since(self, desk):
        rebuild(SERVICE, desk.owner, pulls(desk))
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-00030"))
        desk.follower.take(desk.inventory.stock("NG-C10-77777", code="C11"))
        expected = tables(desk)
        back(SERVICE, desk.owner, pulls(desk))
        assert tables(desk) == expected
        assert differences(desk) == []
        desk.do(lend(kim, "NG-C10-00031"))
        assert differences(desk) == []

    def test_an_unknown_view_and_nothing_to_go_back_to_are_said_so(self, desk):
        with pytest.raises(ViewUnknown, match="no view horoscope"):
            rebuild(SERVICE, desk.owner, pulls(desk), ["horoscope"])
        with pytest.raises(ViewUnknown, match="no retired"):
            back(SERVICE, desk.owner, pulls(desk))

    def test_the_guard_of_the_great_rule_is_there_after_a_rebuild(self, desk):
        rebuild(SERVICE, desk.owner, pulls(desk))
        with pytest.raises(psycopg.errors.UniqueViolation):
            desk.rows("INSERT INTO open_unit SELECT unit_id || 'x', barcode, rental_id FROM open_unit RETURNING 1")


class TestAsOf:
    def test_a_rental_as_it_stood_at_an_instant(self, desk):
        reads = Reads(SERVICE, desk.store, RowBells())
        kim = desk.resident()
        (lent,) = desk.do(lend(kim, "NG-C10-00030"))
        rental_id = lent["result"]["rental_id"]
        desk.do(ask("confirm_payment", rental_id=rental_id, payment_id="p"), at=MONDAY + timedelta(minutes=1))

        def read(at):
            asked = {"rental_id": rental_id, "as_of": at.isoformat()}
            return reads.answer("rental", asked, MONDAY)

        assert b'"awaiting_payment"' in read(MONDAY).document
        later = read(MONDAY + timedelta(hours=1))
        assert b'"out"' in later.document and later.version == 2
        with pytest.raises(NotThere):
            read(MONDAY - timedelta(seconds=1))


class TestParked:
    def poison(self, desk, streams=20, good=90, bad=10):
        """Good and bad facts of many units, one after the other."""
        inventory = desk.inventory
        units = [f"PP-C10-{n:04d}" for n in range(streams)]
        desk.follower.take(inventory.stock(*units))
        poisoned = []
        for n in range(good + bad):
            unit = units[n % streams]
            about = {"centre": CENTRE, "barcode": unit, "category": "C10"}
            if n % ((good + bad) // bad) == 5:
                poisoned.append(inventory.says("item.lost", f"item-{unit}", barcode=unit))
            else:
                inventory.says("item.ready", f"item-{unit}", **about, reason="found", after_rental=None)
        return poisoned

    def test_a_hundred_poisoned_among_nine_hundred_and_after_the_mend_none_is_left(self, desk, monkeypatch):
        poisoned = self.poison(desk, streams=200, good=900, bad=100)
        head = desk.follower.catch_up()
        assert head == desk.inventory.messages[-1].pos
        parked = ParkedFacts(SERVICE, desk.store, lambda: MONDAY)
        waiting = parked.all()
        assert {p.pos for p in waiting} >= {m.pos for m in poisoned}
        streams = {m.stream for m in poisoned}
        first = {s: min(m.pos for m in poisoned if m.stream == s) for s in streams}
        behind = [m.pos for m in desk.inventory.messages if m.stream in streams and m.pos >= first[m.stream]]
        assert sorted(p.pos for p in waiting) == sorted(behind)

        contract = SERVICE.contracts_heard["inventory", "item.lost"]
        loads = type(contract).read
        mended = {"centre": CENTRE, "rental_id": None}
        monkeypatch.setattr(type(contract), "read", lambda self, data, n: loads(self, {**mended, **data}, n))
        assert parked.retry_all() == (len(waiting), 0)
        monkeypatch.undo()
        last = {}
        for message in desk.inventory.messages:
            if message.stream.startswith("item-PP"):
                last[message.stream.removeprefix("item-")] = message.type.removeprefix("item.")
        shelf = dict(desk.rows("SELECT barcode, state FROM shelf_item WHERE barcode LIKE 'PP%%'"))
        assert shelf == last

    def test_what_still_fails_stays_with_those_behind_it_and_is_counted(self, desk):
        self.poison(desk)
        desk.follower.catch_up()
        parked = ParkedFacts(SERVICE, desk.store, lambda: MONDAY)
        before = len(parked.all())
        assert parked.retry_all() == (0, before)
        assert max(p.attempts for p in parked.all()) == 2

    def test_a_dropped_fact_lets_those_behind_it_through(self, desk, capsys):
        poisoned = self.poison(desk)
        desk.follower.catch_up()
        parked = ParkedFacts(SERVICE, desk.store, lambda: MONDAY)
        for message in poisoned:
            assert run(parked, ["drop", "inventory", str(message.pos)]) == 0
        assert run(parked, ["retry"]) == 0
        assert run(parked, []) == 0
        assert "nothing is parked" in capsys.readouterr().out
        assert run(parked, ["dance"]) == 2
