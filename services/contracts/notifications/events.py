"""What notifications publishes."""

from services.contracts.base import integration_event
from services.contracts.notifications.words import AnnouncementReason, ForgetReason, NoticeTopic
from services.contracts.texts import CategoryRef, CentreRef, CodeRef, IdRef


@integration_event("contact.registered")
class ContactRegistered:
    """A resident can be reached. The name, the phone and the mail address stay in notifications."""

    centre: CentreRef
    resident_id: IdRef


@integration_event("contact.corrected")
class ContactCorrected:
    """A resident is reached otherwise than before."""

    centre: CentreRef
    resident_id: IdRef


@integration_event("contact.forgotten")
class ContactForgotten:
    """A resident can't be reached any more: the name, the phone and the addresses are gone."""

    centre: CentreRef
    resident_id: IdRef
    reason: ForgetReason


@integration_event("notice.sent")
class NoticeSent:
    """A notice went out."""

    centre: CentreRef
    notice_id: IdRef
    resident_id: IdRef
    topic: NoticeTopic
    channel: CodeRef


@integration_event("notice.failed")
class NoticeFailed:
    """A notice could not be sent."""

    centre: CentreRef
    notice_id: IdRef
    resident_id: IdRef
    topic: NoticeTopic
    reason: CodeRef


@integration_event("announcement.published")
class AnnouncementPublished:
    """A category's item is ready, and its description and manual are public."""

    centre: CentreRef
    announcement_id: IdRef
    category: CategoryRef
    reason: AnnouncementReason
