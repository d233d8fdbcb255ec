"""Tests run beside two other centres: what is asked finds their own centre alone, and what they do changes no other."""

from __future__ import annotations

import pytest

from services.chassis.foundation import database
from tests.support.centre import Desk
from tests.support.neighbours import NEIGHBOURS, check


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app).opened("NG-C10-001")


def test_the_neighbours_have_the_same_barcode_out(desk):
    out = desk.rows("SELECT centre, barcode FROM public.item_allocation ORDER BY centre")
    assert out == [(neighbour, "NG-C10-001") for neighbour in NEIGHBOURS]
    assert desk.rows("SELECT * FROM item_allocation") == desk.rows("SELECT * FROM job") == []
    assert desk.rows("SELECT item_id FROM inventory_item") == [("gwangju-namgu.NG-C10-001",)]


@pytest.mark.parametrize(
    "change", ["UPDATE rental SET fee_krw = 1", "DELETE FROM item_allocation", "UPDATE resident SET state = 'left'"]
)
def test_who_changes_what_the_neighbours_have_fails(desk, change):
    with database.connect(desk.url) as conn:
        conn.execute(change)
    with pytest.raises(AssertionError, match="rows of another centre have changed"):
        check()


def test_what_one_does_to_ones_own_is_no_change_of_the_neighbours(desk):
    desk.resident()
    check()
