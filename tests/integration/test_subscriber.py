"""Following a source: whatever the broker delivers, each event is taken in once and in order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.chassis.domain import Refused
from services.chassis.foundation import metrics
from services.chassis.messaging import subscriber
from services.chassis.messaging.parked import SOON, ParkedEvents, Retrier
from services.chassis.messaging.same_log import ContractMissing, EpochChanged, LogRewound, TypesPassed, types_of
from services.chassis.messaging.subscriber import PATIENCE, TRIES, OutOfOrder, Subscriber
from services.chassis.service import CommandHandler
from services.contracts import refusals as kinds
from services.contracts.inventory.events import ItemMadeReady
from services.rentals.checkout.model import StartRental
from services.rentals.house_rules.model import NoHouseRules
from services.rentals.inventory_items.projections import evolve_item
from services.rentals.returns.model import ReleaseItem
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, Source, barcodes, lend, refusals, send


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


def shelf(desk):
    return dict(desk.rows("SELECT barcode, state FROM inventory_item ORDER BY 1"))


UNTIED = {"after_rental": None, "repair_id": None}


def cursor(desk):
    return desk.rows("SELECT position FROM subscription WHERE source = 'inventory'")[0][0]


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


def fold_instead(monkeypatch, evolve):
    """Have ``item.made_ready`` folded otherwise."""
    ((row_type, keys, _, keyed),) = SERVICE.fold_steps[ItemMadeReady]
    monkeypatch.setitem(SERVICE.fold_steps, ItemMadeReady, [(row_type, keys, evolve, keyed)])


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


class TestReactions:
    def test_a_reaction_and_the_cursor_move_together(self, desk):
        desk.opened("NG-C10-001")
        kim = desk.resident()
        (lent,) = desk.do(lend(kim, "NG-C10-001"))
        rental_id = lent["result"]["rental_id"]
        desk.own(StartRental(rental_id=rental_id, payment_id=f"{CENTRE}.p"))
        desk.do(send("return_items", rental_id=rental_id, items=[{"barcode": "NG-C10-001", "condition": "good"}]))
        assert refusals(desk.do(lend(kim, "NG-C10-001"))) == ["item_being_checked"]
        ready = {"centre": CENTRE, "barcode": "NG-C10-001", "category": "C10", "reason": "cleaned"}
        published = desk.inventory.publishes(
            "item.made_ready", "item-gwangju-namgu.NG-C10-001", **ready, after_rental=rental_id, repair_id=None
        )
        desk.subscriber.receive([published])
        desk.subscriber.receive([published])
        assert desk.rows("SELECT count(*) FROM event WHERE type = 'rental.item_released'") == [(1,)]
        assert refusals(desk.do(lend(kim, "NG-C10-001"))) == [None]
        causes = desk.rows("SELECT meta->>'causation_id' FROM event WHERE type = 'rental.item_released'")
        assert causes == [(published.id,)]


class TestTrouble:
    def test_a_bad_event_parks_its_stream_and_no_other(self, desk):
        inventory = desk.inventory
        inventory.stock("NG-C10-001", "NG-C10-002")
        bad = inventory.publishes("item.made_ready", "item-gwangju-namgu.NG-C10-001", centre=CENTRE, barcode=17)
        behind = inventory.publishes(
            "item.lost", "item-gwangju-namgu.NG-C10-001", centre=CENTRE, barcode="NG-C10-001", rental_id=None
        )
        other = inventory.publishes(
            "item.lost", "item-gwangju-namgu.NG-C10-002", centre=CENTRE, barcode="NG-C10-002", rental_id=None
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
            "item.lost", "item-gwangju-namgu.NG-C10-001", centre=CENTRE, barcode="NG-C10-001", rental_id=None
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
        lost = {"centre": CENTRE, "barcode": "NG-C10-001", "rental_id": None}
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


def item_lost(desk, barcode="NG-C10-001"):
    """The next event: an item is lost."""
    about = {"centre": CENTRE, "barcode": barcode, "rental_id": None}
    return desk.inventory.publishes("item.lost", f"item-{CENTRE}.{barcode}", **about)


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

    def test_a_dropped_one_is_kept_apart_so_that_a_replay_can_leave_it_out(self, desk):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        bad = desk.inventory.publishes("item.lost", f"item-{CENTRE}.NG-C10-001", barcode="NG-C10-001")
        desk.subscriber.receive([bad])
        assert ParkedEvents(desk.store.pool).drop("inventory", bad.position)
        assert desk.rows("SELECT source, position FROM dropped_event") == [("inventory", bad.position)]
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


class TestAnotherLog:
    """A source whose log went back keeps its epoch: a standby took its place, or a copy of its disk."""

    @pytest.fixture
    def taken_in(self, desk):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001", "NG-C10-002"))
        return desk

    def test_a_log_that_ends_before_the_cursor_halts_it(self, taken_in):
        taken_in.inventory.rewind(2)
        with pytest.raises(LogRewound, match="ends at 2"):
            taken_in.subscriber.catch_up()
        assert cursor(taken_in) == 5

    def test_another_event_at_the_cursor_halts_it_although_nothing_is_behind(self, taken_in):
        taken_in.inventory.rewind(2)
        for _ in range(3):
            item_lost(taken_in)
        with pytest.raises(LogRewound, match=r"run \./nanum resume rentals inventory"):
            taken_in.subscriber.catch_up()

    def test_a_message_of_a_log_that_went_back_halts_it_at_once(self, taken_in):
        taken_in.inventory.rewind(2)
        news = [item_lost(taken_in) for _ in range(4)]
        with pytest.raises(LogRewound):
            taken_in.subscriber.receive(news[-1:])
        assert (cursor(taken_in), shelf(taken_in)["NG-C10-001"]) == (5, "ready")

    def test_it_stays_halted_after_a_restart(self, taken_in):
        taken_in.inventory.rewind(2)
        anew = Subscriber(SERVICE, "inventory", taken_in.store, taken_in.inventory.read_feed, lambda: MONDAY)
        for _ in range(2):
            with pytest.raises(LogRewound):
                anew.catch_up()

    def test_the_same_log_goes_on(self, taken_in):
        anew = Subscriber(SERVICE, "inventory", taken_in.store, taken_in.inventory.read_feed, lambda: MONDAY)
        assert anew.catch_up() == 5
        item_lost(taken_in)
        assert anew.catch_up() == 6


class TestStrays:
    """Whoever may publish to the exchange is not believed: the feed of the source is the authority."""

    @pytest.fixture
    def taken_in(self, desk):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        return desk

    def test_a_message_beyond_the_head_is_not_believed(self, taken_in):
        forged = replace(
            taken_in.inventory.messages[-1], position=1_000_000, previous=0, previous_id=None, id=str(uuid4())
        )
        assert taken_in.subscriber.receive([forged]) == 3
        assert taken_in.subscriber.strays == [forged]
        item_lost(taken_in)
        assert taken_in.subscriber.receive(taken_in.inventory.messages[-1:]) == 4
        assert shelf(taken_in) == {"NG-C10-001": "lost"}

    def test_one_that_knows_the_chain_and_jumps_is_not_believed(self, taken_in):
        last = taken_in.inventory.messages[-1]
        forged = replace(last, position=1_000_000, previous=3, previous_id=last.id, id=str(uuid4()))
        assert taken_in.subscriber.receive([forged]) == 3
        assert taken_in.subscriber.strays == [forged]

    def test_a_real_event_far_behind_the_one_before_it_is(self, taken_in):
        real = item_lost(taken_in)
        taken_in.inventory.messages[-1] = real = replace(real, position=1_000_000)
        assert taken_in.subscriber.receive([real]) == 1_000_000
        assert (taken_in.subscriber.strays, shelf(taken_in)) == ([], {"NG-C10-001": "lost"})

    def test_what_an_old_log_left_in_the_queue_is_not_believed_and_halts_nobody(self, taken_in):
        left = replace(item_lost(taken_in), epoch="00000000-0000-4000-8000-000000000002")
        taken_in.inventory.rewind(3)
        assert taken_in.subscriber.receive([left]) == 3
        assert taken_in.subscriber.strays == [left]

    def test_one_that_took_a_place_in_the_chain_is_noticed_at_the_next_real_one(self, taken_in):
        last = taken_in.inventory.messages[-1]
        forged = replace(last, position=4, previous=3, previous_id=last.id, id=str(uuid4()))
        taken_in.subscriber.receive([forged])
        item_lost(taken_in)
        item_lost(taken_in)
        with pytest.raises(LogRewound):
            taken_in.subscriber.receive(taken_in.inventory.messages[-1:])


class TestTypes:
    def test_a_type_without_a_contract_halts_it_and_what_came_before_is_taken_in(self, desk):
        desk.inventory.stock("NG-C10-001")
        desk.inventory.publishes("item.painted", f"item-{CENTRE}.NG-C10-001", colour="red")
        with pytest.raises(ContractMissing, match=r"item\.painted.*run a release"):
            desk.subscriber.catch_up()
        assert (cursor(desk), shelf(desk)) == (3, {"NG-C10-001": "ready"})

    def test_a_type_that_was_passed_before_it_was_subscribed_to_halts_it(self, desk, monkeypatch):
        desk.subscriber.receive(desk.inventory.stock("NG-C10-001"))
        earlier = [t for t in types_of(SERVICE, "inventory") if t != "item.made_ready"]
        with desk.store.pool.connection() as conn:
            conn.execute("UPDATE subscription SET types = %s", (earlier,))
        anew = Subscriber(SERVICE, "inventory", desk.store, desk.inventory.read_feed, lambda: MONDAY)
        desk.inventory.types = {"item.made_ready": 3}
        item_lost(desk)
        with pytest.raises(TypesPassed, match=r"item\.made_ready"):
            anew.receive(desk.inventory.messages[-1:])
        desk.inventory.types = {"item.made_ready": 4}  # it was published later than what was taken in
        assert anew.receive(desk.inventory.messages[-1:]) == 4
        assert desk.rows("SELECT types FROM subscription") == [(list(types_of(SERVICE, "inventory")),)]
