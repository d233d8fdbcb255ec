"""An announcement: a category's item is ready to be lent, with what it is and how it is used, for everyone to read."""

from datetime import datetime

from services.chassis.domain import Refused, command, event, state
from services.contracts import refusals
from services.contracts.notifications import events, views
from services.contracts.notifications.words import AnnouncementReason
from services.notifications.catalogue.model import Description

# -- events --


@event(stream="announcement-{announcement_id}")
class AnnouncementPublished(events.AnnouncementPublished, Description):
    """The description and the manual of a category are public, as they were at that time."""

    published_at: datetime


# -- commands --


@command
class Announce:
    """Make public that a category's item is ready."""

    announcement_id: str
    centre: str
    category: str
    reason: AnnouncementReason


# -- refusals --


class CategoryNotYetKnown(Refused):
    """Category {category} is not known here yet, so it can't be described to anyone; ask again later."""

    kind = refusals.UNAVAILABLE
    ko = "품목 {category} 정보가 아직 도착하지 않아 공지할 수 없습니다. 잠시 후 다시 시도하세요."


# -- state --


@state("announcement", key="announcement_id", stream="announcement-{}")
class Announcement(views.Announcement):
    """An announcement as it is shown."""

    version: int = 0


def evolve(announcement: Announcement | None, event: AnnouncementPublished) -> Announcement:
    """The announcement as it was published."""
    return Announcement(**vars(event))
