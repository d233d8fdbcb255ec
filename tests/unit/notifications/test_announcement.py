"""Announcements: once for a new category, once for each unit that comes back from repair."""

from __future__ import annotations

from typing import Any

from services.chassis.kernel import Heard
from services.notifications import reactions
from services.notifications.domain.announcement import Announce, Announcement
from tests.support.scenario import MONDAY, scenario
from tests.unit.notifications.stories import CENTRE, SERVICE, a_centre


def ready(reason: str, event_id: str, barcode: str = "NG-C10-001") -> list[Any]:
    data = {"centre": CENTRE, "barcode": barcode, "category": "C10", "reason": reason, "after_rental": None}
    return list(reactions.ready(Heard("item.ready", data, f"item-{barcode}", event_id, MONDAY)))


def test_the_first_unit_of_a_category_announces_it_with_its_manual() -> None:
    (announce,) = ready("new", "e1")
    s = a_centre().when(announce).then_types("announcement.published")
    row = s.row(Announcement, announce.announcement_id)
    assert (row.name_ko, row.manual_ko, row.manual_en) == (
        "캠핑 매트",
        "젖은 채로 말지 마세요.",
        "Don't roll it up wet.",
    )
    assert (row.published_at, row.version) == (MONDAY, 1)


def test_the_other_units_of_a_category_are_no_news() -> None:
    (first,), (second,) = ready("new", "e1"), ready("new", "e2", "NG-C10-002")
    a_centre().when(first).when(second).then_nothing()


def test_each_return_from_repair_is_news() -> None:
    (first,), (again,), (second,) = ready("repaired", "e1"), ready("repaired", "e1"), ready("repaired", "e2")
    s = a_centre().when(first).when(again).then_nothing()
    s.when(second).then_types("announcement.published")


def test_a_cleaned_or_found_unit_is_no_news() -> None:
    assert ready("cleaned", "e1") == []
    assert ready("found", "e1") == []


def test_an_unknown_category_is_refused() -> None:
    announce = Announce(announcement_id="c.a1", centre=CENTRE, category="C99", reason="new")
    scenario(SERVICE).when(announce).then_refused("category_unheard", category="C99")
