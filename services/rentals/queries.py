"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.chassis.definition import Ask, Sql
from services.chassis.kernel import Look, Need, Via, needs
from services.chassis.listing import asked, given, listing
from services.contracts import rentals as wire
from services.rentals.domain.house_rules import HouseRules, in_force
from services.rentals.domain.lending import lendable
from services.rentals.domain.rental import Hold, Rental
from services.rentals.domain.resident import Resident, known
from services.rentals.domain.shelf import LendingCategory, ShelfItem

RENTAL = "SELECT to_json(r) FROM rental r WHERE rental_id = %(rental_id)s"

RENTALS = listing(
    "rental",
    "rental_id",
    given("centre"),
    asked("resident_id"),
    asked("state"),
    asked("overdue", "boolean"),
    by="requested_at",
    descending=True,
)

RESIDENT = """
SELECT json_build_object(
    'resident_id', resident_id, 'centre', centre, 'verified_on', verified_on, 'suspended_until', suspended_until,
    'state', CASE WHEN suspended_until IS NOT NULL THEN 'suspended' ELSE state END,
    'holdings', holdings, 'version', version)
FROM resident WHERE resident_id = %(resident_id)s
"""

HOLDER = "SELECT to_json(h) FROM hold h WHERE barcode = %(barcode)s"

HOUSE_RULES = """
SELECT json_build_object('centre', centre, 'rules_version', version, 'rules', rules, 'version', version)
FROM house_rules WHERE centre = %(centre)s
"""


def _quote_needs(params: Any) -> Iterable[Need]:
    yield HouseRules, params.centre
    if params.resident_id:
        yield Resident, params.resident_id
    for barcode in params.barcodes:
        yield ShelfItem, barcode
        yield Hold, barcode
        yield LendingCategory, Via(ShelfItem, barcode, "category_id")


@needs(_quote_needs)
def quote(params: Any, look: Look, at: datetime) -> dict[str, Any]:
    """What it would cost and when it would be due; refused where the lending itself would be."""
    rules = in_force(look, params.centre)
    if params.resident_id:
        known(look, params.resident_id).may_borrow(rules.today(at))
    items = lendable(params, look)
    due_on, due_at = rules.due(at, params.nights)
    charged = rules.charged_nights(at, due_on)
    return {
        "items": [
            {
                "barcode": i.barcode,
                "category": i.category,
                "name_ko": c.name_ko,
                "name_en": c.name_en,
                "fee_krw": c.fee_krw,
            }
            for i, c in items
        ],
        "nights": params.nights,
        "charged_nights": charged,
        "due_on": due_on,
        "due_at": due_at,
        "fee_krw": rules.fee((c.fee_krw for _, c in items), charged),
        "rules_version": rules.version,
    }


QUERIES = (
    Sql(wire.Rental, RENTAL, kind=Rental),
    Sql(wire.Rentals, RENTALS),
    Sql(wire.Resident, RESIDENT, kind=Resident),
    Sql(wire.Holder, HOLDER),
    Sql(wire.HouseRules, HOUSE_RULES, kind=HouseRules),
    Ask(wire.Quote, quote),
)
