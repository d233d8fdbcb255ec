"""Notifications: contacts, notices, announcements. What may be asked of it, and what it publishes."""

from __future__ import annotations

from marshmallow import fields, validate

from services.contracts.schema import BARCODE, ID, Command, Page, Published, Query, ident

KINDS = ("receipt", "payment_failed", "due_tomorrow", "due_today", "overdue", "returned", "repair_closed")
NOTICE_STATES = ("queued", "sent", "failed", "dropped")
PHONE = validate.Regexp(r"^0\d{1,2}-\d{3,4}-\d{4}\Z", error="A phone number is written as 010-1234-5678.")

# -- commands --


class RegisterContact(Command):
    """Keep how a resident is reached. The only personal data of the whole system lives behind this command."""

    resident_id = ident()
    centre = ident()
    name = fields.String(required=True, validate=validate.Length(1, 100), metadata={"example": "김나눔"})
    phone = fields.String(required=True, validate=PHONE, metadata={"example": "010-1234-5678"})
    email = fields.Email(load_default=None, allow_none=True, metadata={"example": "nanum@example.org"})
    birth_date = fields.Date(load_default=None, allow_none=True)
    language = fields.String(load_default="ko", validate=validate.OneOf(("ko", "en")))


class QueueNotice(Command):
    """Tell a resident something once; ``kind`` names the template.

    Without ``resident_id`` it goes to whoever had the rental. ``due_on`` makes a receipt set the reminders.
    """

    notice_id = ident()
    centre = ident()
    resident_id = fields.String(load_default=None, allow_none=True, validate=ID)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    about = ident(description="the rental that it is about")
    barcode = fields.String(load_default=None, allow_none=True, validate=BARCODE)
    due_on = fields.Date(load_default=None, allow_none=True)


class RecordSent(Command):
    """The channel took the notice."""

    notice_id = ident()
    channel = fields.String(required=True)


class RecordFailed(Command):
    """The channel refused the notice for good."""

    notice_id = ident()
    reason = fields.String(required=True)


class Announce(Command):
    """Make public that a category's item is ready, with its description and its manual."""

    announcement_id = ident()
    centre = ident()
    category = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(("new", "repaired")))


# -- queries --


class Contact(Query):
    """How one resident is reached."""

    resident_id = ident()


class Contacts(Page):
    """Find residents by phone or by the beginning of the name."""

    centre = ident()
    phone = fields.String(load_default=None, validate=validate.Length(4, 20))
    name = fields.String(load_default=None, validate=validate.Length(1, 100))


class Notices(Page):
    """Notices to a resident or about a rental, newest first."""

    centre = ident()
    resident_id = fields.String(load_default=None)
    about = fields.String(load_default=None)


class Announcements(Page):
    """What became ready, newest first, each with its description and manual."""

    centre = ident()


# -- published --


class ContactRegistered(Published):
    """A resident can be reached. The name, the phone and the mail address stay in notifications."""

    type_name = "contact.registered"
    centre = ident()
    resident_id = ident()


class NoticeSent(Published):
    """A notice went out."""

    type_name = "notice.sent"
    centre = ident()
    notice_id = ident()
    resident_id = ident()
    kind = fields.String(required=True)
    channel = fields.String(required=True)


class NoticeFailed(Published):
    """A notice could not be sent."""

    type_name = "notice.failed"
    centre = ident()
    notice_id = ident()
    resident_id = ident()
    kind = fields.String(required=True)
    reason = fields.String(required=True)


class AnnouncementPublished(Published):
    """A category's item is ready, and its description and manual are public."""

    type_name = "announcement.published"
    centre = ident()
    announcement_id = ident()
    category = fields.String(required=True)
    reason = fields.String(required=True)
