"""Announcements: once for a new category, once for each repair that an item comes back from."""

from __future__ import annotations

from typing import Any

from services.contracts.inventory.events import ItemMadeReady
from services.contracts.inventory.words import ReadyReason
from services.notifications.announcements.model import Announce, Announcement
from services.notifications.service import SERVICE
from tests.support.scenario import MONDAY, scenario
from tests.unit.notifications.stories import CENTRE, a_centre, commands_after


def made_ready(reason: ReadyReason, repair_id: str | None = None, barcode: str = "NG-C10-001") -> list[Any]:
    return commands_after(
        ItemMadeReady(
            centre=CENTRE, barcode=barcode, category="C10", reason=reason, after_rental=None, repair_id=repair_id
        )
    )


def test_the_first_item_of_a_category_announces_it_with_its_manual() -> None:
    (announce,) = made_ready("new")
    s = a_centre().when(announce).then_types("announcement.published")
    row = s.row(Announcement, announce.announcement_id)
    assert (row.name_ko, row.manual_ko, row.manual_en) == (
        "캠핑 매트",
        "젖은 채로 말지 마세요.",
        "Don't roll it up wet.",
    )
    assert (row.group, row.published_at, row.version) == ("camping", MONDAY, 1)


def test_the_other_items_of_a_category_are_no_news() -> None:
    (first,), (second,) = made_ready("new"), made_ready("new", barcode="NG-C10-002")
    a_centre().when(first).when(second).then_nothing()


def test_each_repair_is_news_once() -> None:
    first, second = f"{CENTRE}.NG-C10-001-1", f"{CENTRE}.NG-C10-001-2"
    (announce,), (again,), (later,) = (made_ready("repaired", repair_id) for repair_id in (first, first, second))
    s = a_centre().when(announce).then_types("announcement.published").when(again).then_nothing()
    s.when(later).then_types("announcement.published")


def test_a_cleaned_or_found_item_is_no_news() -> None:
    assert made_ready("cleaned") == []
    assert made_ready("found") == []


def test_a_category_that_is_not_known_yet_is_waited_for() -> None:
    announce = Announce(announcement_id="c.a1", centre=CENTRE, category="C99", reason="new")
    s = scenario(SERVICE).when(announce).then_refused("category_not_yet_known", category="C99")
    assert s.refused is not None and s.refused.kind == "unavailable"
