"""Adopting house rules, and what they say about days, fees and lateness."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.chassis.service import Service
from services.contracts.rentals.commands import AdoptHouseRules
from services.rentals import house_rules as capability
from services.rentals.house_rules.model import HouseRules, HouseRulesAdopted, NoHouseRules, Rules, in_force
from tests.support.house_rules import SEED, house_rules
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE = "gwangju-namgu"
SERVICE = Service("rentals", capability.CAPABILITY)
FRIDAY = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
A_YEAR_AND_A_WEEK = [str(date(2026, 11, 24) + timedelta(days=n)) for n in range(373)]


def adopted(version: int = 1, **sections: Any) -> HouseRulesAdopted:
    return HouseRulesAdopted(centre=CENTRE, rules_version=version, rules=house_rules(**sections))


def adopt(**sections: Any) -> AdoptHouseRules:
    return AdoptHouseRules(centre=CENTRE, rules=house_rules(**sections))


def rules(**sections: Any) -> Rules:
    return Rules(house_rules(**sections), 1)


# -- adopting --


def test_rules_are_adopted() -> None:
    s = scenario(SERVICE).when(adopt()).then(adopted())
    row = s.row(HouseRules, CENTRE)
    assert (row.rules, row.version) == (house_rules(), 1)


def test_the_same_rules_again_change_nothing() -> None:
    scenario(SERVICE).given(adopted()).when(adopt()).then_nothing()


def test_other_rules_are_another_version() -> None:
    s = scenario(SERVICE).given(adopted()).when(adopt(limits={"items_per_member": 3}))
    s.then(adopted(version=2, limits={"items_per_member": 3}))
    assert in_force(s.row, CENTRE).version == 2
    assert in_force(s.row, CENTRE).items_per_member == 3


def test_a_centre_without_rules_is_refused() -> None:
    with pytest.raises(NoHouseRules):
        in_force(scenario(SERVICE).row, CENTRE)


def refused(path: str, **sections: Any) -> Scenario:
    s = scenario(SERVICE).when(adopt(**sections)).then_refused("house_rules_unusable", path=path)
    assert s.refused is not None
    assert s.refused.document()["kind"] == "invalid"
    assert path in s.refused.document()["en"] and path in s.refused.document()["ko"]
    return s


@pytest.mark.parametrize(
    ("path", "sections"),
    [
        ("centre.id", {"centre": {"id": "busan-haeundae"}}),
        ("centre.timezone", {"centre": {"timezone": "Asia/Gwangju"}}),
        ("centre.timezone", {"centre": {"timezone": "Asia"}}),
        ("centre.timezone", {"centre": {"timezone": "../../etc/passwd"}}),
        ("calendar.weekly", {"calendar": {"weekly": dict.fromkeys(SEED["calendar"]["weekly"])}}),
        ("calendar.weekly.wed", {"calendar": {"weekly": {"wed": ["18:00", "09:00"]}}}),
        ("calendar.weekly.thu", {"calendar": {"weekly": {"thu": ["09:00", "09:00"]}}}),
        ("calendar.extra_open", {"calendar": {"extra_open": ["2026-12-05"], "extra_closed": ["2026-12-05"]}}),
        ("calendar.extra_closed", {"calendar": {"extra_closed": A_YEAR_AND_A_WEEK}}),
        ("calendar.extra_closed", {"calendar": {"extra_closed": ["9999-12-31"]}}),
        ("calendar.public_holidays", {"calendar": {"public_holidays": ["0206-01-01"]}}),
        ("fees.ceiling_bp", {"fees": {"ceiling_bp": 199}}),
        ("fees.minimum_nights", {"fees": {"minimum_nights": 4}}),
        ("period.default_nights", {"period": {"default_nights": 4}}),
        ("exemptions.7.code", {"exemptions": [*SEED["exemptions"], SEED["exemptions"][0]]}),
    ],
)
def test_rules_that_contradict_themselves_are_refused_with_the_path(path: str, sections: dict[str, Any]) -> None:
    refused(path, **sections)


def test_all_contradictions_are_said_at_once() -> None:
    s = refused("calendar.weekly.mon", calendar={"weekly": {"mon": ["18:00", "09:00"]}}, fees={"ceiling_bp": 0})
    assert s.refused is not None and "fees.ceiling_bp" in s.refused.document()["en"]


def test_a_long_closure_that_ends_within_the_year_is_adopted() -> None:
    half_a_year = A_YEAR_AND_A_WEEK[:180]
    s = scenario(SERVICE).when(adopt(calendar={"extra_closed": half_a_year})).then_types("house_rules.adopted")
    assert in_force(s.row, CENTRE).due(MONDAY, 1)[0] == date(2027, 5, 24)  # the Monday after a last closed Saturday


# -- days --


def test_a_day_belongs_to_the_clock_of_the_centre() -> None:
    assert rules().today(datetime(2026, 11, 22, 15, 0, tzinfo=UTC)) == date(2026, 11, 23)
    assert rules(centre={"timezone": "UTC"}).today(datetime(2026, 11, 22, 15, 0, tzinfo=UTC)) == date(2026, 11, 22)
    assert rules().end_of(date(2026, 11, 23)) == datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_weekends_and_public_holidays_are_closed() -> None:
    assert rules().is_open(date(2026, 11, 23))
    assert not rules().is_open(date(2026, 11, 28))
    assert not rules().is_open(date(2026, 12, 25))
    assert rules(calendar={"close_on_public_holidays": False}).is_open(date(2026, 12, 25))
    assert rules().open_from(date(2026, 12, 25)) == date(2026, 12, 28)


def test_exceptions_come_before_the_week_and_the_holidays() -> None:
    changed = rules(calendar={"extra_open": ["2026-12-25", "2026-11-28"], "extra_closed": ["2026-11-24"]})
    assert changed.is_open(date(2026, 12, 25))
    assert changed.is_open(date(2026, 11, 28))
    assert not changed.is_open(date(2026, 11, 24))


def test_a_rental_is_due_at_closing_time_of_an_open_day() -> None:
    assert rules().due(MONDAY, 2) == (date(2026, 11, 25), datetime(2026, 11, 25, 9, 0, tzinfo=UTC))
    assert rules().due(FRIDAY, 1) == (date(2026, 11, 30), datetime(2026, 11, 30, 9, 0, tzinfo=UTC))
    early = rules(calendar={"weekly": {"mon": ["10:00", "13:00"]}})
    assert early.due(FRIDAY, 1) == (date(2026, 11, 30), datetime(2026, 11, 30, 4, 0, tzinfo=UTC))


def test_an_extra_open_day_has_the_hours_of_the_first_day_of_the_week() -> None:
    changed = rules(calendar={"weekly": {"mon": ["10:00", "13:00"]}, "extra_open": ["2026-11-28"]})
    assert changed.due(FRIDAY, 1) == (date(2026, 11, 28), datetime(2026, 11, 28, 4, 0, tzinfo=UTC))


# -- fees --


def test_closed_days_cost_nothing_unless_the_rules_say_so() -> None:
    monday = date(2026, 11, 30)
    assert rules().charged_nights(FRIDAY, monday) == 1
    assert rules(fees={"charge_closed_days": True}).charged_nights(FRIDAY, monday) == 3


def test_a_least_number_of_nights_is_charged() -> None:
    assert rules().charged_nights(MONDAY, date(2026, 11, 23)) == 1
    assert rules(fees={"minimum_nights": 3}).charged_nights(MONDAY, date(2026, 11, 24)) == 3


def test_a_fee_is_per_night_or_per_rental() -> None:
    assert rules().fee([600, 600, 2600], 2) == 7600
    assert rules(fees={"basis": "per_rental"}).fee([600, 600, 2600], 2) == 3800


# -- after the return --


def test_only_the_groups_that_the_rules_name_rest_after_a_rental() -> None:
    assert [rules().buffer_days(group) for group in ("camping", "daily", "tool")] == [1, 1, 0]
    assert rules().ready_from(MONDAY, "camping") == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert rules().ready_from(MONDAY, "tool") is None
    tools = rules(reservation={"cleaning_buffer_groups": ["tool"], "cleaning_buffer_open_days": 2})
    assert tools.ready_from(FRIDAY, "tool") == datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    assert tools.ready_from(FRIDAY, "camping") is None


def test_a_late_return_stops_lending_by_items_and_days_up_to_a_long_overdue() -> None:
    assert rules().suspension_days(0, 2) == 0
    assert rules().suspension_days(3, 2) == 6
    assert rules().suspension_days(30, 1) == 90
    assert rules(late={"long_overdue": {"days": 3, "suspension_days": 10}}).suspension_days(3, 2) == 10


def test_limits_methods_and_the_time_to_answer_are_those_of_the_document() -> None:
    of_seed = rules()
    assert (of_seed.items_per_member, of_seed.units_of_one_category) == (5, 4)
    assert of_seed.methods == ("card_terminal",)
    assert of_seed.answer_within == timedelta(minutes=2)
    assert of_seed.manual_ack_required
    assert not rules(safety={"manual_ack_required": False}).manual_ack_required
