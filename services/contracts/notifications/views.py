"""What notifications answers."""

from datetime import date, datetime

from services.contracts.base import Won, view
from services.contracts.inventory.words import Group, Part
from services.contracts.notifications.words import AnnouncementReason, ContactState, Language, NoticeState, NoticeTopic


@view
class ContactDetails:
    """How a resident is reached."""

    resident_id: str
    centre: str
    name: str
    phone: str
    email: str | None
    birth_date: date | None
    language: Language


@view
class Contact(ContactDetails):
    """How a resident is reached; `version` is what `If-Match` names to correct it."""

    version: int


@view
class ContactStatus:
    """That a resident can be reached, or not any more, without personal data."""

    resident_id: str
    centre: str
    state: ContactState
    version: int


@view
class Notice:
    """One notice to a resident. ``barcode``: the one item that it is about, if it is about one."""

    notice_id: str
    centre: str
    resident_id: str
    topic: NoticeTopic
    about: str
    barcode: str | None
    state: NoticeState
    channel: str | None
    reason: str | None
    queued_at: datetime
    settled_at: datetime | None
    version: int


@view
class Announcement:
    """A category that became ready, with its description and its manual, as they were then."""

    announcement_id: str
    centre: str
    category: str
    reason: AnnouncementReason
    group: Group
    name_ko: str
    name_en: str
    fee_krw: Won
    max_nights: int
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]
    published_at: datetime
    version: int
