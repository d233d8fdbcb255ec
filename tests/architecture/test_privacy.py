"""Personal data has one home: no event, no published event, no stored outcome and no job carries any."""

from __future__ import annotations

import pytest

from services.chassis.service import Service
from services.notifications.contacts.model import Contact
from tests.architecture.test_contracts import DEFINED, names

NOT_PERSONAL = {"resident_id", "centre", "language"}
PERSONAL = names(Contact) - NOT_PERSONAL | {"address"}


def test_the_table_of_contacts_is_what_is_meant() -> None:
    assert {"name", "phone", "email", "birth_date"} <= PERSONAL


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_no_event_carries_personal_data(service: Service) -> None:
    held = [*service.events.values(), *service.published.values()]
    assert not {event.__name__: words for event in held if (words := names(event) & PERSONAL)}


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_no_stored_outcome_carries_personal_data(service: Service) -> None:
    """What answers a command is kept with the outcome, so that a repetition gets the same answer."""
    answers = {handler.answer for handler in service.commands if handler.answer}
    assert not {state.__name__: words for state in answers if (words := names(state) & PERSONAL)}


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_no_job_carries_personal_data(service: Service) -> None:
    """A scheduled command is stored as it is until its time has come."""
    own = {handler.command for handler in service.commands} - {h.command for h in service.accepted.values()}
    assert not {command.__name__: words for command in own if (words := names(command) & PERSONAL)}


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_only_notifications_keeps_mutable_tables(service: Service) -> None:
    """A mutable table is one that no event carries, so that its rows can be forgotten."""
    tables = {projection.row_type for projection in service.projections if projection.source == ""}
    assert tables == ({Contact} if service.name == "notifications" else set())
