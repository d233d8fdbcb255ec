"""Letters: every template in both languages, filled with what a letter knows."""

from __future__ import annotations

from typing import Any

import pytest

from services.contracts.notifications import KINDS
from services.notifications.domain.catalogue import Category
from services.notifications.domain.contact import Contact
from services.notifications.domain.lending import Centre, RentalSummary
from services.notifications.domain.letter import Draft, Letter, compose
from services.notifications.domain.notice import Notice
from services.notifications.outside import read_templates
from tests.support.scenario import MONDAY, Scenario
from tests.unit.notifications.stories import ABOUT, CENTRE, RENTAL, RESIDENT, out, requested

TEMPLATES = read_templates()


def contact(language: str = "ko", email: str | None = "nanum@example.org", name: str = "김나눔") -> Contact:
    return Contact(
        resident_id=RESIDENT,
        centre=CENTRE,
        name=name,
        phone="010-1234-5678",
        email=email,
        birth_date=None,
        language=language,
    )


def a_draft(s: Scenario, kind: str, barcode: str | None = None, state: str = "queued", **person: Any) -> Draft:
    notice = Notice(
        notice_id="c.n1",
        centre=CENTRE,
        resident_id=RESIDENT,
        kind=kind,
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


def letter(s: Scenario, kind: str, language: str = "ko", barcode: str | None = None, name: str = "김나눔") -> Letter:
    draft = a_draft(s, kind, barcode)
    return compose(TEMPLATES[language, kind], draft, contact(language, name=name))


def test_there_is_a_template_for_every_kind_in_both_languages() -> None:
    assert set(TEMPLATES) == {(language, kind) for language in ("ko", "en") for kind in KINDS}


@pytest.mark.parametrize(("language", "kind"), sorted(TEMPLATES))
def test_every_letter_is_complete_and_its_subject_names_nobody(language: str, kind: str) -> None:
    made = letter(out(), kind, language)
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
    s = out().heard("rentals", "rental.items_returned", {**ABOUT, "items": [{"barcode": "NG-C10-001"}]})
    for kind in ("due_tomorrow", "due_today", "overdue"):
        made = letter(s, kind)
        assert "NG-C10-002" in made.body
        assert "NG-C10-001" not in made.body


def test_a_repair_letter_is_about_the_one_unit() -> None:
    made = letter(out(), "repair_closed", barcode="NG-C10-002")
    assert "NG-C10-002" in made.body
    assert "NG-C10-001" not in made.body


def test_a_late_return_says_how_late() -> None:
    s = out().heard("rentals", "rental.returned", {**ABOUT, "late_days": 3})
    assert "3일 늦게" in letter(s, "returned").body
    assert "3 day(s)" in letter(s, "returned", "en").body


@pytest.mark.parametrize(
    ("reason", "korean"), [("payment_declined", "승인되지 않아"), ("payment_unanswered", "시간 안에")]
)
def test_a_cancellation_says_why(reason: str, korean: str) -> None:
    s = requested().heard("rentals", "rental.cancelled", {**ABOUT, "reason": reason, "barcodes": []})
    assert korean in letter(s, "payment_failed").body
    assert "cancelled" in letter(s, "payment_failed", "en").body


def test_a_name_can_not_smuggle_in_a_placeholder() -> None:
    made = letter(out(), "receipt", name="$rental_id\nBcc: x")
    assert "$rental_id" in made.body
    assert "\n" not in made.subject
