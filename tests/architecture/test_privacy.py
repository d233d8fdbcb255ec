"""Personal data has one home: no event, no published event, no stored outcome and no job carries any.

A field's type says so, not its name: every string of an event is an id, a code, one of a few words, a pattern, or a
text of the catalogue that is listed here.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
import pytest

from services.chassis.commands.handler import Metadata
from services.chassis.domain import event
from services.chassis.service import Service
from services.contracts.base import value
from services.contracts.texts import CatalogueText, CodeRef, Form, IdRef, form_of
from services.notifications.contacts.model import Contact
from services.rentals.residents.model import ResidentJoined
from tests.architecture.test_contracts import DEFINED, names
from tests.architecture.tree import ROOT
from tests.contract.samples import sample
from tests.support.scenario import scenario

# What managers write for everybody to read. No other text is in an event.
CATALOGUE_TEXTS = {
    "CategoryDescribed.name_ko",
    "CategoryDescribed.name_en",
    "CategoryDescribed.manual_ko",
    "CategoryDescribed.manual_en",
    "AnnouncementPublished.name_ko",
    "AnnouncementPublished.name_en",
    "AnnouncementPublished.manual_ko",
    "AnnouncementPublished.manual_en",
    "Part.ko",
    "Part.en",
    "CentreDescription.name_ko",
    "CentreDescription.name_en",
    "CentreDescription.place_ko",
    "CentreDescription.place_en",
    "Exemption.name_ko",
}
# The tables that no event carries, so that what is in them can be forgotten.
MUTABLE_TABLES = {"notifications": {"contact"}}
NOT_PERSONAL = {"resident_id", "centre", "language"}
PERSONAL = names(Contact) - NOT_PERSONAL | {"address"}


def test_the_table_of_contacts_is_what_is_meant() -> None:
    assert {"name", "phone", "email", "birth_date"} <= PERSONAL


def free_texts(shape: type) -> set[str]:
    """The fields of a type, and of the values in it, that hold a text: ``Part.ko``."""
    hints = get_type_hints(shape, include_extras=True)
    return {text for name, kind in hints.items() for text in _texts_in(kind, f"{shape.__name__}.{name}")}


def _texts_in(kind: Any, where: str) -> Iterator[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated and inner[0] is str:
        forms = [each for each in inner[1:] if isinstance(each, Form)]
        patterns = [each for each in inner[1:] if isinstance(each, msgspec.Meta) and each.pattern]
        if not (forms or patterns) or any(form.listed for form in forms):
            yield where
    elif origin in (Annotated, Required, tuple, Union, types.UnionType):
        for each in inner if origin is not Annotated else inner[:1]:
            yield from _texts_in(each, where)
    elif is_dataclass(kind) or is_typeddict(kind):
        yield from free_texts(kind)
    elif origin is not Literal and kind not in (int, bool, date, datetime, type(None), ...):
        yield where


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_every_string_of_an_event_has_a_form(service: Service) -> None:
    held = [*service.events.values(), *service.published.values()]
    assert {text for each in held for text in free_texts(each)} <= CATALOGUE_TEXTS


def test_every_listed_text_is_in_an_event() -> None:
    held = [each for service in DEFINED.values() for each in (*service.events.values(), *service.published.values())]
    assert {text for each in held for text in free_texts(each)} == CATALOGUE_TEXTS


def test_who_sent_a_command_and_why_is_told_in_forms_too() -> None:
    """It is kept with each event."""
    assert free_texts(Metadata) == set()


@pytest.mark.parametrize(
    "meta",
    [
        {"actor": {"role": "desk", "subject": "kim.younghee@example.org"}},
        {"actor": {"role": "Kim Younghee"}},
        {"actor": {"role": "desk", "centre": "Gwangju Nam-gu"}},
        {"correlation_id": "kim-younghee-at-the-desk"},
        {"causation_id": "01012345678"},
    ],
)
def test_a_command_that_tells_of_its_sender_in_words_is_not_taken(meta: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(meta, Metadata)


def test_an_event_without_a_form_is_not_appended() -> None:
    with pytest.raises(msgspec.ValidationError, match="resident_id") as refused:
        scenario(DEFINED["rentals"]).given(ResidentJoined(centre="gwangju-namgu", resident_id=NAMES))
    assert "김영희" not in str(refused.value)  # what is wrong goes into a log


@value
class Note:
    """A value that holds a text."""

    text: str
    ref: IdRef


@event("a.noted", stream="a-{a_id}")
class Noted:
    """An event that holds texts of every kind."""

    a_id: IdRef
    plain: str
    many: tuple[str, ...]
    maybe: str | None
    anything: Any
    table: dict[str, str]
    note: Note | None
    title: CatalogueText
    code: CodeRef | None
    at: datetime


def test_a_text_is_found_wherever_it_is() -> None:
    wanted = {"Noted.plain", "Noted.many", "Noted.maybe", "Noted.anything", "Noted.table", "Note.text", "Noted.title"}
    assert free_texts(Noted) == wanted


@pytest.mark.parametrize("service", DEFINED.values(), ids=lambda s: s.name)
def test_an_event_with_a_name_in_it_is_not_appended(service: Service) -> None:
    """Each string of each event in turn becomes a name with a phone number."""
    for each in service.events.values():
        plausible = msgspec.to_builtins(sample(each))
        assert msgspec.convert(plausible, form_of(each), strict=False)
        for changed, where in _with_a_name(plausible):
            if where not in CATALOGUE_NAMES:
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert(changed, form_of(each), strict=False)


CATALOGUE_NAMES = {text.partition(".")[2] for text in CATALOGUE_TEXTS}
NAMES = "김영희 010-1234-5678"


def _with_a_name(held: Any, where: str = "") -> Iterator[tuple[Any, str]]:
    """Copies of what is held, in each of which one string is a name; and the field that it is in."""
    if isinstance(held, str):
        yield NAMES, where
    for at, inner in held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ():
        for changed, name in _with_a_name(inner, at if isinstance(at, str) else where):
            copied = dict(held) if isinstance(held, dict) else list(held)
            copied[at] = changed
            yield copied, name


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
def test_every_mutable_table_is_listed(service: Service) -> None:
    """A mutable table is one that no event carries, so that its rows can be forgotten."""
    tables = {projection.row_type.VIEW for projection in service.projections if projection.source == ""}  # type: ignore[attr-defined]
    assert tables == MUTABLE_TABLES.get(service.name, set())


@pytest.mark.parametrize(
    ("service", "table"), [(service, table) for service, tables in MUTABLE_TABLES.items() for table in sorted(tables)]
)
def test_a_mutable_table_says_in_the_database_that_it_is_personal(service: str, table: str) -> None:
    made = "".join(path.read_text() for path in (ROOT / f"services/{service}/sql/migrations").glob("*.sql"))
    assert f"comment on table {table} is 'personal'" in made
