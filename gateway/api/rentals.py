"""Rentals: quotes, lending, taking back, and what became of them."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.api.views import History
from gateway.http.auth import DESK, MANAGER, RESIDENT, STAFF, only
from gateway.http.preconditions import versions
from gateway.http.problems import Problem
from gateway.http.request import RequestContext
from gateway.http.response import Response, ServiceDocument
from gateway.http.route import Routes
from gateway.upstream.gate import Priority
from services.contracts.rentals import views
from services.contracts.rentals.commands import RequestRental, ReturnItems
from services.contracts.rentals.queries import Quote, Rental, Rentals

routes = Routes("rentals", thing="rental")
RENTERS = only(RESIDENT, DESK, MANAGER)


class RentalStatus(msgspec.Struct):
    """What decides whether waiting goes on, and whose rental it is."""

    state: str = ""
    resident_id: str | None = None


@routes.get("/v1/quotes", who=RENTERS, query=Quote, refusals=(404, 409, 422))
async def quote(context: RequestContext) -> Response:
    """Say what lending these items for so many nights would cost, and when they would be due."""
    context.own_only()
    return Response((await context.ask(Quote, **context.query)).body)


@routes.post(
    "/v1/rentals",
    who=STAFF,
    body=RequestRental,
    fills=["rental_id"],
    key="required",
    priority=Priority.LENDS,
    headers=("Prefer",),
    answer=views.Rental,
    status=201,
)
async def request_rental(context: RequestContext) -> Response:
    """Lend items to a resident.

    The items are held, the fee is quoted and the payment asked for: `awaiting_payment`, or `out` when nothing is due.
    With `Prefer: wait=N` (at most 30 seconds) the answer waits for the outcome of the payment.
    """
    rental_id, waited = context.new_id("rental"), None
    rental = await context.send(RequestRental, rental_id=rental_id, **context.body)
    if context.wait is not None:
        rental, waited = await settled(context, rental_id, rental)
    return Response(rental.body, etag=rental.version, location=f"/v1/rentals/{rental_id}", waited=waited)


async def settled(
    context: RequestContext, rental_id: str, rental: ServiceDocument
) -> tuple[ServiceDocument, int | None]:
    """The rental once its payment is decided, or as it stands when time is up; and the wait that was heeded."""

    async def look() -> ServiceDocument | None:
        newer = await context.ask(Rental, rental_id=rental_id)
        return None if is_open(newer) else newer

    if not is_open(rental):
        return rental, context.wait
    try:
        with context.waiting():
            newer, waited = await context.until("rentals", f"rental-{rental_id}", look)
    except Problem:  # too many wait: the rental is committed all the same
        return rental, None
    return newer or rental, waited


def is_open(rental: ServiceDocument) -> bool:
    """Whether its payment is not decided yet."""
    return rental.peek(RentalStatus).state == "awaiting_payment"


routes.list("/v1/rentals", Rentals, "List rentals, newest first. A resident sees their own.", who=RENTERS)


@routes.get("/v1/rentals/{id}", who=RENTERS, query=Rental, headers=("If-None-Match", "Prefer"))
async def show_rental(context: RequestContext) -> Response:
    """Show one rental, as it stands or as it stood at `as_of`.

    `ETag` is its version. With `If-None-Match` and `Prefer: wait=N` the answer waits (at most 30 seconds) for a change.
    """
    rental_id, waited = context.path_id("rental"), None
    with context.waiting():
        rental = await context.ask(Rental, rental_id=rental_id, **context.query)
        if context.caller.role == RESIDENT and rental.peek(RentalStatus).resident_id != context.caller.subject:
            raise Problem("not_found", details={"what": "rental"})
        if context.wait is not None and rental.version in versions(context.etags or ()):
            newer, waited = await changed(context, rental_id, rental.version)
            rental = newer or rental
    return Response(rental.body, etag=rental.version, waited=waited)


async def changed(
    context: RequestContext, rental_id: str, version: int | None
) -> tuple[ServiceDocument | None, int | None]:
    """The rental once it has another version, or None when time is up; and the wait that was heeded."""

    async def look() -> ServiceDocument | None:
        newer = await context.ask(Rental, rental_id=rental_id)
        return None if newer.version == version else newer

    return await context.until("rentals", f"rental-{rental_id}", look)


@routes.get("/v1/rentals/{id}/history", who=STAFF, query=History, fills=["stream"])
async def rental_history(context: RequestContext) -> Response:
    """Tell everything that happened to a rental, in order."""
    history = await context.ask(History, "rentals", stream=f"rental-{context.path_id('rental')}")
    if not history.peek(dict[str, Any])["data"]:
        raise Problem("not_found", details={"what": "rental"})
    return Response(history.body)


routes.command(
    "/v1/rentals/{id}/return",
    ReturnItems,
    """Take items back, each with its condition and its missing parts. A rental ends when its last item is back.

    With `If-Match` only while the rental still has that version, else 412.
    """,
    who=STAFF,
    key="required",
    priority=Priority.RETURNS,
    headers=("If-Match",),
    answer=views.Rental,
)
