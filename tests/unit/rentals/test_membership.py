"""House rules and membership."""

from __future__ import annotations

from datetime import date

from services.rentals.domain.house_rules import AdoptHouseRules
from services.rentals.domain.resident import JoinResident, Resident, SuspendResident, VerifyResident
from services.rentals.service import SERVICE
from tests.support.lending import CENTRE, KIM, RULES, desk, rules, start
from tests.support.scenario import scenario


def test_house_rules_are_adopted_and_the_same_again_changes_nothing():
    at = scenario(SERVICE).when(AdoptHouseRules(centre=CENTRE, rules=RULES)).then_types("house_rules.adopted")
    assert at.facts[0].rules_version == 1
    changed = {**RULES, "limits": {**RULES["limits"], "items_per_member": 3}}
    assert at.when(AdoptHouseRules(centre=CENTRE, rules=changed)).facts[0].rules_version == 2


def test_house_rules_that_can_not_be_read_are_refused_with_the_reason():
    scenario(SERVICE).when(AdoptHouseRules(centre=CENTRE, rules={})).then_refused("house_rules_unusable")
    no_answer = {**RULES, "payments": {"methods": ["card_terminal"]}}
    scenario(SERVICE).when(AdoptHouseRules(centre=CENTRE, rules=no_answer)).then_refused("house_rules_unusable")


def test_a_centre_without_house_rules_lends_nothing():
    desk().when(start(rental_id="elsewhere.r1")).then_refused("no_house_rules", centre="elsewhere")


def test_a_resident_joins_and_is_verified_once():
    at = scenario(SERVICE).given(rules()).when(JoinResident(resident_id=KIM, centre=CENTRE))
    at.then_types("resident.joined")
    at.when(VerifyResident(resident_id=KIM, method="id_card")).then_types("resident.verified")
    assert at.row(Resident, KIM).verified_on == date(2026, 11, 23)


def test_who_never_joined_can_be_neither_verified_nor_suspended():
    at = scenario(SERVICE).given(rules())
    at.when(VerifyResident(resident_id=KIM, method="id_card")).then_refused("resident_unknown")
    at.when(SuspendResident(resident_id=KIM, until=date(2026, 12, 1), reason="late")).then_refused("resident_unknown")


def test_nothing_is_lent_before_the_verification():
    at = desk().when(JoinResident(resident_id=f"{CENTRE}.lee", centre=CENTRE))
    at.when(start(resident_id=f"{CENTRE}.lee")).then_refused("resident_not_verified")
