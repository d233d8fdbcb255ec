"""What rentals answers."""

from datetime import date, datetime

from services.contracts.base import Won, view
from services.contracts.house_rules import RulesDocument
from services.contracts.rentals.words import HolderState, Holding, MembershipState, RentalLine, RentalState


@view
class Rental:
    """A rental as it stands."""

    rental_id: str
    centre: str
    resident_id: str
    state: RentalState
    items: tuple[RentalLine, ...]
    nights: int
    charged_nights: int
    due_on: date
    due_at: datetime
    fee_krw: Won
    payment_method: str
    payment_id: str | None
    overdue: bool
    cancelled_because: str | None
    rules_version: int
    requested_at: datetime
    started_at: datetime | None
    returned_at: datetime | None
    version: int


@view
class Membership:
    """A resident's membership, without a name. ``suspended_until`` is the last day without lending."""

    resident_id: str
    centre: str
    state: MembershipState
    verified_on: date | None
    suspended_until: date | None
    holdings: tuple[Holding, ...]
    version: int


@view
class Holder:
    """Which rental has an item, or had it until it is checked: `held`, `out` or `checking`."""

    centre: str
    barcode: str
    rental_id: str
    resident_id: str
    state: HolderState
    due_on: date


@view
class QuotedItem:
    """One item of a quote."""

    barcode: str
    category: str
    name_ko: str
    name_en: str
    fee_krw: Won


@view
class Quote:
    """What lending these items would cost, and when they would be due."""

    items: tuple[QuotedItem, ...]
    nights: int
    charged_nights: int
    due_on: date
    due_at: datetime
    fee_krw: Won
    rules_version: int


@view
class HouseRules:
    """The house rules in force; ``version`` counts the adoptions."""

    centre: str
    rules: RulesDocument
    version: int
