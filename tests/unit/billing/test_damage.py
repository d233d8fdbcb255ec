"""The no-fault rule: who pays for a damage."""

from __future__ import annotations

from typing import Any

import pytest

from services.billing.damages.model import AssessDamage, ChargeOpened, ChargeWaived, Damage, NoFaultRule, damage_id_of
from services.billing.service import SERVICE
from services.contracts.inventory.words import Cause
from services.contracts.rentals.events import HouseRulesAdopted
from tests.support.house_rules import house_rules
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE = "gwangju-namgu"
RENTAL = f"{CENTRE}.r1"
BARCODE = "NG-C10-004"
DAMAGE = damage_id_of(RENTAL, BARCODE)


def adopted(**damage: Any) -> HouseRulesAdopted:
    return HouseRulesAdopted(centre=CENTRE, rules_version=3, rules=house_rules(damage=damage))


def a_centre(**damage: Any) -> Scenario:
    return scenario(SERVICE).received(adopted(**damage))


def assess(cause: Cause) -> AssessDamage:
    return AssessDamage(
        damage_id=DAMAGE,
        centre=CENTRE,
        rental_id=RENTAL,
        resident_id=f"{CENTRE}.p1",
        barcode=BARCODE,
        cause=cause,
    )


def about(cause: Cause) -> dict[str, Any]:
    return {
        "damage_id": DAMAGE,
        "centre": CENTRE,
        "rental_id": RENTAL,
        "resident_id": f"{CENTRE}.p1",
        "barcode": BARCODE,
        "cause": cause,
        "rules_version": 3,
        "assessed_at": MONDAY,
    }


@pytest.mark.parametrize("cause", ["wear", "ignorance", "inexperience", "accident"])
def test_nobody_pays_for_ignorance_or_inexperience(cause: Cause) -> None:
    s = a_centre().when(assess(cause)).then(ChargeWaived(**about(cause), rule="no_fault"))
    assert s.row(Damage, DAMAGE).state == "waived"


@pytest.mark.parametrize("cause", ["wilful", "lost", "transferred"])
def test_a_manager_settles_what_the_rules_exclude(cause: Cause) -> None:
    s = a_centre().when(assess(cause)).then(ChargeOpened(**about(cause)))
    assert s.row(Damage, DAMAGE).state == "open"


def test_an_item_of_a_rental_is_assessed_once() -> None:
    a_centre().when(assess("inexperience")).then_types("charge.waived").when(assess("wilful")).then_nothing()


def test_other_rules_decide_otherwise() -> None:
    a_centre(not_covered=["accident"]).when(assess("accident")).then_types("charge.opened")
    a_centre(not_covered=["accident"]).when(assess("wilful")).then_types("charge.waived")


def test_the_rule_of_the_last_adoption_holds() -> None:
    s = a_centre().received(adopted(not_covered=["wear"]))
    assert s.row(NoFaultRule, CENTRE) == NoFaultRule(
        centre=CENTRE, rule="no_fault", rules_version=3, not_covered=("wear",)
    )


def test_a_damage_is_named_by_its_rental_and_its_item() -> None:
    assert DAMAGE == "gwangju-namgu.r1.NG-C10-004"


def test_without_house_rules_nothing_is_decided() -> None:
    scenario(SERVICE).when(assess("wear")).then_refused("no_damage_rules", centre=CENTRE)
