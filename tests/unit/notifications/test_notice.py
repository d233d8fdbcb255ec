"""Notices: told once, reminded in time, dropped when pointless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis.codec import decode, encode
from services.notifications import reactions
from services.notifications.domain.notice import (
    Notice,
    NoticeDropped,
    NoticeFailed,
    NoticeQueued,
    NoticeSent,
    QueueNotice,
    RecordFailed,
    RecordSent,
    Reminder,
    notice_id,
)
from tests.support.scenario import MONDAY
from tests.unit.notifications.stories import CENTRE, DUE_ON, RENTAL, RESIDENT, a_centre, out, requested

RECEIPT = QueueNotice(
    notice_id=notice_id(CENTRE, "receipt", RENTAL),
    centre=CENTRE,
    kind="receipt",
    about=RENTAL,
    resident_id=RESIDENT,
    due_on=DUE_ON,
)
TOMORROW = Reminder(
    notice_id=notice_id(CENTRE, "due_tomorrow", f"{RENTAL}:2026-11-26"),
    kind="due_tomorrow",
    at=datetime(2026, 11, 25, 0, 0, tzinfo=UTC),
)
TODAY = Reminder(
    notice_id=notice_id(CENTRE, "due_today", f"{RENTAL}:2026-11-26"),
    kind="due_today",
    at=datetime(2026, 11, 26, 0, 0, tzinfo=UTC),
)


def queued(intent: QueueNotice, *reminders: Reminder, at: datetime = MONDAY) -> NoticeQueued:
    return NoticeQueued(
        centre=CENTRE,
        notice_id=intent.notice_id,
        resident_id=RESIDENT,
        kind=intent.kind,
        about=RENTAL,
        barcode=intent.barcode,
        reminders=reminders,
        queued_at=at,
    )


def about(intent: QueueNotice) -> dict[str, Any]:
    return {"centre": CENTRE, "notice_id": intent.notice_id, "resident_id": RESIDENT, "kind": intent.kind}


def reminder_of(reminder: Reminder) -> QueueNotice:
    """The intent that the reminder's timer makes, after its data was stored as JSON."""
    (later,) = [
        job for job in reactions.queued(queued(RECEIPT, TOMORROW, TODAY)) if job.data["notice_id"] == reminder.notice_id
    ]
    assert later.due == reminder.at
    made: QueueNotice = reactions.JOBS[later.kind].intent(decode(encode(later.data)))  # type: ignore[union-attr]
    return made


def test_a_receipt_sets_the_reminders_at_nine_on_the_centres_clock() -> None:
    s = out().when(RECEIPT).then(queued(RECEIPT, TOMORROW, TODAY))
    assert s.row(Notice, RECEIPT.notice_id).state == "queued"
    assert [job.kind for job in reactions.queued(s.facts[0])] == ["send", "remind", "remind"]


def test_a_reminder_whose_time_has_passed_is_skipped() -> None:
    at = TOMORROW.at
    out().on(at).when(RECEIPT).then(queued(RECEIPT, TODAY, at=at))
    out().on(TODAY.at).when(RECEIPT).then(queued(RECEIPT, at=TODAY.at))


def test_a_reminder_goes_out_while_the_rental_is_out() -> None:
    remind = reminder_of(TOMORROW)
    out().when(RECEIPT).on(TOMORROW.at).when(remind).then(queued(remind, at=TOMORROW.at))


def test_a_reminder_is_dropped_when_the_rental_is_back() -> None:
    remind = reminder_of(TODAY)
    s = out().heard("rentals", "rental.returned", rental_id=RENTAL, late_days=0).on(TODAY.at)
    s.when(remind).then(NoticeDropped(**about(remind), about=RENTAL, dropped_at=TODAY.at))
    assert s.row(Notice, remind.notice_id).state == "dropped"


def test_a_rental_that_came_to_nothing_is_told_of() -> None:
    failed = QueueNotice(notice_id="c.n1", centre=CENTRE, kind="payment_failed", about=RENTAL, resident_id=RESIDENT)
    requested().when(failed).then(queued(failed))


def test_a_repair_is_told_to_whoever_had_the_rental() -> None:
    mended = QueueNotice(notice_id="c.n2", centre=CENTRE, kind="repair_closed", about=RENTAL, barcode="NG-C10-002")
    out().when(mended).then(queued(mended))
    a_centre().when(mended).then_refused("rental_unheard", rental_id=RENTAL)


def test_a_notice_is_sent_once() -> None:
    sent = RecordSent(notice_id=RECEIPT.notice_id, channel="email")
    s = out().when(RECEIPT).when(sent).then(NoticeSent(**about(RECEIPT), channel="email", sent_at=MONDAY))
    assert (s.row(Notice, RECEIPT.notice_id).state, s.row(Notice, RECEIPT.notice_id).channel) == ("sent", "email")
    s.when(RecordFailed(notice_id=RECEIPT.notice_id, reason="smtp_550")).then_nothing()


def test_a_notice_that_failed_stays_failed() -> None:
    failed = RecordFailed(notice_id=RECEIPT.notice_id, reason="no_address")
    s = out().when(RECEIPT).when(failed)
    s.then(NoticeFailed(**about(RECEIPT), reason="no_address", failed_at=MONDAY))
    s.when(RecordSent(notice_id=RECEIPT.notice_id, channel="email")).then_nothing()


@pytest.mark.parametrize(
    "intent", [RecordSent(notice_id="c.none", channel="email"), RecordFailed(notice_id="c.none", reason="x")]
)
def test_an_unknown_notice_is_refused(intent: Any) -> None:
    a_centre().when(intent).then_refused("notice_unknown", notice_id="c.none")


def test_another_due_day_has_reminders_of_its_own() -> None:
    later = replace(RECEIPT, notice_id="c.n3", due_on=DUE_ON.replace(day=27))
    (fact,) = out().when(later).facts
    assert {r.notice_id for r in fact.reminders}.isdisjoint({TOMORROW.notice_id, TODAY.notice_id})
