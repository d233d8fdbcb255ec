"""What leaves the service. A fact that is absent here is private, and so is a field that the contract lacks."""

from services.contracts import notifications as wire
from services.notifications.domain import announcement, contact, notice

PUBLISH = {
    contact.ContactRegistered: wire.ContactRegistered,
    notice.NoticeSent: wire.NoticeSent,
    notice.NoticeFailed: wire.NoticeFailed,
    announcement.AnnouncementPublished: wire.AnnouncementPublished,
}
