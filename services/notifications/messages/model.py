"""A notice: something a resident is told once about a rental. It knows the resident, not how to reach them."""

from datetime import date, datetime
from typing import Any

from services.chassis.domain import Refused, command, event, make, replace, state, value
from services.contracts import refusals
from services.contracts.base import derived_id
from services.contracts.notifications import events, views
from services.contracts.notifications.words import NoticeTopic
from services.contracts.texts import BarcodeRef, CentreRef, IdRef


def notice_id(centre: str, topic: NoticeTopic, occasion: str) -> str:
    """The id of the notice of a topic for an occasion (a rental, a repair), the same whenever it is asked for."""
    return derived_id(centre, f"notice:{topic}:{occasion}")


# -- values --


@value
class Reminder:
    """A notice to queue when its time comes, if the rental is still out then, and still due on that day."""

    notice_id: IdRef
    topic: NoticeTopic
    due_on: date
    due_at: datetime


# -- events --


@event("notice.queued", stream="notice-{notice_id}")
class NoticeQueued:
    """A resident is to be told something. ``reminders`` will follow it."""

    centre: CentreRef
    notice_id: IdRef
    resident_id: IdRef
    topic: NoticeTopic
    about: IdRef
    barcode: BarcodeRef | None
    reminders: tuple[Reminder, ...]
    queued_at: datetime


@event("notice.dropped", stream="notice-{notice_id}")
class NoticeDropped:
    """A reminder became pointless: the rental was no longer out, or due on another day."""

    centre: CentreRef
    notice_id: IdRef
    resident_id: IdRef
    topic: NoticeTopic
    about: IdRef
    dropped_at: datetime


@event(stream="notice-{notice_id}")
class NoticeSent(events.NoticeSent):
    """The channel took the notice."""

    sent_at: datetime


@event(stream="notice-{notice_id}")
class NoticeFailed(events.NoticeFailed):
    """The notice can't be sent; ``reason`` is a code, never an address."""

    failed_at: datetime


# -- commands --


@command
class QueueNotice:
    """Tell a resident something once. ``about`` is the rental; ``due_on`` the day that a receipt or reminder names."""

    notice_id: str
    centre: str
    topic: NoticeTopic
    about: str
    resident_id: str | None = None
    barcode: str | None = None
    due_on: date | None = None


@command
class RecordSent:
    """Record that the channel took the notice."""

    notice_id: str
    channel: str


@command
class RecordFailed:
    """Record that the notice can't be sent, as there is no address or the channel refused it for good."""

    notice_id: str
    reason: str


# -- refusals --


class NoticeUnknown(Refused):
    """There is no notice {notice_id}."""

    kind = refusals.NOT_FOUND
    ko = "알림 {notice_id}을(를) 찾을 수 없습니다."


class RentalNotYetKnown(Refused):
    """Rental {rental_id} is not known here yet, so it is not known whom to tell; ask again later."""

    kind = refusals.UNAVAILABLE
    ko = "대여 {rental_id} 정보가 아직 도착하지 않아 받는 사람을 알 수 없습니다. 잠시 후 다시 시도하세요."


# -- state --


@state("notice", key="notice_id", stream="notice-{}")
class Notice(views.Notice):
    """A notice as it stands. ``barcode``: the one item that it is about, if it is about one."""

    version: int = 0


def evolve(notice: Notice | None, event: Any) -> Notice | None:
    """The notice after an event."""
    match event:
        case NoticeQueued():
            return make(Notice, event, state="queued", channel=None, reason=None, settled_at=None)
        case NoticeDropped():
            nothing = dict.fromkeys(("barcode", "channel", "reason"))
            at = event.dropped_at
            return make(Notice, event, state="dropped", queued_at=at, settled_at=at, **nothing)
        case NoticeSent() if notice:
            return replace(notice, state="sent", channel=event.channel, settled_at=event.sent_at)
        case NoticeFailed() if notice:
            return replace(notice, state="failed", reason=event.reason, settled_at=event.failed_at)
    return notice
