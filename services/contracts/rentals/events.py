"""What rentals publishes."""

from datetime import date, datetime

from services.contracts.base import Won, integration_event
from services.contracts.house_rules import RulesDocument
from services.contracts.rentals.words import (
    CancellationReason,
    CheckedItem,
    RentedItem,
    SuspensionReason,
    VerificationMethod,
)
from services.contracts.texts import BarcodeRef, CategoryRef, CentreRef, CodeRef, IdRef


@integration_event("house_rules.adopted")
class HouseRulesAdopted:
    """A version of the house rules is in force."""

    centre: CentreRef
    rules_version: int
    rules: RulesDocument


@integration_event("resident.joined")
class ResidentJoined:
    """A resident became a member."""

    centre: CentreRef
    resident_id: IdRef


@integration_event("resident.verified")
class ResidentVerified:
    """Staff saw the resident's identity."""

    centre: CentreRef
    resident_id: IdRef
    method: VerificationMethod
    verified_on: date


@integration_event("resident.suspended")
class ResidentSuspended:
    """Nothing is lent to the resident until ``until`` is over."""

    centre: CentreRef
    resident_id: IdRef
    until: date
    reason: SuspensionReason


@integration_event("resident.reinstated")
class ResidentReinstated:
    """A suspension is over, by its time or early."""

    centre: CentreRef
    resident_id: IdRef


@integration_event("rental.requested")
class RentalRequested:
    """Items are held for a resident at the desk, and the fee is quoted."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    items: tuple[RentedItem, ...]
    nights: int
    charged_nights: int
    due_on: date
    due_at: datetime
    fee_krw: Won
    payment_method: CodeRef
    rules_version: int
    requested_at: datetime


@integration_event("rental.started")
class RentalStarted:
    """The fee is paid (or nothing was due), and the items are out."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    items: tuple[RentedItem, ...]
    due_on: date
    due_at: datetime
    fee_krw: Won
    payment_id: IdRef | None
    started_at: datetime


@integration_event("rental.cancelled")
class RentalCancelled:
    """The rental came to nothing, and the items are released. ``categories`` has the category of each barcode."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    barcodes: tuple[BarcodeRef, ...]
    categories: tuple[CategoryRef, ...]
    reason: CancellationReason


@integration_event("rental.items_returned")
class RentalItemsReturned:
    """Items of a rental came back."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    items: tuple[CheckedItem, ...]
    still_out: tuple[BarcodeRef, ...]
    late_days: int
    rules_version: int
    returned_at: datetime


@integration_event("rental.returned")
class RentalReturned:
    """The last item of a rental is back."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    late_days: int
    returned_at: datetime


@integration_event("rental.marked_overdue")
class RentalMarkedOverdue:
    """The due day is over, and items are still out. ``categories`` has the category of each barcode."""

    centre: CentreRef
    rental_id: IdRef
    resident_id: IdRef
    barcodes: tuple[BarcodeRef, ...]
    categories: tuple[CategoryRef, ...]
    due_on: date
