"""The document of the house rules: what is malformed is refused, and the path says where."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.seed.documents import DocumentUnusable, house_rules
from services.chassis.foundation.codec import Malformed, convert
from services.contracts.house_rules import RulesDocument
from services.contracts.rentals.commands import AdoptHouseRules
from services.contracts.schemas import problems, schema_of
from tests.support.house_rules import SEED, document

MISSING = "Missing data for required field."


def without(section: str, setting: str) -> dict[str, Any]:
    rules = document()
    del rules[section][setting]
    return rules


def test_the_seed_is_a_document_without_a_fault() -> None:
    assert problems(RulesDocument, SEED) == []
    rules = convert(SEED, RulesDocument)
    assert rules.calendar.weekly.mon == ("09:00", "18:00")
    assert rules.calendar.weekly.sun is None
    assert date(2026, 12, 25) in rules.calendar.public_holidays


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        pytest.param(
            document(fees={"minimum_nights": "x"}),
            "fees.minimum_nights: Not a valid integer.",
            id="every_rental_failed",
        ),
        pytest.param(
            without("late", "long_overdue"), f"late.long_overdue: {MISSING}", id="no_late_return_was_possible"
        ),
        pytest.param(document(damage=None), "damage: Field may not be null.", id="billing_parked_every_later_adoption"),
        pytest.param(
            document(damage={"not_covered": [{"cause": "lost"}]}),
            "damage.not_covered.0: Not a valid string.",
            id="the_row_of_billing_could_not_be_read",
        ),
    ],
)
def test_what_was_accepted_and_then_broke_every_lending_is_refused(rules: dict[str, Any], problem: str) -> None:
    assert problems(RulesDocument, rules) == [problem]
    with pytest.raises(Malformed):
        convert({"centre": "gwangju-namgu", "rules": rules}, AdoptHouseRules)


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (document(surprise=1), "surprise: Unknown field."),
        (document(late={"long_overdue": {"weeks": 1}}), "late.long_overdue.weeks: Unknown field."),
        (without("calendar", "weekly"), f"calendar.weekly: {MISSING}"),
        (document(calendar={"weekly": {"mon": ["9", "18:00"]}}),
         "calendar.weekly.mon.0: A time of the day is written as 09:00."),
        (document(calendar={"weekly": {"mon": ["09:00"]}}), "calendar.weekly.mon: Length must be 2."),
        (document(calendar={"extra_closed": ["2026-02-30"]}), "calendar.extra_closed.0: Not a valid date."),
        (document(fees={"basis": "per_day"}), "fees.basis: Must be one of: per_night, per_rental."),
        (document(payments={"methods": []}), "payments.methods: Length must be between 1 and 10."),
        (document(payments={"methods": ["card_online"]}), "payments.methods.0: Must be one of: card_terminal."),
        (document(limits={"items_per_member": 0}),
         "limits.items_per_member: Must be greater than or equal to 1 and less than or equal to 1000."),
        (document(exemptions=[{"code": "promotion", "name_ko": "홍보", "discount_bp": 10001}]),
         "exemptions.0.discount_bp: Must be greater than or equal to 0 and less than or equal to 10000."),
        (document(payments={"answer_within_seconds": 10**12}),
         "payments.answer_within_seconds: Must be greater than or equal to 1 and less than or equal to 3600."),
        (document(survey={"scale": ["Very satisfied"]}),
         "survey.scale.0: A word has small letters, digits, _ and - only, as basic_livelihood."),
    ],
)  # fmt: skip
def test_what_is_unknown_missing_or_malformed_is_named_with_its_path(rules: dict[str, Any], problem: str) -> None:
    assert problems(RulesDocument, rules) == [problem]


def test_all_that_is_wrong_is_said_at_once() -> None:
    rules = without("late", "grace_days") | {"deposit_krw": -1}
    assert len(problems(RulesDocument, rules)) == 2


def test_a_command_that_adopts_rules_names_the_path_below_it() -> None:
    body = {"rules": document(fees={"minimum_nights": "x"})}
    found = schema_of(AdoptHouseRules, without=frozenset({"centre"}))().validate(body)
    assert found == {"rules": {"fees": {"minimum_nights": ["Not a valid integer."]}}}


def test_a_seed_that_is_malformed_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(without("centre", "id")), encoding="utf-8")
    with pytest.raises(DocumentUnusable, match=r"rules\.yaml can't be used: centre\.id: Missing data"):
        house_rules(path)
