"""Notices: told once, reminded in time, dropped when pointless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis.domain import RunEffect, ScheduledCommand
from services.chassis.foundation.codec import Decoder, encode
from services.contracts.inventory.events import RepairReturned
from services.contracts.rentals.events import RentalMarkedOverdue
from services.notifications.messages.model import (
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
from services.notifications.messages.policies import send_mail
from services.notifications.service import SERVICE
from tests.support.scenario import MONDAY
from tests.unit.notifications.stories import (
    ABOUT,
    CENTRE,
    DUE_ON,
    RENTAL,
    RESIDENT,
    a_centre,
    commands_after,
    out,
    rental_cancelled,
    rental_returned,
    rental_started,
    requested,
)

(RECEIPT,) = commands_after(rental_started())
REPAIR = f"{CENTRE}.NG-C10-002-1"
TOMORROW = Reminder(
    notice_id=notice_id(CENTRE, "due_tomorrow", f"{RENTAL}:2026-11-26"),
    topic="due_tomorrow",
    due_on=DUE_ON,
    due_at=datetime(2026, 11, 25, 0, 0, tzinfo=UTC),
)
TODAY = Reminder(
    notice_id=notice_id(CENTRE, "due_today", f"{RENTAL}:2026-11-26"),
    topic="due_today",
    due_on=DUE_ON,
    due_at=datetime(2026, 11, 26, 0, 0, tzinfo=UTC),
)


def queued(command: QueueNotice, *reminders: Reminder, now: datetime = MONDAY) -> NoticeQueued:
    return NoticeQueued(
        centre=CENTRE,
        notice_id=command.notice_id,
        resident_id=RESIDENT,
        topic=command.topic,
        about=RENTAL,
        barcode=command.barcode,
        reminders=reminders,
        queued_at=now,
    )


def about(command: QueueNotice) -> dict[str, Any]:
    return {"centre": CENTRE, "notice_id": command.notice_id, "resident_id": RESIDENT, "topic": command.topic}


def jobs(event: NoticeQueued) -> list[Any]:
    return list(SERVICE.schedule_of[NoticeQueued](event))


def reminder_of(reminder: Reminder) -> QueueNotice:
    """The command of the reminder's job, after the job was stored as JSON."""
    (job,) = [
        job
        for job in jobs(queued(RECEIPT, TOMORROW, TODAY))
        if isinstance(job, ScheduledCommand) and job.command.notice_id == reminder.notice_id
    ]
    assert job.due == reminder.due_at
    command: QueueNotice = Decoder(QueueNotice).one(encode(job.command))
    assert command == job.command
    return command


def repair_returned(mended: bool = True, rental_id: str | None = RENTAL) -> RepairReturned:
    return RepairReturned(
        centre=CENTRE, repair_id=REPAIR, barcode="NG-C10-002", rental_id=rental_id, mended=mended, cost_krw=0
    )


def test_a_started_rental_brings_a_receipt() -> None:
    assert (
        QueueNotice(
            notice_id=notice_id(CENTRE, "receipt", RENTAL),
            centre=CENTRE,
            topic="receipt",
            about=RENTAL,
            resident_id=RESIDENT,
            due_on=DUE_ON,
        )
        == RECEIPT
    )


def test_a_receipt_sets_the_reminders_at_nine_on_the_centres_clock() -> None:
    s = out().when(RECEIPT).then(queued(RECEIPT, TOMORROW, TODAY))
    assert s.row(Notice, RECEIPT.notice_id).state == "queued"
    assert jobs(s.events[0]) == [
        RunEffect(send_mail, {"notice_id": RECEIPT.notice_id}),
        ScheduledCommand(reminder_of(TOMORROW), TOMORROW.due_at),
        ScheduledCommand(reminder_of(TODAY), TODAY.due_at),
    ]


def test_the_house_rules_say_when_reminders_go_out() -> None:
    s = a_centre(remind_at="10:30").received(rental_started()).when(RECEIPT)
    due_at = [reminder.due_at for reminder in s.events[0].reminders]
    assert due_at == [datetime(2026, 11, day, 1, 30, tzinfo=UTC) for day in (25, 26)]


def test_a_reminder_whose_time_has_passed_is_skipped() -> None:
    now = TOMORROW.due_at
    out().on(now).when(RECEIPT).then(queued(RECEIPT, TODAY, now=now))
    out().on(TODAY.due_at).when(RECEIPT).then(queued(RECEIPT, now=TODAY.due_at))


def test_a_reminder_goes_out_while_the_rental_is_out() -> None:
    remind = reminder_of(TOMORROW)
    out().when(RECEIPT).on(TOMORROW.due_at).when(remind).then(queued(remind, now=TOMORROW.due_at))


def test_a_reminder_is_dropped_when_the_rental_is_back() -> None:
    remind = reminder_of(TODAY)
    s = out().received(rental_returned()).on(TODAY.due_at)
    s.when(remind).then(NoticeDropped(**about(remind), about=RENTAL, dropped_at=TODAY.due_at))
    assert s.row(Notice, remind.notice_id).state == "dropped"


def test_a_reminder_is_dropped_when_the_due_day_has_moved() -> None:
    remind = reminder_of(TOMORROW)
    s = out().received(replace(rental_started(), due_on=DUE_ON.replace(day=27))).on(TOMORROW.due_at)
    s.when(remind).then(NoticeDropped(**about(remind), about=RENTAL, dropped_at=TOMORROW.due_at))


def test_another_due_day_has_reminders_of_its_own() -> None:
    later = replace(RECEIPT, notice_id="c.n3", due_on=DUE_ON.replace(day=27))
    (event,) = out().when(later).events
    assert {r.notice_id for r in event.reminders}.isdisjoint({TOMORROW.notice_id, TODAY.notice_id})


def test_a_cancelled_rental_is_told_of() -> None:
    (failed,) = commands_after(rental_cancelled("payment_declined"))
    assert failed.topic == "payment_failed"
    requested().when(failed).then(queued(failed))


def test_an_overdue_rental_is_told_of_once_for_each_due_day() -> None:
    event = RentalMarkedOverdue(**ABOUT, barcodes=("NG-C10-001",), categories=("C10",), due_on=DUE_ON)
    (overdue,), (again,) = commands_after(event), commands_after(event)
    (later,) = commands_after(replace(event, due_on=DUE_ON.replace(day=27)))
    s = out().when(overdue).then(queued(overdue)).when(again).then_nothing()
    s.when(later).then(queued(later))


def test_a_returned_rental_is_told_of() -> None:
    (returned,) = commands_after(rental_returned())
    assert returned.topic == "returned"
    out().received(rental_returned()).when(returned).then(queued(returned))


def test_a_repair_is_told_to_the_resident_who_had_the_rental() -> None:
    (mended,) = commands_after(repair_returned())
    assert (mended.topic, mended.barcode) == ("repair_closed", "NG-C10-002")
    out().when(mended).then(queued(mended))
    a_centre().when(mended).then_refused("rental_not_yet_known", rental_id=RENTAL)


def test_a_repair_that_failed_or_is_of_no_rental_is_told_to_nobody() -> None:
    assert commands_after(repair_returned(mended=False)) == []
    assert commands_after(repair_returned(rental_id=None)) == []


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
    "command", [RecordSent(notice_id="c.none", channel="email"), RecordFailed(notice_id="c.none", reason="x")]
)
def test_an_unknown_notice_is_refused(command: Any) -> None:
    a_centre().when(command).then_refused("notice_unknown", notice_id="c.none")
