"""Following a source: whatever the broker delivers, each event is taken in once and in order."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from services.chassis.foundation import metrics
from services.chassis.messaging import subscriber
from services.chassis.messaging.parked import SOON, ParkedEvents, Retrier
from services.chassis.messaging.same_log import EpochChanged
from services.chassis.messaging.subscriber import AFTER_ONE, PATIENCE, TRIES, OutOfOrder, Subscriber
from services.rentals.house_rules.model import NoHouseRules
from services.rentals.inventory_items.projections import evolve_item
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, Source, barcodes
from tests.support.subscribing import UNTIED, cursor, fold_instead, shelf


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


@pytest.fixture
def missing(monkeypatch):
    """What ``item.made_ready`` depends on: it can't be taken in as long as there is something in this list."""
    missing = []

    def waits(item, event):
        if missing:
            raise NoHouseRules(centre=CENTRE)
        return evolve_item(item, event)

    fold_instead(monkeypatch, waits)
    return missing


class TestDelivery:
    def test_in_order(self, desk):
        published = desk.inventory.stock("NG-C10-001", "NG-C10-002")
        assert desk.subscriber.receive(published) == 5
        assert shelf(desk) == {"NG-C10-001": "ready", "NG-C10-002": "ready"}
        assert desk.inventory.reads == 0

    def test_again_changes_nothing(self, desk):
        published = desk.inventory.stock("NG-C10-001")
        desk.subscriber.receive(published)
        desk.subscriber.receive([published[1]])
        desk.subscriber.receive(published)
        assert (cursor(desk), shelf(desk)) == (3, {"NG-C10-001": "ready"})

    def test_again_after_a_restart_changes_nothing(self, desk):
        published = desk.inventory.stock("NG-C10-001")
        desk.subscriber.receive(published)
        anew = Subscriber(SERVICE, "inventory", desk.store, desk.inventory.read_feed, lambda: MONDAY)
        assert anew.receive(published[:2]) == 3
        assert (cursor(desk), shelf(desk)) == (3, {"NG-C10-001": "ready"})

    def test_what_it_has_had_it_lets_go_without_asking_the_database(self, desk, monkeypatch):
        published = desk.inventory.stock("NG-C10-001")
        desk.subscriber.receive(published)
        monkeypatch.setattr(desk.store, "begin", None)
        assert desk.subscriber.receive(published) == 3

    def test_a_gap_is_filled_from_the_feed(self, desk):
        published = desk.inventory.stock("NG-C10-001", "NG-C10-002")
        desk.subscriber.receive(published[:1])
        desk.subscriber.receive(published[3:])
        assert (cursor(desk), shelf(desk)) == (5, {"NG-C10-001": "ready", "NG-C10-002": "ready"})
        assert desk.inventory.reads > 0

    @pytest.mark.parametrize("seed", range(8))
    def test_lost_doubled_and_shuffled_deliveries_come_to_the_same(self, desk, seed):
        chance = random.Random(seed)
        published = desk.inventory.stock(*barcodes(15))
        deliveries = [m for m in published for _ in range(chance.choice([0, 1, 1, 2]))]
        for i in range(0, len(deliveries), 4):
            few = deliveries[i : i + 4]
            chance.shuffle(few)
            if few:
                desk.subscriber.receive(few)
        desk.subscriber.catch_up()
        assert cursor(desk) == len(published)
        assert shelf(desk) == dict.fromkeys(barcodes(15), "ready")

    def test_a_new_consumer_reads_the_feed_from_the_first_event(self, desk):
        desk.inventory.stock(*barcodes(300))
        assert desk.subscriber.catch_up() == 601
        assert len(shelf(desk)) == 300

    def test_events_of_no_interest_only_move_the_cursor(self, desk):
        desk.subscriber.receive([desk.inventory.publishes("repair.sent", "repair-1", anything=1)])
        assert cursor(desk) == 1


class TestTrouble:
    def test_a_bad_event_parks_its_stream_and_no_other(self, desk):
        inventory = desk.inventory
        inventory.stock("NG-C10-001", "NG-C10-002")
        bad = inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-001", centre=CENTRE, barcode=17)
        behind = inventory.publishes(
            "item.lost",
            "item-gwangju-namgu.NG-C10-001",
            centre=CENTRE,
            barcode="NG-C10-001",
            category="C10",
            rental_id=None,
        )
        other = inventory.publishes(
            "item.lost",
            "item-gwangju-namgu.NG-C10-002",
            centre=CENTRE,
            barcode="NG-C10-002",
            category="C10",
            rental_id=None,
        )
        assert desk.subscriber.receive(inventory.messages) == other.position
        parked = desk.rows("SELECT position, stream FROM parked ORDER BY position")
        assert parked == [(bad.position, bad.stream), (behind.position, behind.stream)]
        assert shelf(desk) == {"NG-C10-001": "ready", "NG-C10-002": "lost"}

    def test_an_event_that_breaks_our_own_code_is_parked_with_its_reason(self, desk, monkeypatch):
        published = desk.inventory.stock("NG-C10-001")

        def breaks(item, event):
            raise ZeroDivisionError("our own fault")

        fold_instead(monkeypatch, breaks)
        desk.subscriber.receive(published)
        ((position, error),) = desk.rows("SELECT position, error FROM parked")
        assert position == 3 and "our own fault" in error
        assert shelf(desk) == {"NG-C10-001": "preparing"}

    def test_what_waits_for_another_source_holds_its_lane_for_a_while_and_is_parked_then(self, desk, missing):
        """As in notifications, when a repair comes before the rental that it is about: another consumer brings it."""
        published = desk.inventory.stock("NG-C10-001")
        missing.append("a rental")
        with pytest.raises(OutOfOrder):
            desk.subscriber.receive(published)
        assert (cursor(desk), shelf(desk)) == (2, {"NG-C10-001": "preparing"})
        missing.clear()
        assert desk.subscriber.receive(published) == 3

        missing.append("another rental")
        about = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "found"}
        published = [desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-001", **about, **UNTIED)]
        with pytest.raises(OutOfOrder):
            desk.subscriber.receive(published)
        desk.subscriber.clock = lambda: MONDAY + timedelta(days=1)  # somebody puts the clock right: that is no wait
        waited = desk.subscriber._awaited[1] + PATIENCE
        for _ in range(TRIES - 1):
            with pytest.raises(OutOfOrder):
                desk.subscriber.receive(published)
            desk.subscriber._steady = lambda: waited  # it was stopped for so long: that alone is no wait
        assert desk.subscriber.receive(published) == 4
        assert desk.rows("SELECT position, out_of_order FROM parked") == [(4, True)]

        # and the next that waits for it does not pause the others again, until a while has passed
        about["barcode"] = "NG-C10-002"
        published = [desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-002", **about, **UNTIED)]
        assert desk.subscriber.receive(published) == 5
        desk.subscriber._steady = lambda: waited + AFTER_ONE
        about["barcode"] = "NG-C10-003"
        published = [desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-003", **about, **UNTIED)]
        with pytest.raises(OutOfOrder):
            desk.subscriber.receive(published)

    def test_what_came_too_early_is_taken_in_by_itself_when_its_time_has_come(self, desk, missing, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001", "NG-C10-002"))
        missing.append("a rental")
        monkeypatch.setattr(subscriber, "PATIENCE", 0)
        monkeypatch.setattr(subscriber, "TRIES", 0)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", **UNTIED}
        early = desk.inventory.publishes(
            "item.made_ready", "item-gwangju-namgu.NG-C10-001", barcode="NG-C10-001", **found
        )
        behind = desk.inventory.publishes(
            "item.lost",
            "item-gwangju-namgu.NG-C10-001",
            centre=CENTRE,
            barcode="NG-C10-001",
            category="C10",
            rental_id=None,
        )
        broken = desk.inventory.publishes("item.lost", "item-gwangju-namgu.NG-C10-002", barcode="NG-C10-002")
        desk.subscriber.catch_up()
        parked = "SELECT position, out_of_order, attempts FROM parked ORDER BY position"
        assert desk.rows(parked) == [
            (early.position, True, 1),
            (behind.position, False, 1),
            (broken.position, False, 1),
        ]
        now = [1000.0]
        retrier = Retrier(desk.subscriber, ParkedEvents(desk.store.pool), lambda: now[0])

        assert retrier.retry_out_of_order() == 0  # tried, in vain
        assert desk.rows(parked)[0] == (early.position, True, 2)
        missing.clear()
        assert retrier.retry_out_of_order() == 0  # not yet tried again
        now[0] += SOON
        assert retrier.retry_out_of_order() == 2
        assert shelf(desk) == {"NG-C10-001": "lost", "NG-C10-002": "ready"}
        assert desk.rows(parked) == [(broken.position, False, 1)]  # that one is no question of time
        now[0] += SOON
        monkeypatch.setattr(desk.store, "pool", None)
        assert retrier.retry_out_of_order() == 0  # and the database is not asked any more

    def test_in_vain_it_is_tried_ever_more_seldom_and_for_ever(self, desk, missing, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        missing.append("a rental")
        monkeypatch.setattr(subscriber, "PATIENCE", 0)
        monkeypatch.setattr(subscriber, "TRIES", 0)
        found = {"centre": CENTRE, "category": "C10", "reason": "found", **UNTIED}
        desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-001", barcode="NG-C10-001", **found)
        desk.subscriber.catch_up()
        now, tries = [0.0], []
        retrier = Retrier(desk.subscriber, ParkedEvents(desk.store.pool), lambda: now[0])
        while now[0] < 300:
            if retrier.due:
                tries.append(now[0])
            retrier.retry_out_of_order()
            now[0] += 1
        assert tries == [0, 5, 15, 35, 75, 135, 195, 255]

    def test_their_number_is_shown_and_falls_with_them(self, desk):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        bad = desk.inventory.publishes("item.lost", "item-gwangju-namgu.NG-C10-001", barcode="NG-C10-001")
        desk.subscriber.receive([bad])
        parked = ParkedEvents(desk.store.pool)
        shown = metrics.PARKED.labels("inventory")._value.get
        assert (parked.count(SERVICE.sources), shown()) == ({"inventory": 1}, 1)
        assert parked.drop("inventory", bad.position)
        assert (parked.count(SERVICE.sources), shown()) == ({}, 0)

    def test_an_event_that_fails_halfway_leaves_nothing_behind_when_it_is_tried_again(self, desk, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        found = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "found", **UNTIED}
        lost = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "rental_id": None}
        published = [desk.inventory.publishes("item.lost", "item-gwangju-namgu.NG-C10-001", **lost)]
        published.append(desk.inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-001", **found))
        original, failing = Subscriber.take_in, {m.id for m in published}

        def halfway(self, uow, incoming):
            original(self, uow, incoming)
            if incoming.message.id in failing:
                raise ZeroDivisionError("our own fault")

        monkeypatch.setattr(Subscriber, "take_in", halfway)
        desk.subscriber.receive(published)
        failing.remove(published[0].id)

        assert Retrier(desk.subscriber, ParkedEvents(desk.store.pool)).retry(["item-gwangju-namgu.NG-C10-001"]) == 1

        assert shelf(desk) == {"NG-C10-001": "lost"}
        assert desk.rows("SELECT position, attempts FROM parked") == [(published[1].position, 2)]

    def test_another_log_under_the_same_name_stops_the_follower(self, desk):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        desk.inventory.becomes(Source(epoch="00000000-0000-4000-8000-000000000002").stock("NG-C10-002"))
        with pytest.raises(EpochChanged, match=r"run \./nanum resume rentals inventory"):
            desk.subscriber.catch_up()
        with pytest.raises(EpochChanged):
            desk.subscriber.receive(desk.inventory.messages)
        assert cursor(desk) == 3

    def test_an_absent_database_parks_nothing(self, desk, servers):
        published = desk.inventory.stock("NG-C10-001")
        desk.subscriber.receive(published[:1])
        servers.stop("postgres")
        try:
            with pytest.raises(Exception, match=r"(?i)connect|closed|terminat|shut"):
                desk.subscriber.receive(published[1:])
        finally:
            servers.start("postgres")
        assert desk.subscriber.receive(published[1:]) == 3
        assert desk.rows("SELECT count(*) FROM parked") == [(0,)]


def test_lag_is_measured(desk):
    desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
    assert metrics.SUBSCRIBED.labels("inventory")._value.get() == 3
    assert metrics.LAG_SECONDS.labels("inventory")._value.get() == (MONDAY - MONDAY).total_seconds()
