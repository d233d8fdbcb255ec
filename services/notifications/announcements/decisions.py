"""Decisions about announcements."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, make, reads
from services.contracts.base import id_of
from services.notifications.announcements.model import (
    Announce,
    Announcement,
    AnnouncementPublished,
    CategoryNotYetKnown,
)
from services.notifications.catalogue.model import Category


@reads(lambda command: [(Announcement, command.announcement_id), (Category, id_of(command.centre, command.category))])
def announce(command: Announce, read: StateReader, now: datetime) -> list[Any]:
    """Publish the category's description; an occasion is announced once."""
    if read(Announcement, command.announcement_id):
        return []
    category = read(Category, id_of(command.centre, command.category))
    if category is None:
        raise CategoryNotYetKnown(category=command.category)
    return [make(AnnouncementPublished, category, **vars(command), published_at=now)]
