"""A notice: something a resident is told once about a rental. It knows whom, not how to reach him."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.chassis.kernel import Look, Refused, fact, intent, needs, replace, state, value
from services.notifications.domain.lending import OUT, Centre, RentalSummary

QUEUED, SENT, FAILED, DROPPED = "queued", "sent", "failed", "dropped"
RECEIPT, PAYMENT_FAILED, OVERDUE, RETURNED, REPAIR_CLOSED = (
    "receipt",
    "payment_failed",
    "overdue",
    "returned",
    "repair_closed",
)
DUE_TOMORROW, DUE_TODAY = "due_tomorrow", "due_today"
REMINDERS = {DUE_TOMORROW: timedelta(days=1), DUE_TODAY: timedelta(0)}  # so long before the due day
REMIND_AT = time(9, 0)  # on the centre's clock
EMAIL, NO_ADDRESS = "email", "no_address"


def notice_id(centre: str, kind: str, occasion: str) -> str:
    """The id of the notice of a kind for an occasion (a rental, a repair), the same whenever it is asked for."""
    return f"{centre}.{uuid5(NAMESPACE_URL, f'notice:{kind}:{occasion}').hex}"


# -- values --


@value
class Reminder:
    """A notice that will be due at an instant."""

    notice_id: str
    kind: str
    at: datetime


# -- facts --


@fact("notice.queued", stream="notice-{notice_id}")
class NoticeQueued:
    """A resident is to be told something. ``reminders`` will follow it."""

    centre: str
    notice_id: str
    resident_id: str
    kind: str
    about: str
    barcode: str | None
    reminders: tuple[Reminder, ...]
    queued_at: datetime


@fact("notice.dropped", stream="notice-{notice_id}")
class NoticeDropped:
    """A reminder had become pointless: the rental was no longer out."""

    centre: str
    notice_id: str
    resident_id: str
    kind: str
    about: str
    dropped_at: datetime


@fact("notice.sent", stream="notice-{notice_id}")
class NoticeSent:
    """The channel took the notice."""

    centre: str
    notice_id: str
    resident_id: str
    kind: str
    channel: str
    sent_at: datetime


@fact("notice.failed", stream="notice-{notice_id}")
class NoticeFailed:
    """The notice can't be sent; ``reason`` is a code, never an address."""

    centre: str
    notice_id: str
    resident_id: str
    kind: str
    reason: str
    failed_at: datetime


# -- intents --


@intent
class QueueNotice:
    """Tell a resident something once. ``about`` is the rental; ``due_on`` makes a receipt set the reminders."""

    notice_id: str
    centre: str
    kind: str
    about: str
    resident_id: str | None = None
    barcode: str | None = None
    due_on: date | None = None


@intent
class RecordSent:
    """The channel took the notice."""

    notice_id: str
    channel: str


@intent
class RecordFailed:
    """The channel refused the notice for good."""

    notice_id: str
    reason: str


# -- refusals --


class NoticeUnknown(Refused):
    """There is no notice {notice_id}."""

    kind = "not_found"
    ko = "알림 {notice_id}을(를) 찾을 수 없습니다."


class RentalUnheard(Refused):
    """Rental {rental_id} has not been heard of yet, so it is not known whom to tell; ask again later."""

    kind = "unavailable"
    ko = "대여 {rental_id} 정보가 아직 도착하지 않아 받는 사람을 알 수 없습니다. 잠시 후 다시 시도하세요."


# -- state --


@state("notice", key="notice_id", stream="notice-{}")
class Notice:
    """A notice as it stands. ``barcode``: the one unit that it is about, if it is about one."""

    notice_id: str
    centre: str
    resident_id: str
    kind: str
    about: str
    barcode: str | None
    state: str
    channel: str | None
    reason: str | None
    queued_at: datetime
    settled_at: datetime | None
    version: int = 0


def evolve(now: Notice | None, fact: Any) -> Notice | None:
    """The notice after a fact."""
    match fact:
        case NoticeQueued():
            return _begun(fact, QUEUED, fact.barcode, fact.queued_at, None)
        case NoticeDropped():
            return _begun(fact, DROPPED, None, fact.dropped_at, fact.dropped_at)
        case NoticeSent() if now:
            return replace(now, state=SENT, channel=fact.channel, settled_at=fact.sent_at)
        case NoticeFailed() if now:
            return replace(now, state=FAILED, reason=fact.reason, settled_at=fact.failed_at)
        case _:
            return now


def _begun(
    fact: NoticeQueued | NoticeDropped, state: str, barcode: str | None, at: datetime, settled_at: datetime | None
) -> Notice:
    return Notice(
        notice_id=fact.notice_id,
        centre=fact.centre,
        resident_id=fact.resident_id,
        kind=fact.kind,
        about=fact.about,
        barcode=barcode,
        state=state,
        channel=None,
        reason=None,
        queued_at=at,
        settled_at=settled_at,
    )


# -- decisions --


@needs(lambda cmd: [(Notice, cmd.notice_id), (RentalSummary, cmd.about), (Centre, cmd.centre)])
def queue(cmd: QueueNotice, look: Look, at: datetime) -> list[Any]:
    """Tell it once. A reminder of a rental that is no longer out is dropped."""
    if look(Notice, cmd.notice_id):
        return []
    rental = look(RentalSummary, cmd.about)
    resident_id = cmd.resident_id or (rental.resident_id if rental else None)
    if resident_id is None:
        raise RentalUnheard(rental_id=cmd.about)
    about = {
        "centre": cmd.centre,
        "notice_id": cmd.notice_id,
        "resident_id": resident_id,
        "kind": cmd.kind,
        "about": cmd.about,
    }
    if cmd.kind in REMINDERS and (rental is None or rental.state != OUT):
        return [NoticeDropped(**about, dropped_at=at)]
    reminders = tuple(_reminders(cmd, look(Centre, cmd.centre), at))
    return [NoticeQueued(**about, barcode=cmd.barcode, reminders=reminders, queued_at=at)]


def _reminders(cmd: QueueNotice, centre: Centre | None, at: datetime) -> Iterable[Reminder]:
    if cmd.kind != RECEIPT or cmd.due_on is None or centre is None:
        return
    for kind, before in REMINDERS.items():
        when = centre.instant(cmd.due_on - before, REMIND_AT)
        if when > at:
            occasion = f"{cmd.about}:{cmd.due_on.isoformat()}"  # another due day is another reminder
            yield Reminder(notice_id=notice_id(cmd.centre, kind, occasion), kind=kind, at=when)


def _notice(look: Look, notice_id: str) -> Notice:
    notice = look(Notice, notice_id)
    if notice is None:
        raise NoticeUnknown(notice_id=notice_id)
    return notice


@needs(lambda cmd: [(Notice, cmd.notice_id)])
def record_sent(cmd: RecordSent, look: Look, at: datetime) -> list[Any]:
    """A notice is sent once, also when the channel took it twice."""
    notice = _notice(look, cmd.notice_id)
    return [NoticeSent(**_about(notice), channel=cmd.channel, sent_at=at)] if notice.state == QUEUED else []


@needs(lambda cmd: [(Notice, cmd.notice_id)])
def record_failed(cmd: RecordFailed, look: Look, at: datetime) -> list[Any]:
    """What was sent can't fail any more."""
    notice = _notice(look, cmd.notice_id)
    return [NoticeFailed(**_about(notice), reason=cmd.reason, failed_at=at)] if notice.state == QUEUED else []


def _about(notice: Notice) -> dict[str, str]:
    return {
        "centre": notice.centre,
        "notice_id": notice.notice_id,
        "resident_id": notice.resident_id,
        "kind": notice.kind,
    }
