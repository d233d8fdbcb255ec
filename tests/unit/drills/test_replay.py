"""The replay of the events is compared with the views row by row."""

from __future__ import annotations

from drills.chaos import replay
from drills.chaos.evidence import Evidence
from services.chassis.foundation.codec import builtins
from services.chassis.process.runtime import service_named
from services.contracts import SERVICES
from tests.unit.drills.evidences import BARCODE, CENTRE, ITEM, event


def evidence() -> Evidence:
    """An item was registered and made ready; inventory and rentals show it."""
    found = Evidence(logs={service: [] for service in SERVICES})
    log, about = found.logs["inventory"], {"centre": CENTRE, "barcode": BARCODE, "category": "T01"}
    event(log, "item.registered", f"item-{ITEM}", **about)
    event(log, "item.made_ready", f"item-{ITEM}", **about, reason="new", after_rental=None, repair_id=None)
    found.views = {service: {table: [] for table in replay.tables()[service]} for service in SERVICES}
    for name in ("inventory", "rentals"):
        views = replay.replayed(service_named(name), found)
        for table, projection in replay.views_of(service_named(name)).items():
            found.views[name][table] += map(builtins, views.rows(projection.row_type))
    return found


def test_views_that_are_the_replay_do_not_differ() -> None:
    assert not list(replay.differences(evidence()))
    assert evidence().views["inventory"]["item"][0]["version"] == 2
    assert evidence().views["rentals"]["inventory_item"][0]["state"] == "ready"


def test_a_row_that_differs_lacks_or_is_too_much_is_found() -> None:
    spoilt = evidence()
    spoilt.views["rentals"]["inventory_item"][0]["state"] = "lost"
    spoilt.views["inventory"]["item"].clear()
    strange = {
        "item_id": "gwangju-namgu.NG-U-009",
        "centre": "gwangju-namgu",
        "rental_id": "a",
        "state": "out",
        "due_on": "2026-11-24",
    }
    spoilt.views["inventory"]["rented_out"].append(strange)
    assert [difference.split()[0] for difference in replay.differences(spoilt)] == [
        "inventory.item",
        "inventory.rented_out",
        "rentals.inventory_item",
    ]
