"""Letters: every template in both languages, filled with what a letter knows."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from services.contracts.notifications.words import Language, NoticeState, NoticeTopic
from services.contracts.rentals.words import CancellationReason
from services.notifications.adapters.channel import Letter
from services.notifications.catalogue.model import Category
from services.notifications.contacts.model import Contact
from services.notifications.messages.dispatch import read_wordings
from services.notifications.messages.letters import Draft, compose
from services.notifications.messages.model import Notice
from services.notifications.rental_summaries.model import Centre, RentalSummary
from tests.support.scenario import MONDAY, Scenario
from tests.unit.notifications.stories import (
    CENTRE,
    RENTAL,
    RESIDENT,
    first_item_returned,
    out,
    rental_cancelled,
    rental_returned,
    requested,
)

WORDINGS = read_wordings()
TOPICS: tuple[NoticeTopic, ...] = get_args(NoticeTopic)
LANGUAGES: tuple[Language, ...] = get_args(Language)


def contact(language: Language = "ko", email: str | None = "nanum@example.org", name: str = "김나눔") -> Contact:
    return Contact(
        resident_id=RESIDENT,
        centre=CENTRE,
        name=name,
        phone="010-1234-5678",
        email=email,
        birth_date=None,
        language=language,
    )


def a_draft(
    s: Scenario, topic: NoticeTopic, barcode: str | None = None, state: NoticeState = "queued", **person: Any
) -> Draft:
    notice = Notice(
        notice_id="c.n1",
        centre=CENTRE,
        resident_id=RESIDENT,
        topic=topic,
        about=RENTAL,
        barcode=barcode,
        state=state,
        channel=None,
        reason=None,
        queued_at=MONDAY,
        settled_at=None,
    )
    return Draft(
        notice=notice,
        contact=contact(**person),
        rental=s.row(RentalSummary, RENTAL),
        centre=s.row(Centre, CENTRE),
        categories=(s.row(Category, f"{CENTRE}.C10"),),
    )


def letter(
    s: Scenario, topic: NoticeTopic, language: Language = "ko", barcode: str | None = None, name: str = "김나눔"
) -> Letter:
    draft = a_draft(s, topic, barcode)
    return compose(WORDINGS[language], draft, contact(language, name=name))


def test_there_is_a_template_for_every_topic_in_both_languages() -> None:
    assert {language: set(wording.templates) for language, wording in WORDINGS.items()} == {
        language: set(TOPICS) for language in LANGUAGES
    }


def test_there_is_a_phrase_for_every_reason_of_a_cancellation_in_both_languages() -> None:
    for wording in WORDINGS.values():
        assert set(wording.cancelled) == set(get_args(CancellationReason))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", TOPICS)
def test_every_letter_is_complete_and_its_subject_names_nobody(language: Language, topic: NoticeTopic) -> None:
    made = letter(out(), topic, language)
    assert "김나눔" in made.body
    assert "김나눔" not in made.subject
    assert "$" not in made.subject + made.body
    assert RENTAL in made.body
    assert ("캠핑 매트" if language == "ko" else "Camping mat") in made.body


def test_a_receipt_lists_items_fee_due_hour_and_the_no_fault_rule() -> None:
    korean, english = letter(out(), "receipt"), letter(out(), "receipt", "en")
    for text in ("- 캠핑 매트 (NG-C10-001)", "- 캠핑 매트 (NG-C10-002)", "4,200원", "2026년 11월 26일(목) 18:00까지"):
        assert text in korean.body
    assert "책임을 묻지 않으며" in korean.body
    assert korean.subject.startswith("[남구 물품공유센터]")
    for text in ("- Camping mat (NG-C10-001)", "KRW 4,200", "Thu 26 Nov 2026, 18:00", "not liable"):
        assert text in english.body


def test_a_reminder_lists_only_what_is_still_out() -> None:
    s = out().received(first_item_returned())
    topics: tuple[NoticeTopic, ...] = ("due_tomorrow", "due_today", "overdue")
    for topic in topics:
        made = letter(s, topic)
        assert "NG-C10-002" in made.body
        assert "NG-C10-001" not in made.body


def test_a_repair_letter_is_about_the_one_item() -> None:
    made = letter(out(), "repair_closed", barcode="NG-C10-002")
    assert "NG-C10-002" in made.body
    assert "NG-C10-001" not in made.body


def test_a_late_return_says_how_late() -> None:
    s = out().received(rental_returned(late_days=3))
    assert "3일 늦게" in letter(s, "returned").body
    assert "3 day(s)" in letter(s, "returned", "en").body


def test_a_return_in_time_says_so() -> None:
    s = out().received(rental_returned())
    assert "기한 안에" in letter(s, "returned").body
    assert "in time" in letter(s, "returned", "en").body


@pytest.mark.parametrize(
    ("reason", "korean"), [("payment_declined", "승인되지 않아"), ("payment_unanswered", "시간 안에")]
)
def test_a_cancellation_says_why(reason: CancellationReason, korean: str) -> None:
    s = requested().received(rental_cancelled(reason))
    assert korean in letter(s, "payment_failed").body
    assert "cancelled" in letter(s, "payment_failed", "en").body


def test_a_name_can_not_smuggle_in_a_placeholder() -> None:
    made = letter(out(), "receipt", name="$rental_id\nBcc: x")
    assert "$rental_id" in made.body
    assert "\n" not in made.subject
