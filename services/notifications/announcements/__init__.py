"""Announcements (공지): what became ready to be lent, for everyone to read."""

from services.chassis.readmodels.paging import list_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.notifications.queries import Announcements
from services.notifications.announcements.decisions import announce
from services.notifications.announcements.model import Announce, Announcement, AnnouncementPublished, evolve
from services.notifications.announcements.policies import POLICIES

CAPABILITY = Capability(
    "announcements",
    commands=(CommandHandler(Announce, announce),),
    projections=(Projection(Announcement, evolve, (AnnouncementPublished,)),),
    policies=POLICIES,
    queries=(list_query(Announcements, Announcement, by="published_at"),),
)
