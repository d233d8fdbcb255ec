"""What notifications publishes."""

from services.contracts.base import integration_event
from services.contracts.notifications.words import AnnouncementReason, NoticeTopic


@integration_event("contact.registered")
class ContactRegistered:
    """A resident can be reached. The name, the phone and the mail address stay in notifications."""

    centre: str
    resident_id: str


@integration_event("notice.sent")
class NoticeSent:
    """A notice went out."""

    centre: str
    notice_id: str
    resident_id: str
    topic: NoticeTopic
    channel: str


@integration_event("notice.failed")
class NoticeFailed:
    """A notice could not be sent."""

    centre: str
    notice_id: str
    resident_id: str
    topic: NoticeTopic
    reason: str


@integration_event("announcement.published")
class AnnouncementPublished:
    """A category's item is ready, and its description and manual are public."""

    centre: str
    announcement_id: str
    category: str
    reason: AnnouncementReason
