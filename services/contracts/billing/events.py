"""What billing publishes."""

from datetime import datetime

from services.contracts.base import Won, integration_event
from services.contracts.billing.words import DeclineReason
from services.contracts.inventory.words import Cause
from services.contracts.texts import BarcodeRef, CentreRef, CodeRef, IdRef


@integration_event("payment.captured")
class PaymentCaptured:
    """The fee was taken."""

    centre: CentreRef
    payment_id: IdRef
    rental_id: IdRef
    amount_krw: Won
    captured_at: datetime


@integration_event("payment.declined")
class PaymentDeclined:
    """The card was declined; nothing was taken."""

    centre: CentreRef
    payment_id: IdRef
    rental_id: IdRef
    reason: DeclineReason


@integration_event("payment.refunded")
class PaymentRefunded:
    """So much of what was taken was given back; more of it may follow."""

    centre: CentreRef
    payment_id: IdRef
    rental_id: IdRef
    amount_krw: Won


@integration_event("charge.waived")
class ChargeWaived:
    """Nobody pays for a damage: the no-fault rule, with the cause that it rests on and the rules' version."""

    centre: CentreRef
    rental_id: IdRef
    barcode: BarcodeRef
    cause: Cause
    rule: CodeRef
    rules_version: int


@integration_event("charge.opened")
class ChargeOpened:
    """A damage that the no-fault rule doesn't cover: a manager settles it with the resident."""

    centre: CentreRef
    rental_id: IdRef
    barcode: BarcodeRef
    cause: Cause
    rules_version: int
