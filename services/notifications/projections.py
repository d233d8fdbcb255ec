"""Facts to rows: which rows each fact touches, and the fold that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.chassis.definition import View, record
from services.notifications.domain import announcement, catalogue, contact, lending, notice


def _of_notice(fact: Any) -> Iterable[str]:
    return (fact.notice_id,)


def _heard_rental(heard: Any) -> Iterable[str]:
    return (heard.data["rental_id"],)


VIEWS = (
    record(contact.Contact),
    View(contact.Reachable, contact.evolve, {contact.ContactRegistered: lambda f: (f.resident_id,)}),
    View(
        notice.Notice,
        notice.evolve,
        {
            notice.NoticeQueued: _of_notice,
            notice.NoticeDropped: _of_notice,
            notice.NoticeSent: _of_notice,
            notice.NoticeFailed: _of_notice,
        },
    ),
    View(
        announcement.Announcement,
        announcement.evolve,
        {announcement.AnnouncementPublished: lambda f: (f.announcement_id,)},
    ),
    View(
        lending.RentalSummary,
        lending.evolve_rental,
        {
            name: _heard_rental
            for name in (
                "rental.requested",
                "rental.started",
                "rental.cancelled",
                "rental.items_returned",
                "rental.returned",
            )
        },
        source="rentals",
    ),
    View(
        lending.Centre,
        lending.evolve_centre,
        {"house_rules.adopted": lambda h: (h.data["centre"],)},
        source="rentals",
    ),
    View(
        catalogue.Category,
        catalogue.evolve,
        {"category.described": lambda h: (catalogue.category_id(h.data["centre"], h.data["code"]),)},
        source="inventory",
    ),
)
