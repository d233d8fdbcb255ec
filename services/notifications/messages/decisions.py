"""Decisions about notices: queue once, drop what became pointless, record the outcome."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.chassis.domain import StateReader, make, reads
from services.contracts.notifications.words import NoticeTopic
from services.notifications.messages import model
from services.notifications.messages.model import Notice, QueueNotice, RecordFailed, RecordSent
from services.notifications.rental_summaries.model import Centre, RentalSummary

REMINDERS: dict[NoticeTopic, timedelta] = {"due_tomorrow": timedelta(days=1), "due_today": timedelta(0)}
"""How long before the due day each reminder is queued, at the time of the day that the house rules name."""


@reads(lambda c: [(Notice, c.notice_id), (RentalSummary, c.about), (Centre, c.centre)])
def queue(command: QueueNotice, read: StateReader, now: datetime) -> list[Any]:
    """Tell it once. A reminder of a rental that is no longer out, or due on another day, is dropped."""
    if read(Notice, command.notice_id):
        return []
    rental = read(RentalSummary, command.about)
    resident_id = command.resident_id or (rental.resident_id if rental else None)
    if resident_id is None:
        raise model.RentalNotYetKnown(rental_id=command.about)
    if command.topic in REMINDERS and (rental is None or (rental.state, rental.due_on) != ("out", command.due_on)):
        return [make(model.NoticeDropped, command, resident_id=resident_id, dropped_at=now)]
    reminders = tuple(_reminders(command, read(Centre, command.centre), now))
    return [make(model.NoticeQueued, command, resident_id=resident_id, reminders=reminders, queued_at=now)]


def _reminders(command: QueueNotice, centre: Centre | None, now: datetime) -> Iterable[model.Reminder]:
    if command.topic != "receipt" or command.due_on is None or centre is None:
        return
    for topic, before in REMINDERS.items():
        due_at = centre.instant(command.due_on - before, centre.remind_at)
        if due_at > now:
            occasion = f"{command.about}:{command.due_on.isoformat()}"  # another due day is another reminder
            notice_id = model.notice_id(command.centre, topic, occasion)
            yield model.Reminder(notice_id=notice_id, topic=topic, due_on=command.due_on, due_at=due_at)


def _queued(read: StateReader, notice_id: str) -> Notice | None:
    notice = read(Notice, notice_id)
    if notice is None:
        raise model.NoticeUnknown(notice_id=notice_id)
    return notice if notice.state == "queued" else None


@reads(lambda command: [(Notice, command.notice_id)])
def record_sent(command: RecordSent, read: StateReader, now: datetime) -> list[Any]:
    """A notice is sent once, even if the channel took it twice."""
    notice = _queued(read, command.notice_id)
    return [make(model.NoticeSent, notice, channel=command.channel, sent_at=now)] if notice else []


@reads(lambda command: [(Notice, command.notice_id)])
def record_failed(command: RecordFailed, read: StateReader, now: datetime) -> list[Any]:
    """A notice that was sent or dropped can't fail any more."""
    notice = _queued(read, command.notice_id)
    return [make(model.NoticeFailed, notice, reason=command.reason, failed_at=now)] if notice else []
