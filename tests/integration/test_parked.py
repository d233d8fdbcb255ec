"""Parked events are taken in by position; what a policy is refused is parked, or kept and counted."""

from __future__ import annotations

import pytest

from services.chassis.domain import Refused
from services.chassis.foundation import metrics
from services.chassis.messaging import subscriber
from services.chassis.messaging.parked import ParkedEvents, Retrier
from services.chassis.messaging.subscriber import Subscriber
from services.chassis.readmodels.verify import verify
from services.chassis.service import CommandHandler
from services.contracts import refusals as kinds
from services.rentals.inventory_items.projections import evolve_item
from services.rentals.returns.model import ReleaseItem
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, Desk
from tests.support.subscribing import UNTIED, cursor, fold_instead


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


class TestParked:
    def test_streams_are_taken_in_by_position_and_not_by_name(self, desk, monkeypatch):
        """A view that crosses streams, as what a place holds, is the last that happened, not the last by name."""
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001", "NG-C10-002", "NG-C10-003"))
        names = ["NG-C10-003", "NG-C10-001", "NG-C10-002", "NG-C10-001", "NG-C10-003"]
        broken, folded = {"NG-C10-002"}, []

        def fold(item, event):
            if broken:
                raise ZeroDivisionError("our own fault")
            folded.append(event.barcode)
            return evolve_item(item, event)

        fold_instead(monkeypatch, fold)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", **UNTIED}
        for barcode in names:
            desk.inventory.publishes("item.made_ready", f"item-{CENTRE}.{barcode}", barcode=barcode, **found)
        desk.subscriber.catch_up()
        broken.clear()
        parked = ParkedEvents(desk.store.pool)
        assert Retrier(desk.subscriber, parked).retry(p.stream for p in parked.all()) == 5
        assert folded == names

    def test_a_stream_that_still_fails_stops_alone(self, desk, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001", "NG-C10-002"))
        broken = {"NG-C10-001", "NG-C10-002"}

        def fold(item, event):
            if event.barcode in broken:
                raise ZeroDivisionError("our own fault")
            return evolve_item(item, event)

        fold_instead(monkeypatch, fold)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", **UNTIED}
        for barcode in ("NG-C10-001", "NG-C10-002", "NG-C10-001", "NG-C10-002"):
            desk.inventory.publishes("item.made_ready", f"item-{CENTRE}.{barcode}", barcode=barcode, **found)
        desk.subscriber.catch_up()
        broken.remove("NG-C10-002")
        parked = ParkedEvents(desk.store.pool)
        assert Retrier(desk.subscriber, parked).retry(p.stream for p in parked.all()) == 2
        assert desk.rows("SELECT position FROM parked ORDER BY 1") == [(6,), (8,)]

    def test_a_dropped_one_is_left_out_by_a_replay_too(self, desk, monkeypatch):
        def broken(self, uow, incoming):
            raise ZeroDivisionError("our own fault")

        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        about = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "rental_id": None}
        monkeypatch.setattr(Subscriber, "take_in", broken)
        bad = desk.inventory.publishes("item.lost", f"item-{CENTRE}.NG-C10-001", **about)
        desk.subscriber.receive([bad])
        assert ParkedEvents(desk.store.pool).drop("inventory", bad.position)
        assert desk.rows("SELECT source, position FROM dropped_event") == [("inventory", bad.position)]
        feeds = dict.fromkeys(SERVICE.sources, desk.inventory.read_feed)
        verdict = verify(SERVICE, desk.store.pool.url, feeds)
        assert (verdict.differences, verdict.left_out) == ([], [])
        assert not ParkedEvents(desk.store.pool).drop("inventory", bad.position)


class TestRefusedPolicies:
    """The command that a policy makes is refused: nothing of that is only logged."""

    @pytest.fixture
    def refusing(self, desk, monkeypatch):
        """A decision that refuses as it is told."""
        answers = []

        def decide(command, read, now):
            if answers:
                raise answers[0]
            return []

        handler = CommandHandler(ReleaseItem, decide)
        monkeypatch.setitem(SERVICE.handler_of, ReleaseItem, handler)
        monkeypatch.setattr(subscriber, "PATIENCE", 0)
        monkeypatch.setattr(subscriber, "TRIES", 0)
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        about = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "cleaned"}
        desk.inventory.publishes(
            "item.made_ready", f"item-{CENTRE}.NG-C10-001", **about, after_rental=f"{CENTRE}.r", repair_id=None
        )
        return answers

    @pytest.mark.parametrize("kind", [kinds.UNAVAILABLE, kinds.NOT_FOUND])
    def test_what_time_may_mend_is_parked_and_taken_in_when_it_has(self, desk, refusing, kind):
        refusing.append(refusal_of(kind))
        desk.subscriber.catch_up()
        assert desk.rows("SELECT position, out_of_order FROM parked") == [(4, True)]
        refusing.clear()
        retrier = Retrier(desk.subscriber, ParkedEvents(desk.store.pool))
        assert retrier.retry_out_of_order() == 1
        assert desk.rows("SELECT count(*) FROM policy_refusal") == [(0,)]

    @pytest.mark.parametrize("kind", [kinds.CONFLICT, kinds.REFUSED, kinds.INVALID])
    def test_what_no_time_mends_is_kept_and_counted(self, desk, refusing, kind):
        refusing.append(refusal_of(kind))
        counter = metrics.POLICY_REFUSALS.labels("release_item", "toy_refusal")
        before = counter._value.get()
        desk.subscriber.catch_up()
        assert cursor(desk) == 4
        kept = desk.rows("SELECT source, position, command, code, details FROM policy_refusal")
        assert kept == [("inventory", 4, "release_item", "toy_refusal", '{"barcode": "NG"}')]
        assert counter._value.get() == before + 1
        (line,) = ParkedEvents(desk.store.pool).refusals()
        assert "release_item" in line and "toy_refusal" in line


def refusal_of(kind):
    """A refusal of a kind."""

    class ToyRefusal(Refused):
        """No toy for {barcode}."""

        ko = "{barcode}"

    ToyRefusal.kind = kind
    return ToyRefusal(barcode="NG")
