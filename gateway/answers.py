"""The shapes of what comes back, for the OpenAPI document and its readers.

The services make these documents and the gateway passes them through untouched, so nothing here validates or rebuilds
one; a service may add fields. What can be *asked* is defined in ``services/contracts``.
"""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from services.contracts import billing, inventory, rentals
from services.contracts.notifications import NOTICE_STATES
from services.contracts.schema import ident, krw


class Shape(Schema):
    """A document as a service made it."""

    class Meta:
        unknown = INCLUDE


def _one_of(*states: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(states))


def _maybe(field: type[fields.Field[Any]]) -> fields.Field[Any]:
    return field(required=True, allow_none=True)


class LentItem(Shape):
    """One unit of a rental."""

    barcode = fields.String(required=True)
    category = fields.String(required=True)
    fee_krw = krw(description="ordinary fee of one charged night")
    back = fields.Boolean(required=True)


class Rental(Shape):
    """A rental as it stands."""

    rental_id = ident()
    centre = ident()
    resident_id = ident()
    state = _one_of(*rentals.STATES)
    items = fields.List(fields.Nested(LentItem), required=True)
    nights = fields.Integer(required=True)
    charged_nights = fields.Integer(required=True)
    due_on = fields.Date(required=True)
    due_at = fields.AwareDateTime(required=True)
    fee_krw = krw()
    payment_method = fields.String(required=True)
    payment_id = _maybe(fields.String)
    overdue = fields.Boolean(required=True)
    cancelled_because = _maybe(fields.String)
    rules_version = fields.Integer(required=True)
    requested_at = fields.AwareDateTime(required=True)
    started_at = _maybe(fields.AwareDateTime)
    returned_at = _maybe(fields.AwareDateTime)
    version = fields.Integer(required=True)


class Happened(Shape):
    """One event of a rental's history; ``data`` is the event's own."""

    pos = fields.Integer(required=True)
    type = fields.String(required=True, metadata={"example": "rental.started"})
    version = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    data = fields.Dict(required=True)
    actor = fields.Raw(required=True)
    correlation_id = _maybe(fields.String)


class Quote(Shape):
    """What lending these units would cost, and when they would be due."""

    fee_krw = krw()
    due_on = fields.Date(required=True)


class HouseRules(Shape):
    """The house rules in force."""

    rules = fields.Dict(required=True)


class Registered(Schema):
    """A resident who was just registered."""

    resident_id = ident()
    state = _one_of("unverified", "verified", "suspended")


class Contact(Shape):
    """How a resident is reached."""

    resident_id = ident()
    centre = ident()
    name = fields.String(required=True)
    phone = fields.String(required=True)
    email = _maybe(fields.Email)
    birth_date = _maybe(fields.Date)
    language = fields.String(required=True)


class Membership(Shape):
    """A resident's membership, without a name."""

    resident_id = ident()
    centre = ident()
    state = _one_of("unverified", "verified", "suspended")
    verified_on = _maybe(fields.Date)
    suspended_until = _maybe(fields.Date)
    holdings = fields.List(fields.Raw(), required=True)
    version = fields.Integer(required=True)


class Missing(Schema):
    """What is missing from an answer, and why."""

    code = fields.String(required=True)
    ko = fields.String(required=True)
    en = fields.String(required=True)


class Resident(Membership):
    """A membership with the contact. When the contact can't be read now, it is null and ``warnings`` says so."""

    contact = fields.Nested(Contact, required=True, allow_none=True)
    warnings = fields.List(fields.Nested(Missing))


class Category(Shape):
    """A category with the number of its units and how many of them are free."""

    code = fields.String(required=True)
    group = _one_of(*inventory.GROUPS)
    name_ko = fields.String(required=True)
    name_en = fields.String(required=True)
    fee_krw = krw(description="ordinary fee of one charged night")
    max_nights = fields.Integer(required=True)
    manual_ko = fields.String(required=True)
    manual_en = fields.String(required=True)
    parts = fields.List(fields.Nested(inventory.Part), required=True)
    version = fields.Integer(required=True)
    total = fields.Integer(required=True)
    free = fields.Integer(required=True)


class Item(Shape):
    """One unit."""

    barcode = fields.String(required=True)
    centre = ident()
    category = fields.String(required=True)
    state = _one_of(*inventory.STATES)
    version = fields.Integer(required=True)


class Repair(Shape):
    """One repair."""

    repair_id = ident()
    barcode = fields.String(required=True)
    state = _one_of("open", "sent", "mended", "scrapped")
    version = fields.Integer(required=True)


class Holder(Shape):
    """Which rental has a unit."""

    barcode = fields.String(required=True)
    rental_id = ident()
    resident_id = ident()
    state = _one_of(*rentals.STATES)
    due_on = fields.Date(required=True)


class Scanned(Schema):
    """What a scanned barcode is, who has it, and what can be done with it next."""

    item = fields.Nested(Item, required=True)
    category = fields.Nested(Category, required=True, allow_none=True)
    holder = fields.Nested(Holder, required=True, allow_none=True)
    actions = fields.List(fields.String(), required=True)


class PaymentRecord(Shape):
    """One payment."""

    payment_id = ident()
    rental_id = ident()
    amount_krw = krw()
    state = _one_of(*billing.PAYMENT_STATES)
    version = fields.Integer(required=True)


class DamageRecord(Shape):
    """A damage as the house rules in force decided it: ``rule`` is the one that waives it."""

    damage_id = ident()
    rental_id = ident()
    resident_id = ident()
    barcode = fields.String(required=True)
    cause = _one_of(*inventory.CAUSES)
    state = _one_of(*billing.DAMAGE_STATES)
    rule = fields.String(allow_none=True)


class Notice(Shape):
    """One notice to a resident."""

    notice_id = ident()
    resident_id = ident()
    kind = fields.String(required=True)
    about = fields.String(required=True)
    state = _one_of(*NOTICE_STATES)


class Announcement(Shape):
    """A category that became ready, with its description and its manual."""

    announcement_id = ident()
    category = fields.String(required=True)
    reason = fields.String(required=True)


class PublishedEvent(Shape):
    """One published event; ``previous`` is the position of the one before it."""

    pos = fields.Integer(required=True)
    previous = fields.Integer(required=True)
    id = fields.String(required=True)
    type = fields.String(required=True, metadata={"example": "rental.started"})
    stream = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "its number in its stream"})
    schema = fields.Integer(required=True, metadata={"description": "the version of the contract of `data`"})
    at = fields.AwareDateTime(required=True)
    data = fields.Dict(required=True)
    correlation_id = _maybe(fields.String)
    causation_id = _maybe(fields.String)


class Feed(Shape):
    """A page of the feed; ``epoch`` names the log, ``head`` its last position, ``next`` where to go on."""

    epoch = fields.String(required=True)
    head = fields.Integer(required=True)
    data = fields.List(fields.Nested(PublishedEvent), required=True)
    next = _maybe(fields.Integer)
