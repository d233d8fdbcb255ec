"""The enumerations of rentals, and the values that several of its contracts share."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from services.contracts.base import Barcode, Code, Won, value
from services.contracts.inventory.words import Cause, Condition, MissingPart
from services.contracts.texts import BarcodeRef, CategoryRef

RentalState = Literal["awaiting_payment", "out", "returned", "cancelled"]
HolderState = Literal["held", "out", "checking"]
MembershipState = Literal["unverified", "verified", "suspended"]
VerificationMethod = Literal["id_card", "mobile_id", "resident_register"]
SuspensionReason = Literal["late", "conduct", "unsettled"]
CancellationReason = Literal["payment_declined", "payment_unanswered"]


@value
class PaymentChoice:
    """How the fee is paid."""

    method: Code


@value
class ReturnedItem:
    """What the desk found on one item: its condition, the cause of a damage, the parts that are missing."""

    barcode: Barcode
    condition: Condition
    cause: Cause | None = None
    missing: Annotated[tuple[MissingPart, ...], Meta(max_length=50)] = ()


@value
class RentedItem:
    """One item of a rental with its nightly fee at the time."""

    barcode: BarcodeRef
    category: CategoryRef
    fee_krw: Won


@value
class RentalLine:
    """One item of a rental as it stands; ``back`` once it was returned."""

    barcode: str
    category: str
    fee_krw: Won
    back: bool = False


@value
class CheckedItem:
    """One item that came back; ``ready_from`` is when its cleaning buffer ends, null when it needs none."""

    barcode: BarcodeRef
    category: CategoryRef
    condition: Condition
    cause: Cause | None
    missing: tuple[MissingPart, ...]
    ready_from: datetime | None


@value
class Holding:
    """One item that a resident has, or that is held for them at the desk."""

    barcode: str
    category: str
    rental_id: str
