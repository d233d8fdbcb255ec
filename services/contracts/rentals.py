"""Rentals: residents' membership, rentals, house rules. What may be asked of it, and what it publishes."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.contracts.inventory import CAUSES, CONDITIONS
from services.contracts.schema import BARCODE, Command, Page, Published, Query, barcode, ident, krw

METHODS = ("card_terminal",)
STATES = ("awaiting_payment", "out", "returned", "cancelled")
ENDINGS = ("payment_declined", "payment_unanswered")


class Payment(Schema):
    """How the fee is paid."""

    method = fields.String(required=True, validate=validate.Length(1, 40), metadata={"example": "card_terminal"})


class ReturnedItem(Schema):
    """What the desk found on one unit: its condition, the cause of a damage, the parts that are missing."""

    barcode = barcode()
    condition = fields.String(required=True, validate=validate.OneOf(CONDITIONS))
    cause = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(CAUSES))
    missing = fields.List(
        fields.String(validate=validate.Length(1, 100)), load_default=list, validate=validate.Length(max=50)
    )


# -- commands --


class AdoptHouseRules(Command):
    """Put a version of the house rules into force for a centre. The rules are data."""

    centre = ident()
    rules = fields.Dict(required=True)


class JoinResident(Command):
    """Enter a resident as a member, not yet verified. Only the id is known here, never the name."""

    resident_id = ident()
    centre = ident()


class VerifyResident(Command):
    """Record that staff saw the resident's identity and residence; ``method`` says how."""

    resident_id = ident()
    method = fields.String(required=True, validate=validate.OneOf(("id_card", "mobile_id", "resident_register")))


class SuspendResident(Command):
    """Stop lending to a resident until the day ``until`` (that day included)."""

    resident_id = ident()
    until = fields.Date(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(("late", "conduct", "unsettled")))


class ReinstateResident(Command):
    """End a suspension early."""

    resident_id = ident()


class EndSuspension(Command):
    """The last day ``until`` of a suspension is over."""

    resident_id = ident()
    until = fields.Date(required=True)


class StartRental(Command):
    """Lend units to a resident: they are held, the fee is quoted, and the payment is asked for."""

    rental_id = ident()
    resident_id = ident()
    barcodes = fields.List(barcode(), required=True, validate=validate.Length(1, 20))
    nights = fields.Integer(required=True, strict=True, validate=validate.Range(1, 365), metadata={"example": 2})
    payment = fields.Nested(Payment, required=True)
    manual_acknowledged = fields.Boolean(required=True, metadata={"description": "the resident was shown the manuals"})


class ConfirmPayment(Command):
    """The fee was captured: the units are out."""

    rental_id = ident()
    payment_id = ident()


class DeclinePayment(Command):
    """The card was declined: the units are released."""

    rental_id = ident()


class ExpirePayment(Command):
    """Nobody answered in time: the units are released."""

    rental_id = ident()


class ReturnItems(Command):
    """Take units back, each with its parts and its condition. A rental ends when its last unit is back."""

    rental_id = ident()
    items = fields.List(fields.Nested(ReturnedItem), required=True, validate=validate.Length(1, 20))


class MarkOverdue(Command):
    """The due day is over."""

    rental_id = ident()


class ReleaseItem(Command):
    """Inventory says that a unit that came back is ready again."""

    barcode = barcode()
    rental_id = ident()


# -- queries --


class Rental(Query):
    """One rental as it stands, or as it stood at the instant ``as_of``."""

    rental_id = ident()
    as_of = fields.AwareDateTime(load_default=None)


class Rentals(Page):
    """Rentals, newest first."""

    centre = ident()
    resident_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    overdue = fields.Boolean(load_default=None)


class Resident(Query):
    """A resident's membership: state, verification, suspension, what is out."""

    resident_id = ident()


class Quote(Query):
    """What lending these units for so many nights would cost, and when they would be due."""

    centre = ident()
    barcodes = fields.List(fields.String(validate=BARCODE), required=True, validate=validate.Length(1, 20))
    nights = fields.Integer(required=True, validate=validate.Range(1, 365))
    resident_id = fields.String(load_default=None)


class Holder(Query):
    """Which rental has a unit now."""

    barcode = fields.String(required=True, validate=BARCODE)


class HouseRules(Query):
    """The rules in force."""

    centre = ident()


# -- published --


class RentedItem(Schema):
    """One unit of a rental with its ordinary nightly fee."""

    barcode = barcode()
    category = fields.String(required=True)
    fee_krw = krw()


class CheckedItem(Schema):
    """One unit that came back; ``ready_from`` is when its cleaning buffer ends, null when it needs none."""

    barcode = barcode()
    category = fields.String(required=True)
    condition = fields.String(required=True)
    cause = fields.String(required=True, allow_none=True)
    missing = fields.List(fields.String(), required=True)
    ready_from = fields.AwareDateTime(required=True, allow_none=True)


class HouseRulesAdopted(Published):
    """A version of the house rules is in force."""

    type_name = "house_rules.adopted"
    centre = ident()
    rules_version = fields.Integer(required=True)
    rules = fields.Dict(required=True)


class ResidentJoined(Published):
    """A resident became a member."""

    type_name = "resident.joined"
    centre = ident()
    resident_id = ident()


class ResidentVerified(Published):
    """Staff saw the resident's identity."""

    type_name = "resident.verified"
    centre = ident()
    resident_id = ident()
    method = fields.String(required=True)
    verified_on = fields.Date(required=True)


class ResidentSuspended(Published):
    """Nothing is lent to the resident until ``until`` is over."""

    type_name = "resident.suspended"
    centre = ident()
    resident_id = ident()
    until = fields.Date(required=True)
    reason = fields.String(required=True)


class ResidentReinstated(Published):
    """A suspension is over, by its time or early."""

    type_name = "resident.reinstated"
    centre = ident()
    resident_id = ident()


class RentalRequested(Published):
    """Units are held for a resident at the desk, and the fee is quoted."""

    type_name = "rental.requested"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    items = fields.List(fields.Nested(RentedItem), required=True)
    nights = fields.Integer(required=True)
    charged_nights = fields.Integer(required=True)
    due_on = fields.Date(required=True)
    due_at = fields.AwareDateTime(required=True)
    fee_krw = krw()
    payment_method = fields.String(required=True)
    rules_version = fields.Integer(required=True)
    requested_at = fields.AwareDateTime(required=True)


class RentalStarted(Published):
    """The fee is paid (or nothing was due), and the units are out."""

    type_name = "rental.started"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    items = fields.List(fields.Nested(RentedItem), required=True)
    due_on = fields.Date(required=True)
    due_at = fields.AwareDateTime(required=True)
    fee_krw = krw()
    payment_id = fields.String(required=True, allow_none=True)
    started_at = fields.AwareDateTime(required=True)


class RentalCancelled(Published):
    """The rental came to nothing, and the units are released; ``reason``: payment_declined or payment_unanswered."""

    type_name = "rental.cancelled"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    barcodes = fields.List(fields.String(), required=True)
    reason = fields.String(required=True, validate=validate.OneOf(ENDINGS))


class RentalItemsReturned(Published):
    """Units of a rental came back."""

    type_name = "rental.items_returned"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    items = fields.List(fields.Nested(CheckedItem), required=True)
    still_out = fields.List(fields.String(), required=True)
    late_days = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    returned_at = fields.AwareDateTime(required=True)


class RentalReturned(Published):
    """The last unit of a rental is back."""

    type_name = "rental.returned"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    late_days = fields.Integer(required=True)
    returned_at = fields.AwareDateTime(required=True)


class RentalOverdue(Published):
    """The due day is over, and units are still out."""

    type_name = "rental.overdue"
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    barcodes = fields.List(fields.String(), required=True)
    due_on = fields.Date(required=True)
