"""What rentals and inventory published before: a rental of two mats, its category, its centre."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from services.notifications.service import SERVICE
from tests.support.scenario import Scenario, scenario

CENTRE, RENTAL, RESIDENT = "gwangju-namgu", "gwangju-namgu.r1", "gwangju-namgu.p1"
DUE_ON, DUE_AT = date(2026, 11, 26), datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday, 18:00 in Gwangju
ABOUT = {"centre": CENTRE, "rental_id": RENTAL, "resident_id": RESIDENT}
ITEMS = [{"barcode": f"NG-C10-00{n}", "category": "C10", "fee_krw": 700} for n in (1, 2)]
RULES = {
    "centre": {
        "name_ko": "남구 물품공유센터",
        "name_en": "Nam-gu Items Sharing Center",
        "place_ko": "남구청 별관동 1층",
        "timezone": "Asia/Seoul",
    }
}
CATEGORY: dict[str, Any] = {
    "centre": CENTRE,
    "code": "C10",
    "group": "camping",
    "name_ko": "캠핑 매트",
    "name_en": "Camping mat",
    "purchase_price_krw": 35000,
    "fee_krw": 700,
    "max_nights": 4,
    "hazard": "none",
    "briefing_required": False,
    "manual_ko": "젖은 채로 말지 마세요.",
    "manual_en": "Don't roll it up wet.",
    "parts": [{"ko": "매트", "en": "mat", "qty": 1}],
}


def a_centre() -> Scenario:
    """A centre with its rules and one category."""
    return (
        scenario(SERVICE)
        .heard("rentals", "house_rules.adopted", centre=CENTRE, rules_version=1, rules=RULES)
        .heard("inventory", "category.described", CATEGORY)
    )


def requested() -> Scenario:
    """A rental that waits for its payment."""
    terms = {"items": ITEMS, "due_on": DUE_ON, "due_at": DUE_AT, "fee_krw": 4200}
    return a_centre().heard("rentals", "rental.requested", {**ABOUT, **terms})


def out() -> Scenario:
    """A rental that is out."""
    return requested().heard("rentals", "rental.started", {**ABOUT, "due_on": DUE_ON, "due_at": DUE_AT})
