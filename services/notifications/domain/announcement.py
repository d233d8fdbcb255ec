"""An announcement: a category's item is ready to be lent, with what it is and how it is used, for everyone to read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.chassis.kernel import Look, fact, intent, needs, state
from services.notifications.domain.catalogue import Category, CategoryUnheard, Part, category_id


def announcement_id(centre: str, reason: str, occasion: str) -> str:
    """The id of the announcement for an occasion: a category that is new, or the return of one unit from repair."""
    return f"{centre}.{uuid5(NAMESPACE_URL, f'announcement:{reason}:{centre}:{occasion}').hex}"


# -- facts --


@fact("announcement.published", stream="announcement-{announcement_id}")
class AnnouncementPublished:
    """The description and the manual of a category are public, as they were at that time."""

    centre: str
    announcement_id: str
    category: str
    reason: str
    group_code: str
    name_ko: str
    name_en: str
    fee_krw: int
    max_nights: int
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]
    published_at: datetime


# -- intents --


@intent
class Announce:
    """Make public that a category's item is ready."""

    announcement_id: str
    centre: str
    category: str
    reason: str


# -- state --


@state("announcement", key="announcement_id", stream="announcement-{}")
class Announcement:
    """An announcement as it is shown."""

    announcement_id: str
    centre: str
    category: str
    reason: str
    group_code: str
    name_ko: str
    name_en: str
    fee_krw: int
    max_nights: int
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]
    published_at: datetime
    version: int = 0


def evolve(now: Announcement | None, fact: AnnouncementPublished) -> Announcement:
    """What was published is shown as it was."""
    return Announcement(**vars(fact))


# -- decisions --


@needs(lambda cmd: [(Announcement, cmd.announcement_id), (Category, category_id(cmd.centre, cmd.category))])
def announce(cmd: Announce, look: Look, at: datetime) -> list[Any]:
    """An occasion is announced once."""
    if look(Announcement, cmd.announcement_id):
        return []
    category = look(Category, category_id(cmd.centre, cmd.category))
    if category is None:
        raise CategoryUnheard(category=cmd.category)
    return [
        AnnouncementPublished(
            centre=cmd.centre,
            announcement_id=cmd.announcement_id,
            category=cmd.category,
            reason=cmd.reason,
            group_code=category.group_code,
            name_ko=category.name_ko,
            name_en=category.name_en,
            fee_krw=category.fee_krw,
            max_nights=category.max_nights,
            manual_ko=category.manual_ko,
            manual_en=category.manual_en,
            parts=category.parts,
            published_at=at,
        )
    ]
