"""Repairs: opened by a damage, sent, mended or scrapped."""

from __future__ import annotations

from services.contracts.inventory.commands import MakeItemReady, ReportDamage, ReturnRepair, SendRepair
from services.inventory.items.model import Item
from services.inventory.repairs.model import Repair
from tests.support.scenario import MONDAY
from tests.unit.inventory.stories import CENTRE, CHAIR, CHAIR_ID, REPAIR, THE_CHAIR, back, ready

WORN, MAKE_READY = ReportDamage(**THE_CHAIR, cause="wear"), MakeItemReady(**THE_CHAIR)
SEND = SendRepair(repair_id=REPAIR, maker="kovea")
MENDED = ReturnRepair(repair_id=REPAIR, mended=True, cost_krw=12000)
SCRAPPED = ReturnRepair(repair_id=REPAIR, mended=False, cost_krw=0)


def test_damaged_sent_mended_ready_and_said_to_be_repaired() -> None:
    s = back("damaged", cause="inexperience").then_types("item.damaged", "repair.opened")
    s.when(MAKE_READY).then_refused("item_cannot", state="damaged")
    s.when(SEND).then_types("repair.sent")
    assert (s.row(Item, CHAIR_ID).state, s.row(Repair, REPAIR).sent_at) == ("repair", MONDAY)
    s.when(MENDED).then_types("repair.returned")
    assert (s.row(Repair, REPAIR).state, s.row(Repair, REPAIR).cost_krw) == ("mended", 12000)
    made_ready = s.when(MAKE_READY).then_types("item.made_ready").events[0]
    assert (made_ready.reason, made_ready.repair_id) == ("repaired", REPAIR)


def test_only_the_next_readiness_comes_from_the_repair() -> None:
    s = ready().when(WORN).when(MENDED).when(MAKE_READY)
    assert s.row(Item, CHAIR_ID).repair_id is None


def test_not_worth_mending_it_is_retired() -> None:
    s = ready().when(WORN).when(SCRAPPED).then_types("repair.returned", "item.retired")
    assert (s.row(Repair, REPAIR).state, s.row(Item, CHAIR_ID).state) == ("scrapped", "retired")


def test_the_second_damage_is_another_repair() -> None:
    s = ready().when(WORN).when(MENDED).when(MAKE_READY).when(WORN)
    assert s.row(Item, CHAIR_ID).repair_id == f"{CENTRE}.{CHAIR}-2"


def test_an_unknown_repair_is_refused() -> None:
    ready().when(SEND).then_refused("repair_unknown", repair_id=REPAIR)


def test_a_repair_that_has_ended_is_neither_sent_nor_returned() -> None:
    s = ready().when(WORN).when(MENDED)
    s.when(SEND).then_refused("repair_not_sendable", state="mended")
    s.when(SCRAPPED).then_refused("repair_not_returnable", state="mended")
