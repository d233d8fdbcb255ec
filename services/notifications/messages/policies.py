"""What residents are told when something happens in rentals or inventory."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.chassis.domain import RunEffect, ScheduledCommand, make
from services.chassis.service import Effect, Policy, Schedule
from services.contracts.inventory.events import RepairReturned
from services.contracts.notifications.words import NoticeTopic
from services.contracts.rentals.events import RentalCancelled, RentalMarkedOverdue, RentalReturned, RentalStarted
from services.notifications.adapters.mail import mail
from services.notifications.messages.dispatch import Dispatcher, dispatcher
from services.notifications.messages.model import NoticeQueued, QueueNotice, RecordFailed, RecordSent, notice_id


def _notice(event: Any, topic: NoticeTopic, occasion: str) -> QueueNotice:
    id = notice_id(event.centre, topic, occasion)
    return make(QueueNotice, event, notice_id=id, topic=topic, about=event.rental_id)


def started(event: RentalStarted) -> Iterable[QueueNotice]:
    """The items are out: a receipt, which brings the reminders with it."""
    yield _notice(event, "receipt", event.rental_id)


def cancelled(event: RentalCancelled) -> Iterable[QueueNotice]:
    """The rental was cancelled, as it was not paid."""
    yield _notice(event, "payment_failed", event.rental_id)


def marked_overdue(event: RentalMarkedOverdue) -> Iterable[QueueNotice]:
    """The due day is over."""
    yield _notice(event, "overdue", f"{event.rental_id}:{event.due_on.isoformat()}")


def returned(event: RentalReturned) -> Iterable[QueueNotice]:
    """The last item is back."""
    yield _notice(event, "returned", event.rental_id)


def repaired(event: RepairReturned) -> Iterable[QueueNotice]:
    """An item that broke during a rental is mended: the resident who had the rental is told how it ended."""
    if event.mended and event.rental_id:
        yield _notice(event, "repair_closed", event.repair_id)


POLICIES = (
    Policy(RentalStarted, started),
    Policy(RentalCancelled, cancelled),
    Policy(RentalMarkedOverdue, marked_overdue),
    Policy(RentalReturned, returned),
    Policy(RepairReturned, repaired),
)


def queued(event: NoticeQueued) -> Iterable[RunEffect | ScheduledCommand]:
    """Send the notice, and queue each reminder at its time."""
    yield RunEffect(send_mail, {"notice_id": event.notice_id})
    for reminder in event.reminders:
        which = {"notice_id": reminder.notice_id, "topic": reminder.topic, "due_on": reminder.due_on}
        remind = make(QueueNotice, event, **which)
        yield ScheduledCommand(remind, reminder.due_at)


def send_mail(mails: Dispatcher, data: Mapping[str, str]) -> Iterable[RecordSent | RecordFailed]:
    """Send a notice by mail."""
    return mails.dispatch(data["notice_id"])


SCHEDULES = (Schedule(NoticeQueued, queued),)
EFFECTS = (Effect(send_mail, lambda: dispatcher(mail())),)
