"""What policies make of another service's events: commands of ours, in the transaction that takes the event in."""

from __future__ import annotations

import pytest

from services.rentals.checkout.model import StartRental
from tests.support.centre import CENTRE, Desk, lend, refusals, send


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


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
