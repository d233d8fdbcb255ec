"""Following a source: whatever the broker delivers, each fact is taken in once and in order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis import follow, metrics
from services.chassis.follow import PATIENCE, TRIES, EpochChanged, Follower, NotYet
from services.chassis.lanes import count_parked
from services.chassis.parked import ParkedFacts
from services.chassis.unpark import AGAIN, Unparker
from services.rentals.domain.house_rules import NoHouseRules
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, Source, ask, barcodes, lend, refusals


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


def shelf(desk):
    return dict(desk.rows("SELECT barcode, state FROM shelf_item ORDER BY 1"))


def cursor(desk):
    return desk.rows("SELECT pos FROM followed WHERE source = 'inventory'")[0][0]


@pytest.fixture
def missing(desk):
    """What ``item.ready`` waits for: it can't be taken in as long as there is something in this list."""
    view = next(v for v in desk.store.service.views if v.kind.VIEW == "shelf_item")
    original, missing = view.evolve, []

    def waits(now, heard):
        if heard.type == "item.ready" and missing:
            raise NoHouseRules(centre=CENTRE)
        return original(now, heard)

    object.__setattr__(view, "evolve", waits)
    yield missing
    object.__setattr__(view, "evolve", original)


class TestDelivery:
    def test_in_order(self, desk):
        said = desk.inventory.stock("NG-C10-001", "NG-C10-002")
        assert desk.follower.take(said) == 5
        assert shelf(desk) == {"NG-C10-001": "ready", "NG-C10-002": "ready"}
        assert desk.inventory.pulls == 0

    def test_again_changes_nothing(self, desk):
        said = desk.inventory.stock("NG-C10-001")
        desk.follower.take(said)
        desk.follower.take([said[1]])
        desk.follower.take(said)
        assert (cursor(desk), shelf(desk)) == (3, {"NG-C10-001": "ready"})

    def test_again_after_a_restart_changes_nothing(self, desk):
        said = desk.inventory.stock("NG-C10-001")
        desk.follower.take(said)
        anew = Follower(SERVICE, "inventory", desk.store, desk.inventory.pull, lambda: MONDAY)
        assert anew.take(said[:2]) == 3
        assert (cursor(desk), shelf(desk)) == (3, {"NG-C10-001": "ready"})

    def test_what_it_has_had_it_lets_go_without_asking_the_database(self, desk, monkeypatch):
        said = desk.inventory.stock("NG-C10-001")
        desk.follower.take(said)
        monkeypatch.setattr(desk.store, "turn", None)
        assert desk.follower.take(said) == 3

    def test_a_hole_is_filled_from_the_feed(self, desk):
        said = desk.inventory.stock("NG-C10-001", "NG-C10-002")
        desk.follower.take(said[:1])
        desk.follower.take(said[3:])
        assert (cursor(desk), shelf(desk)) == (5, {"NG-C10-001": "ready", "NG-C10-002": "ready"})
        assert desk.inventory.pulls > 0

    @pytest.mark.parametrize("seed", range(8))
    def test_lost_doubled_and_shuffled_deliveries_come_to_the_same(self, desk, seed):
        chance = random.Random(seed)
        said = desk.inventory.stock(*barcodes(15))
        deliveries = [m for m in said for _ in range(chance.choice([0, 1, 1, 2]))]
        for i in range(0, len(deliveries), 4):
            few = deliveries[i : i + 4]
            chance.shuffle(few)
            if few:
                desk.follower.take(few)
        desk.follower.catch_up()
        assert cursor(desk) == len(said)
        assert shelf(desk) == dict.fromkeys(barcodes(15), "ready")

    def test_a_new_consumer_reads_the_feed_from_the_first_fact(self, desk):
        desk.inventory.stock(*barcodes(300))
        assert desk.follower.catch_up() == 601
        assert len(shelf(desk)) == 300

    def test_facts_of_no_interest_only_move_the_cursor(self, desk):
        desk.follower.take([desk.inventory.says("stocktake.finished", "stocktake-1", anything=1)])
        assert cursor(desk) == 1


class TestReactions:
    def test_a_reaction_and_the_cursor_move_together(self, desk):
        desk.opened("NG-C10-001")
        kim = desk.resident()
        (lent,) = desk.do(lend(kim, "NG-C10-001"))
        rental_id = lent["result"]["rental_id"]
        desk.do(ask("confirm_payment", rental_id=rental_id, payment_id="p"))
        desk.do(ask("return_items", rental_id=rental_id, items=[{"barcode": "NG-C10-001", "condition": "good"}]))
        assert refusals(desk.do(lend(kim, "NG-C10-001"))) == ["item_being_checked"]
        ready = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "cleaned"}
        said = desk.inventory.says("item.ready", "item-NG-C10-001", **ready, after_rental=rental_id)
        desk.follower.take([said])
        desk.follower.take([said])
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.item_released'") == [(1,)]
        assert refusals(desk.do(lend(kim, "NG-C10-001"))) == [None]
        causes = desk.rows("SELECT meta->>'causation_id' FROM event WHERE type = 'rental.item_released'")
        assert causes == [(said.id,)]


class TestTrouble:
    def test_a_bad_fact_parks_its_stream_and_no_other(self, desk):
        inventory = desk.inventory
        inventory.stock("NG-C10-001", "NG-C10-002")
        bad = inventory.says("item.ready", "item-NG-C10-001", centre=CENTRE, barcode=17)
        behind = inventory.says("item.lost", "item-NG-C10-001", centre=CENTRE, barcode="NG-C10-001", rental_id=None)
        other = inventory.says("item.lost", "item-NG-C10-002", centre=CENTRE, barcode="NG-C10-002", rental_id=None)
        assert desk.follower.take(inventory.messages) == other.pos
        parked = desk.rows("SELECT pos, stream FROM parked ORDER BY pos")
        assert parked == [(bad.pos, bad.stream), (behind.pos, behind.stream)]
        assert shelf(desk) == {"NG-C10-001": "ready", "NG-C10-002": "lost"}

    def test_a_fact_that_breaks_our_own_code_is_parked_with_its_reason(self, desk, monkeypatch):
        said = desk.inventory.stock("NG-C10-001")
        view = next(v for v in desk.store.service.views if v.kind.VIEW == "shelf_item")
        original = view.evolve

        def breaks(now, heard):
            if heard.type == "item.ready":
                raise ZeroDivisionError("our own fault")
            return original(now, heard)

        object.__setattr__(view, "evolve", breaks)
        try:
            desk.follower.take(said)
        finally:
            object.__setattr__(view, "evolve", original)
        ((pos, error),) = desk.rows("SELECT pos, error FROM parked")
        assert pos == 3 and "our own fault" in error
        assert shelf(desk) == {"NG-C10-001": "preparing"}

    def test_what_waits_for_another_source_holds_its_lane_for_a_while_and_is_parked_then(self, desk, missing):
        """Notifications hears of a repair before it heard of the rental: the other lane will bring it."""
        said = desk.inventory.stock("NG-C10-001")
        missing.append("a rental")
        with pytest.raises(NotYet):
            desk.follower.take(said)
        assert (cursor(desk), shelf(desk)) == (2, {"NG-C10-001": "preparing"})
        missing.clear()
        assert desk.follower.take(said) == 3

        missing.append("another rental")
        about = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "found"}
        said = [desk.inventory.says("item.ready", "item-NG-C10-001", **about, after_rental=None)]
        with pytest.raises(NotYet):
            desk.follower.take(said)
        desk.follower.clock = lambda: MONDAY + timedelta(days=1)  # somebody puts the clock right: that is no wait
        waited = desk.follower._awaited[1] + PATIENCE
        for _ in range(TRIES - 1):
            with pytest.raises(NotYet):
                desk.follower.take(said)
            desk.follower._steady = lambda: waited  # it was stopped for so long: that alone is no wait
        assert desk.follower.take(said) == 4
        assert desk.rows("SELECT pos, early FROM parked") == [(4, True)]

    def test_what_came_too_early_is_taken_in_by_itself_when_its_time_has_come(self, desk, missing, monkeypatch):
        desk.follower.take(desk.inventory.stock("NG-C10-001", "NG-C10-002"))
        missing.append("a rental")
        monkeypatch.setattr(follow, "PATIENCE", 0)
        monkeypatch.setattr(follow, "TRIES", 0)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", "after_rental": None}
        early = desk.inventory.says("item.ready", "item-NG-C10-001", barcode="NG-C10-001", **found)
        behind = desk.inventory.says(
            "item.lost", "item-NG-C10-001", centre=CENTRE, barcode="NG-C10-001", rental_id=None
        )
        broken = desk.inventory.says("item.lost", "item-NG-C10-002", barcode="NG-C10-002")
        desk.follower.catch_up()
        parked = "SELECT pos, early, attempts FROM parked ORDER BY pos"
        assert desk.rows(parked) == [(early.pos, True, 1), (behind.pos, False, 1), (broken.pos, False, 1)]
        now = [1000.0]
        unparker = Unparker(desk.follower, lambda: now[0])

        assert unparker.again() == 0  # tried, in vain
        assert desk.rows(parked)[0] == (early.pos, True, 2)
        missing.clear()
        assert unparker.again() == 0  # not yet tried again
        now[0] += AGAIN
        assert unparker.again() == 2
        assert shelf(desk) == {"NG-C10-001": "lost", "NG-C10-002": "ready"}
        assert desk.rows(parked) == [(broken.pos, False, 1)]  # that one is no question of time
        now[0] += AGAIN
        monkeypatch.setattr(desk.store, "pool", None)
        assert unparker.again() == 0  # and the database is not asked any more

    def test_in_vain_it_is_tried_ever_more_seldom_and_for_ever(self, desk, missing, monkeypatch):
        desk.follower.take(desk.inventory.stock("NG-C10-001"))
        missing.append("a rental")
        monkeypatch.setattr(follow, "PATIENCE", 0)
        monkeypatch.setattr(follow, "TRIES", 0)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", "after_rental": None}
        desk.inventory.says("item.ready", "item-NG-C10-001", barcode="NG-C10-001", **found)
        desk.follower.catch_up()
        now, tries = [0.0], []
        unparker = Unparker(desk.follower, lambda: now[0])
        while now[0] < 300:
            if unparker.due:
                tries.append(now[0])
            unparker.again()
            now[0] += 1
        assert tries == [0, 5, 15, 35, 75, 135, 195, 255]

    def test_their_number_is_shown_and_falls_with_them(self, desk):
        desk.follower.take(desk.inventory.stock("NG-C10-001"))
        bad = desk.inventory.says("item.lost", "item-NG-C10-001", barcode="NG-C10-001")
        desk.follower.take([bad])
        shown = metrics.PARKED.labels("inventory")._value.get
        assert (count_parked(desk.store.reading, SERVICE.sources), shown()) == ({"inventory": 1}, 1)
        assert ParkedFacts(SERVICE, desk.store, lambda: MONDAY).drop("inventory", bad.pos)
        assert (count_parked(desk.store.reading, SERVICE.sources), shown()) == ({}, 0)

    def test_a_fact_that_fails_halfway_leaves_nothing_behind_when_it_is_tried_again(self, desk, monkeypatch):
        desk.follower.take(desk.inventory.stock("NG-C10-001"))
        found = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "found", "after_rental": None}
        lost = {"centre": CENTRE, "barcode": "NG-C10-001", "rental_id": None}
        said = [desk.inventory.says("item.lost", "item-NG-C10-001", **lost)]
        said.append(desk.inventory.says("item.ready", "item-NG-C10-001", **found))
        original, failing = Follower.take_in, {m.id for m in said}

        def halfway(self, turn, heard, *rest):
            original(self, turn, heard, *rest)
            if heard.id in failing:
                raise ZeroDivisionError("our own fault")

        monkeypatch.setattr(Follower, "take_in", halfway)
        desk.follower.take(said)
        failing.remove(said[0].id)

        assert Unparker(desk.follower).retry("item-NG-C10-001") == 1

        assert shelf(desk) == {"NG-C10-001": "lost"}
        assert desk.rows("SELECT pos, attempts FROM parked") == [(said[1].pos, 2)]

    def test_another_log_under_the_same_name_stops_the_follower(self, desk):
        desk.follower.take(desk.inventory.stock("NG-C10-001"))
        restored = Source(epoch="00000000-0000-4000-8000-000000000002")
        said = [replace(m, pos=m.pos + 3, previous=m.previous + 3) for m in restored.stock("NG-C10-002")]
        with pytest.raises(EpochChanged):
            desk.follower.take(said)
        assert cursor(desk) == 3

    def test_an_absent_database_parks_nothing(self, desk, servers):
        said = desk.inventory.stock("NG-C10-001")
        desk.follower.take(said[:1])
        servers.stop("postgres")
        try:
            with pytest.raises(Exception, match=r"(?i)connect|closed|terminat|shut"):
                desk.follower.take(said[1:])
        finally:
            servers.start("postgres")
        assert desk.follower.take(said[1:]) == 3
        assert desk.rows("SELECT count(*) FROM parked") == [(0,)]


def test_lag_is_measured(desk):
    desk.follower.take(desk.inventory.stock("NG-C10-001"))
    assert metrics.FOLLOWED.labels("inventory")._value.get() == 3
    assert metrics.LAG_SECONDS.labels("inventory")._value.get() == (MONDAY - MONDAY).total_seconds()
