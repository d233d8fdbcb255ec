"""What may be read of rentals and of the items that they have, and what a rental would cost."""

from collections.abc import Iterable
from datetime import datetime

from services.chassis.domain import Read, StateReader, reads
from services.chassis.readmodels.paging import Filter, equals, paged
from services.chassis.service import ComputedQuery, SqlQuery
from services.contracts.base import id_of
from services.contracts.rentals import queries, views
from services.rentals.checkout.decisions import item_reads, lendable, quoted
from services.rentals.checkout.model import ItemAllocation, ItemInNoRental, Rental
from services.rentals.house_rules.model import HouseRules, in_force
from services.rentals.residents.model import Resident, known_resident

RENTAL = "SELECT to_json(r) FROM rental r WHERE rental_id = %(rental_id)s"

RENTALS = paged(
    "rental",
    "rental_id",
    equals("centre"),
    equals("resident_id"),
    equals("state"),
    Filter("overdue", lambda overdue: "state = 'out' AND overdue" if overdue else "NOT overdue"),
    by="requested_at",
    descending=True,
)


def _allocation(query: queries.Holder) -> Iterable[Read]:
    yield ItemAllocation, id_of(query.centre, query.barcode)


@reads(_allocation)
def holder(query: queries.Holder, read: StateReader, now: datetime) -> views.Holder:
    """Which rental has an item. Raises :class:`ItemInNoRental`."""
    allocation = read(ItemAllocation, id_of(query.centre, query.barcode))
    if allocation is None:
        raise ItemInNoRental(barcode=query.barcode)
    return allocation


def _quote_reads(query: queries.Quote) -> Iterable[Read]:
    yield HouseRules, query.centre
    if query.resident_id:
        yield Resident, query.resident_id
    yield from item_reads(query.centre, query.barcodes)


@reads(_quote_reads)
def quote(query: queries.Quote, read: StateReader, now: datetime) -> views.Quote:
    """What lending would cost and when it would be due; refused where the lending itself would be."""
    rules = in_force(read, query.centre)
    if query.resident_id:
        known_resident(read, query.resident_id).may_borrow(rules.today(now))
    return quoted(lendable(read, query.centre, query.barcodes, query.nights), query.nights, rules, now)


QUERIES = (
    SqlQuery(queries.Rental, RENTAL, aggregate=Rental),
    SqlQuery(queries.Rentals, RENTALS),
    ComputedQuery(queries.Holder, holder),
    ComputedQuery(queries.Quote, quote),
)
