"""Contacts: kept, corrected and forgotten; told of by an id alone."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest

from services.chassis.domain import replace
from services.chassis.foundation.codec import Malformed, convert, encode
from services.contracts.notifications.addresses import ascii_address
from services.contracts.notifications.commands import CorrectContact, ForgetContact, RegisterContact
from services.contracts.schemas import problems, schema_of, struct_of
from services.notifications.contacts.model import (
    Contact,
    ContactCorrected,
    ContactForgotten,
    ContactRegistered,
    ContactStatus,
)
from services.notifications.service import SERVICE
from tests.support.scenario import Scenario, scenario

CENTRE, RESIDENT = "gwangju-namgu", "gwangju-namgu.p1"
KIM = {"name": "김나눔", "phone": "010-1234-5678", "email": "nanum@example.org", "birth_date": date(1980, 5, 1)}
REGISTER = RegisterContact(resident_id=RESIDENT, centre=CENTRE, **KIM)
CORRECT = CorrectContact(resident_id=RESIDENT, **{**KIM, "phone": "010-8765-4321", "email": None}, language="en")
FORGET = ForgetContact(resident_id=RESIDENT, reason="moved_away")
REGISTERED = ContactRegistered(centre=CENTRE, resident_id=RESIDENT)


def registered() -> Scenario:
    return scenario(SERVICE).when(REGISTER)


class TestRegistering:
    def test_a_contact_is_kept_and_told_of_by_its_id_alone(self) -> None:
        s = registered().then(REGISTERED)
        assert asdict(s.row(Contact, RESIDENT)) == asdict(REGISTER)
        assert (s.row(ContactStatus, RESIDENT).version, s.row(ContactStatus, RESIDENT).state) == (1, "registered")

    def test_a_contact_that_is_there_is_corrected_and_not_registered_again(self) -> None:
        s = registered().when(replace(REGISTER, phone="010-8765-4321")).then_nothing()
        assert s.row(Contact, RESIDENT).phone == KIM["phone"]

    def test_a_name_is_kept_as_it_is_searched(self) -> None:
        typed = unicodedata.normalize("NFD", "  김   나눔 ")
        s = scenario(SERVICE).when(replace(REGISTER, name=typed))
        assert s.row(Contact, RESIDENT).name == "김 나눔"


class TestCorrecting:
    def test_everything_that_was_said_takes_the_place_of_what_was(self) -> None:
        s = registered().when(CORRECT).then(ContactCorrected(centre=CENTRE, resident_id=RESIDENT))
        assert asdict(s.row(Contact, RESIDENT)) == {**asdict(CORRECT), "centre": CENTRE}
        assert s.row(ContactStatus, RESIDENT).version == 2

    def test_nothing_is_left_out_by_accident(self) -> None:
        missing = problems(CorrectContact, {"resident_id": RESIDENT, "name": "김나눔", "phone": "010-1234-5678"})
        assert {line.partition(":")[0] for line in missing} == {"email", "birth_date", "language"}

    def test_of_whom_nothing_is_known_it_is_refused(self) -> None:
        scenario(SERVICE).when(CORRECT).then_refused("contact_unknown", resident_id=RESIDENT)


class TestForgetting:
    def test_the_contact_is_gone_and_the_event_says_so_and_why(self) -> None:
        s = registered().when(FORGET)
        s.then(ContactForgotten(centre=CENTRE, resident_id=RESIDENT, reason="moved_away"))
        assert s.row(Contact, RESIDENT) is None
        assert s.row(ContactStatus, RESIDENT).state == "forgotten"

    @pytest.mark.parametrize("command", [REGISTER, CORRECT])
    def test_who_was_forgotten_stays_so_under_this_id(self, command: Any) -> None:
        """Also when a registration from before is sent once more."""
        s = registered().when(FORGET).when(command).then_refused("contact_is_forgotten", resident_id=RESIDENT)
        assert s.row(Contact, RESIDENT) is None

    def test_of_whom_nothing_is_known_it_is_refused(self) -> None:
        scenario(SERVICE).when(FORGET).then_refused("contact_unknown", resident_id=RESIDENT)


def test_nothing_personal_is_in_events_or_answers() -> None:
    s = registered()
    events = [*s.events, *s.when(CORRECT).events, *s.when(FORGET).events]
    stored = encode([*events, s.row(ContactStatus, RESIDENT)]).decode()
    for personal in (REGISTER.name, REGISTER.phone, CORRECT.phone, str(REGISTER.email), "1980"):
        assert personal not in stored


def given(**changed: Any) -> dict[str, Any]:
    return {"resident_id": RESIDENT, "centre": CENTRE, "name": "김나눔", "phone": "010-1234-5678", **changed}


def refused(**changed: Any) -> list[str]:
    """What the marshmallow schema says; msgspec refuses it both for the gateway and for the service."""
    for contract in (RegisterContact, struct_of(RegisterContact)):
        with pytest.raises(Malformed):
            convert(given(**changed), contract)
    return problems(RegisterContact, given(**changed))


class TestNames:
    @pytest.mark.parametrize(
        "name", ["김나눔", "Nguyễn Thị Ánh", "O'Brien-Smith", "Жанна д’Арк", "李 美玲", "สมชาย", "X Æ"]
    )
    def test_a_name_of_any_alphabet_is_accepted(self, name: str) -> None:
        assert convert(given(name=name), RegisterContact).name == name
        assert schema_of(RegisterContact)().validate(given(name=name)) == {}

    @pytest.mark.parametrize(
        "name",
        [" ", "...", "010-1234", "김\u0001나눔", "\x1b[2J김", "김\u202e나눔", "김\u200b", "김\ue000", "김\n나눔"],
    )
    def test_what_is_no_name_or_can_not_be_seen_is_refused(self, name: str) -> None:
        [said] = refused(name=name)
        assert said.startswith("name: ")


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "sent_to"),
        [
            ("nanum@example.org", "nanum@example.org"),
            ("kim.na+num@mail.example.org", "kim.na+num@mail.example.org"),
            ("kim@한국.kr", "kim@xn--3e0b707e.kr"),
            ("r1@nanum.localhost", "r1@nanum.localhost"),
        ],
    )
    def test_where_a_letter_can_be_sent_it_is(self, address: str, sent_to: str) -> None:
        assert convert(given(email=address), RegisterContact).email == address
        assert ascii_address(address) == sent_to

    @pytest.mark.parametrize(
        "address", ["김@example.org", "kim@-example.org", "kim..na@example.org", "kim@exa mple.org", "kim"]
    )
    def test_where_none_can_be_sent_it_is_refused_once_and_at_the_desk(self, address: str) -> None:
        [said] = refused(email=address)
        assert said.startswith("email: ")
