"""Personal data has one home: no fact, no published fact, no stored outcome and no job carries any."""

from __future__ import annotations

from dataclasses import fields

import pytest

from services.chassis.definition import Service
from services.notifications.domain.contact import Contact
from tests.architecture.test_contracts import DEFINED

NOT_PERSONAL = {"resident_id", "centre", "language"}
PERSONAL = {f.name for f in fields(Contact)} - NOT_PERSONAL | {"address"}


def test_the_record_of_a_contact_is_what_is_meant() -> None:
    assert {"name", "phone", "email", "birth_date"} <= PERSONAL


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_no_fact_carries_personal_data(service: Service) -> None:
    held = {kind.__name__: {f.name for f in fields(kind)} & PERSONAL for kind in service.facts.values()}
    said = {c.__name__: set(c().fields) & PERSONAL for c in service.publish.values()}
    assert not {name: words for name, words in {**held, **said}.items() if words}


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_no_stored_outcome_carries_personal_data(service: Service) -> None:
    """What answers a command is kept with the outcome, so that a repetition gets the same answer."""
    answers = {c.answers for c in service.commands if c.answers}
    assert not {kind.__name__: w for kind in answers if (w := {f.name for f in fields(kind)} & PERSONAL)}


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_only_notifications_keeps_records(service: Service) -> None:
    """A record is a table that no fact carries, so that it can be forgotten."""
    records = {view.kind for view in service.views if view.source == ""}
    assert records == ({Contact} if service.name == "notifications" else set())
