"""Contacts: kept as last given, news only once, and in no event."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date

from services.chassis.foundation.codec import encode
from services.contracts.notifications.commands import RegisterContact
from services.notifications.contacts.model import Contact, ContactRegistered, ContactStatus
from services.notifications.service import SERVICE
from tests.support.scenario import scenario

RESIDENT = "gwangju-namgu.p1"
REGISTER = RegisterContact(
    resident_id=RESIDENT,
    centre="gwangju-namgu",
    name="김나눔",
    phone="010-1234-5678",
    email="nanum@example.org",
    birth_date=date(1980, 5, 1),
)
REGISTERED = ContactRegistered(centre="gwangju-namgu", resident_id=RESIDENT)


def test_a_contact_is_kept_and_told_of_by_its_id_alone() -> None:
    s = scenario(SERVICE).when(REGISTER).then(REGISTERED)
    assert asdict(s.row(Contact, RESIDENT)) == asdict(REGISTER)
    assert s.row(ContactStatus, RESIDENT).version == 1


def test_registering_again_corrects_the_contact_without_an_event() -> None:
    s = scenario(SERVICE).when(REGISTER).when(replace(REGISTER, phone="010-8765-4321", language="en")).then_nothing()
    assert s.row(Contact, RESIDENT).phone == "010-8765-4321"
    assert s.row(Contact, RESIDENT).language == "en"


def test_nothing_personal_is_in_events_or_answers() -> None:
    s = scenario(SERVICE).when(REGISTER)
    stored = encode([*s.events, s.row(ContactStatus, RESIDENT)]).decode()
    for personal in (REGISTER.name, REGISTER.phone, str(REGISTER.email), "1980"):
        assert personal not in stored
