"""The door of notifications: everything that can be asked of it, and everything that it does by itself."""

from services.chassis.definition import Service, command
from services.chassis.entrypoints import Door
from services.contracts import notifications as wire
from services.notifications.domain import announcement, contact, notice
from services.notifications.outside import outside
from services.notifications.projections import VIEWS
from services.notifications.publish import PUBLISH
from services.notifications.queries import QUERIES
from services.notifications.reactions import HEARS, JOBS, REACTIONS, SCHEDULE

SERVICE = Service(
    name="notifications",
    commands=(
        command(wire.RegisterContact, contact.RegisterContact, contact.register, contact.Reachable),
        command(wire.QueueNotice, notice.QueueNotice, notice.queue, notice.Notice),
        command(wire.RecordSent, notice.RecordSent, notice.record_sent, notice.Notice),
        command(wire.RecordFailed, notice.RecordFailed, notice.record_failed, notice.Notice),
        command(wire.Announce, announcement.Announce, announcement.announce, announcement.Announcement),
    ),
    views=VIEWS,
    queries=QUERIES,
    publish=PUBLISH,
    hears=HEARS,
    reactions=REACTIONS,
    schedule=SCHEDULE,
    jobs=JOBS,
    outside=outside,
)


class Notifications(Door):
    """Notifications at the door of nameko."""

    name = "notifications"
    service = SERVICE
