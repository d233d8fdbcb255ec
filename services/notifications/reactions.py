"""What follows from a fact: another service's fact becomes our intent, our own sends letters and sets reminders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.chassis.definition import Errand, Later, Timer, TryAgain
from services.chassis.kernel import Heard
from services.contracts import inventory, rentals
from services.notifications.domain import announcement, notice
from services.notifications.outside import Letterbox, Undeliverable

HEARS = {
    ("inventory", "category.described"): inventory.CategoryDescribed,
    ("inventory", "item.ready"): inventory.ItemReady,
    ("inventory", "repair.returned"): inventory.RepairReturned,
    ("rentals", "house_rules.adopted"): rentals.HouseRulesAdopted,
    ("rentals", "rental.requested"): rentals.RentalRequested,
    ("rentals", "rental.started"): rentals.RentalStarted,
    ("rentals", "rental.cancelled"): rentals.RentalCancelled,
    ("rentals", "rental.overdue"): rentals.RentalOverdue,
    ("rentals", "rental.items_returned"): rentals.RentalItemsReturned,
    ("rentals", "rental.returned"): rentals.RentalReturned,
}


def _notice(heard: Heard, kind: str, occasion: str, **more: Any) -> notice.QueueNotice:
    data = heard.data
    return notice.QueueNotice(
        notice_id=notice.notice_id(data["centre"], kind, occasion),
        centre=data["centre"],
        kind=kind,
        about=data["rental_id"],
        resident_id=data.get("resident_id"),
        **more,
    )


def started(heard: Heard) -> Iterable[Any]:
    """The units are out: a receipt, which brings the reminders with it."""
    yield _notice(heard, notice.RECEIPT, heard.data["rental_id"], due_on=heard.data["due_on"])


def cancelled(heard: Heard) -> Iterable[Any]:
    """The rental came to nothing, as it was not paid."""
    yield _notice(heard, notice.PAYMENT_FAILED, heard.data["rental_id"])


def overdue(heard: Heard) -> Iterable[Any]:
    """The due day is over."""
    yield _notice(heard, notice.OVERDUE, f"{heard.data['rental_id']}:{heard.data['due_on'].isoformat()}")


def returned(heard: Heard) -> Iterable[Any]:
    """The last unit is back."""
    yield _notice(heard, notice.RETURNED, heard.data["rental_id"])


def repaired(heard: Heard) -> Iterable[Any]:
    """What broke during a rental is mended: whoever reported it hears how it ended."""
    if heard.data["mended"] and heard.data["rental_id"]:
        yield _notice(heard, notice.REPAIR_CLOSED, heard.data["repair_id"], barcode=heard.data["barcode"])


def ready(heard: Heard) -> Iterable[Any]:
    """A category's first unit is ready, or a unit is back from repair: everyone may know, and read the manual."""
    data = heard.data
    occasions = {"new": data["category"], "repaired": heard.id}
    if data["reason"] in occasions:
        yield announcement.Announce(
            announcement_id=announcement.announcement_id(data["centre"], data["reason"], occasions[data["reason"]]),
            centre=data["centre"],
            category=data["category"],
            reason=data["reason"],
        )


REACTIONS = {
    ("inventory", "item.ready"): ready,
    ("inventory", "repair.returned"): repaired,
    ("rentals", "rental.started"): started,
    ("rentals", "rental.cancelled"): cancelled,
    ("rentals", "rental.overdue"): overdue,
    ("rentals", "rental.returned"): returned,
}


def queued(fact: notice.NoticeQueued) -> Iterable[Later]:
    """The letter goes out at once; its reminders follow when their time has come."""
    yield Later("send", {"notice_id": fact.notice_id})
    for reminder in fact.reminders:
        data = {
            "notice_id": reminder.notice_id,
            "centre": fact.centre,
            "kind": reminder.kind,
            "about": fact.about,
            "resident_id": fact.resident_id,
        }
        yield Later("remind", data, reminder.at)


SCHEDULE: dict[type, Callable[[Any], Iterable[Later]]] = {notice.NoticeQueued: queued}


def send(letterbox: Letterbox, data: Mapping[str, Any]) -> Iterable[Any]:
    """Write the letter with what is known now, and post it. Who has no address can't be written to."""
    notice_id = data["notice_id"]
    draft = letterbox.draft(notice_id)
    if draft is None:
        raise TryAgain("the rental that the letter is about has not been heard of yet", after=5.0)
    if draft.notice.state != notice.QUEUED:
        return
    if draft.contact is None or not draft.contact.email:
        yield notice.RecordFailed(notice_id=notice_id, reason=notice.NO_ADDRESS)
        return
    try:
        letterbox.post(notice_id, draft.contact.email, letterbox.letter(draft, draft.contact))
    except Undeliverable as refused:
        yield notice.RecordFailed(notice_id=notice_id, reason=refused.reason)
        return
    yield notice.RecordSent(notice_id=notice_id, channel=notice.EMAIL)


JOBS: dict[str, Timer | Errand] = {"send": Errand(send), "remind": Timer(lambda data: notice.QueueNotice(**data))}
