"""A subscriber halts when its source has another log than it has read, and does not believe what was not published."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.chassis.messaging.same_log import ContractMissing, LogRewound, TypesPassed, types_of
from services.chassis.messaging.subscriber import Subscriber
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk
from tests.support.subscribing import cursor, item_lost, shelf


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


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

    def test_an_event_that_is_decided_anew_at_its_place_is_another_one(self, taken_in):
        """Given a log that went back, when a command is sent again, then its event has the id that it had before."""
        last = taken_in.inventory.messages[-1]
        taken_in.inventory.rewind(3)
        between = item_lost(taken_in)
        anew = replace(last, previous=4, previous_id=between.id, at=MONDAY + timedelta(minutes=1))
        taken_in.inventory.messages.append(anew)
        item_lost(taken_in)
        with pytest.raises(LogRewound):
            taken_in.subscriber.catch_up()
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
