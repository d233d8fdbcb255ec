"""Billing: charges, payments, the ledger. What may be asked of it, and what it publishes."""

from __future__ import annotations

from marshmallow import fields, validate

from services.contracts.inventory import CAUSES
from services.contracts.schema import Command, Page, Published, Query, barcode, ident, krw

PAYMENT_STATES = ("pending", "captured", "declined", "abandoned", "refunded")
DAMAGE_STATES = ("waived", "open")

# -- commands (all but reads come from events and from the terminal's answers) --


class OpenCharge(Command):
    """Ask the card terminal for a rental's fee."""

    payment_id = ident()
    centre = ident()
    rental_id = ident()
    resident_id = ident()
    amount_krw = krw()
    method = fields.String(required=True)


class RecordCapture(Command):
    """The terminal approved."""

    payment_id = ident()
    approval_number = fields.String(required=True, validate=validate.Length(1, 40))


class RecordDecline(Command):
    """The terminal declined; ``reason`` is the terminal's code."""

    payment_id = ident()
    reason = fields.String(required=True, validate=validate.Length(1, 60))


class AbandonCharge(Command):
    """The rental came to nothing: stop asking, and give back what was taken after all."""

    payment_id = ident()


class RecordRefund(Command):
    """The terminal gave the amount back."""

    payment_id = ident()
    approval_number = fields.String(required=True, validate=validate.Length(1, 40))


class AssessDamage(Command):
    """Decide by the house rules who pays for a damage: nobody, for ignorance or inexperience."""

    centre = ident()
    rental_id = ident()
    resident_id = ident()
    barcode = barcode()
    cause = fields.String(required=True, validate=validate.OneOf(CAUSES))


# -- queries --


class Payment(Query):
    """One payment."""

    payment_id = ident()


class Payments(Page):
    """Payments of a rental, or all, newest first."""

    centre = ident()
    rental_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(PAYMENT_STATES))


class Damages(Page):
    """Damages as they were assessed, newest first: ``waived``, or ``open`` until a manager has settled them."""

    centre = ident()
    rental_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(DAMAGE_STATES))


class Ledger(Query):
    """The balance of every account: debits, credits and their difference, in won."""

    centre = ident()


# -- published --


class PaymentCaptured(Published):
    """The fee was taken."""

    type_name = "payment.captured"
    centre = ident()
    payment_id = ident()
    rental_id = ident()
    amount_krw = krw()
    captured_at = fields.AwareDateTime(required=True)


class PaymentDeclined(Published):
    """The card was declined; nothing was taken."""

    type_name = "payment.declined"
    centre = ident()
    payment_id = ident()
    rental_id = ident()
    reason = fields.String(required=True)


class PaymentRefunded(Published):
    """What was taken was given back."""

    type_name = "payment.refunded"
    centre = ident()
    payment_id = ident()
    rental_id = ident()
    amount_krw = krw()


class ChargeWaived(Published):
    """Nobody pays for a damage: the no-fault rule, with the cause that it rests on and the rules' version."""

    type_name = "charge.waived"
    centre = ident()
    rental_id = ident()
    barcode = barcode()
    cause = fields.String(required=True)
    rule = fields.String(required=True)
    rules_version = fields.Integer(required=True)


class ChargeOpened(Published):
    """A damage that the no-fault rule doesn't cover: a manager settles it with the resident."""

    type_name = "charge.opened"
    centre = ident()
    rental_id = ident()
    barcode = barcode()
    cause = fields.String(required=True)
    rules_version = fields.Integer(required=True)
