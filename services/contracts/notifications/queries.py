"""What may be read of notifications."""

from typing import Annotated

from msgspec import Meta

from services.contracts.base import Centre, Id, Page, query
from services.contracts.notifications import views


@query(views.Contact)
class Contact:
    """How one resident is reached."""

    resident_id: Id


@query(views.Contact, paged=True)
class Contacts(Page):
    """Find residents by phone or by the beginning of the name."""

    centre: Centre
    phone: Annotated[str, Meta(min_length=4, max_length=20)] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


@query(views.Notice, paged=True)
class Notices(Page):
    """Notices to a resident or about a rental, newest first."""

    centre: Centre
    resident_id: Id | None = None
    about: Id | None = None


@query(views.Announcement, paged=True)
class Announcements(Page):
    """What became ready, newest first, each with its description and manual."""

    centre: Centre
