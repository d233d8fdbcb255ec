"""The no-fault rule: who pays for a damage."""

from __future__ import annotations

from typing import Any

import pytest

from services.billing.domain.damage import AssessDamage, ChargeOpened, ChargeWaived, Damage
from services.billing.service import SERVICE
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE = "gwangju-namgu"
RENTAL = f"{CENTRE}.r1"
NOT_COVERED = ["wilful", "lost", "transferred_to_another"]


def a_centre(**damage: Any) -> Scenario:
    rules = {"damage": {"policy": "no_fault", "not_covered": NOT_COVERED} | damage}
    return scenario(SERVICE).heard("rentals", "house_rules.adopted", centre=CENTRE, rules_version=3, rules=rules)


def assess(cause: str) -> AssessDamage:
    return AssessDamage(centre=CENTRE, rental_id=RENTAL, resident_id=f"{CENTRE}.p1", barcode="NG-C10-004", cause=cause)


def about(cause: str) -> dict[str, Any]:
    return {
        "centre": CENTRE,
        "rental_id": RENTAL,
        "resident_id": f"{CENTRE}.p1",
        "barcode": "NG-C10-004",
        "cause": cause,
        "rules_version": 3,
        "assessed_at": MONDAY,
    }


@pytest.mark.parametrize("cause", ["wear", "ignorance", "inexperience", "accident"])
def test_nobody_pays_for_ignorance_or_inexperience(cause: str) -> None:
    s = a_centre().when(assess(cause)).then(ChargeWaived(**about(cause), rule="no_fault"))
    assert s.row(Damage, f"{RENTAL}.NG-C10-004").state == "waived"


@pytest.mark.parametrize("cause", ["wilful", "lost", "transferred"])
def test_a_manager_settles_what_the_rules_exclude(cause: str) -> None:
    s = a_centre().when(assess(cause)).then(ChargeOpened(**about(cause)))
    assert s.row(Damage, f"{RENTAL}.NG-C10-004").state == "open"


def test_a_unit_of_a_rental_is_assessed_once() -> None:
    a_centre().when(assess("inexperience")).then_types("charge.waived").when(assess("wilful")).then_nothing()


def test_other_rules_decide_otherwise() -> None:
    a_centre(not_covered=["accident"]).when(assess("accident")).then_types("charge.opened")
    a_centre(not_covered=["accident"]).when(assess("wilful")).then_types("charge.waived")


def test_without_house_rules_nothing_is_decided() -> None:
    scenario(SERVICE).when(assess("wear")).then_refused("no_damage_rules", centre=CENTRE)
