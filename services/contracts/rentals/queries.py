"""What may be read of rentals."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from services.contracts.base import Barcode, Centre, Id, Page, query
from services.contracts.inventory.words import Nights
from services.contracts.rentals import views
from services.contracts.rentals.words import RentalState


@query(views.Rental)
class Rental:
    """One rental as it stands, or as it stood at the instant ``as_of``."""

    rental_id: Id
    as_of: Annotated[datetime, Meta(tz=True)] | None = None


@query(views.Rental, paged=True)
class Rentals(Page):
    """Rentals, newest first."""

    centre: Centre
    resident_id: Id | None = None
    state: RentalState | None = None
    overdue: bool | None = None


@query(views.Membership)
class Membership:
    """A resident's membership: state, verification, suspension, what is out."""

    resident_id: Id


@query(views.Quote)
class Quote:
    """What lending these items for so many nights would cost, and when they would be due."""

    centre: Centre
    barcodes: Annotated[tuple[Barcode, ...], Meta(min_length=1, max_length=20)]
    nights: Nights
    resident_id: Id | None = None


@query(views.Holder)
class Holder:
    """Which rental has an item now."""

    centre: Centre
    barcode: Barcode


@query(views.HouseRules)
class HouseRules:
    """The rules in force."""

    centre: Centre
