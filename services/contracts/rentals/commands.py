"""What may be asked of rentals."""

from typing import Annotated

from msgspec import Meta

from services.contracts.base import Barcode, Centre, Day, Id, command
from services.contracts.house_rules import RulesDocument
from services.contracts.inventory.words import Nights
from services.contracts.rentals.words import PaymentChoice, ReturnedItem, SuspensionReason, VerificationMethod


@command
class AdoptHouseRules:
    """Put a version of the house rules into force for a centre. The same rules again change nothing."""

    centre: Centre
    rules: RulesDocument


@command
class JoinResident:
    """Enter a resident as a member, not yet verified. Only the id is known here, never the name."""

    resident_id: Id
    centre: Centre


@command
class VerifyResident:
    """Record that staff saw the resident's identity and residence; ``method`` says how."""

    resident_id: Id
    method: VerificationMethod


@command
class SuspendResident:
    """Stop lending to a resident until the day ``until`` (that day included)."""

    resident_id: Id
    until: Day
    reason: SuspensionReason


@command
class ReinstateResident:
    """End a suspension early."""

    resident_id: Id


@command
class RequestRental:
    """Lend items to a resident: they are held, the fee is quoted, and the payment is asked for."""

    rental_id: Id
    resident_id: Id
    barcodes: Annotated[tuple[Barcode, ...], Meta(min_length=1, max_length=20)]
    nights: Nights
    payment: PaymentChoice
    manual_acknowledged: Annotated[bool, Meta(description="the resident was shown the manuals")]


@command
class ReturnItems:
    """Take items back, each with its parts and its condition. A rental ends when its last item is back."""

    rental_id: Id
    items: Annotated[tuple[ReturnedItem, ...], Meta(min_length=1, max_length=20)]
