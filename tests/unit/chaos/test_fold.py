"""The fold of the events is compared with the views row by row."""

from __future__ import annotations

from deploy.local.processes import CENTRE, SERVICES
from services.chassis.codec import builtins
from tests.chaos import fold
from tests.chaos.evidence import Evidence
from tests.unit.chaos.evidences import event


def evidence() -> Evidence:
    """A unit was registered and made ready; inventory and rentals show it."""
    found = Evidence(logs={service: [] for service in SERVICES})
    log = found.logs["inventory"]
    event(log, "item.registered", "item-NG-U-001", centre=CENTRE, barcode="NG-U-001", category="T01")
    event(
        log,
        "item.ready",
        "item-NG-U-001",
        centre=CENTRE,
        barcode="NG-U-001",
        category="T01",
        reason="new",
        after_rental=None,
    )
    found.views = {service: {table: [] for table in fold.tables()[service]} for service in SERVICES}
    for name in ("inventory", "rentals"):
        service = fold.definition(name)
        shadow = fold.fold(service, found)
        for view in fold.folded_views(service):
            found.views[name][view.kind.VIEW] += map(builtins, shadow.rows(view.kind))  # type: ignore[attr-defined]
    return found


def test_views_that_are_the_fold_do_not_differ() -> None:
    assert not list(fold.differences(evidence()))
    assert evidence().views["inventory"]["item"][0]["version"] == 2
    assert evidence().views["rentals"]["shelf_item"][0]["state"] == "ready"


def test_a_row_that_differs_lacks_or_is_too_much_is_found() -> None:
    spoilt = evidence()
    spoilt.views["rentals"]["shelf_item"][0]["state"] = "lost"
    spoilt.views["inventory"]["item"].clear()
    strange = {"barcode": "NG-U-009", "rental_id": "a", "state": "out", "due_on": "2026-11-24"}
    spoilt.views["inventory"]["out_item"].append(strange)
    assert [difference.split()[0] for difference in fold.differences(spoilt)] == [
        "inventory.item",
        "inventory.out_item",
        "rentals.shelf_item",
    ]
