"""Rentals: quotes, lending, taking back, and what became of them."""

from __future__ import annotations

import time

import msgspec

from gateway import answers
from gateway.answer import Answer, Row
from gateway.ask import Ask
from gateway.auth import DESK, MANAGER, RESIDENT, STAFF, only
from gateway.conditions import applied, names, unless_current, version_in, wished_wait
from gateway.pages import page
from gateway.problems import Problem
from gateway.reading import without
from gateway.route import Routes
from services.contracts.rentals import Quote, Rental, Rentals, ReturnItems, StartRental

routes = Routes("rentals")
RENTERS = only(RESIDENT, DESK, MANAGER)


class Standing(msgspec.Struct):
    """How a rental stands."""

    state: str = ""
    version: int = 0


@routes.get("/v1/quotes", who=RENTERS, query=without(Quote, "centre"), answer=answers.Quote)
async def quote(ask: Ask) -> Answer:
    """Say what lending these units for so many nights would cost, and when they would be due."""
    ask.own_only()
    return Answer.of(await ask.query_for(Quote, centre=ask.who.centre, **ask.query))


@routes.post(
    "/v1/rentals",
    who=STAFF,
    body=without(StartRental, "rental_id"),
    key="required",
    headers=("Prefer",),
    answer=answers.Rental,
    status=201,
)
async def start_rental(ask: Ask) -> Answer:
    """Lend units to a resident.

    The units are held, the fee is quoted and the payment asked for: `awaiting_payment`, or `out` when nothing is due.
    With `Prefer: wait=N` (at most 30 seconds) the answer waits for the outcome of the payment.
    """
    ask.of_this_centre(ask.body["resident_id"], "resident")
    rental_id = ask.new_id("rental")
    row = await ask.command(StartRental, rental_id=rental_id, **ask.body)
    wait = wished_wait(ask.header("Prefer"))
    if wait is not None:
        row, wait = await settled(ask, rental_id, row, wait)
    return applied(Answer.of(row, location=f"/v1/rentals/{rental_id}", etag=True), wait)


async def settled(ask: Ask, rental_id: str, row: Row, wait: int) -> tuple[Row, int | None]:
    """The rental once its payment is decided, or as it stands when time is up; and the wait that was heeded.

    Never a problem: the rental is made, whatever becomes of the waiting.
    """
    until = time.monotonic() + wait
    while (standing := row.peek(Standing)).state == "awaiting_payment" and (left := until - time.monotonic()) > 0:
        try:
            newer = await ask.newer(Rental, standing.version, left, rental_id=rental_id)
        except Problem:
            return row, None
        if newer is None:
            return row, None
        row = newer
        if row.peek(Standing).version == standing.version:
            break  # time was up over there
    return row, wait


@routes.get("/v1/rentals", who=RENTERS, query=without(Rentals, "centre"), answer=answers.Rental, many=True)
async def list_rentals(ask: Ask) -> Answer:
    """List rentals, newest first. A resident sees their own."""
    ask.own_only()
    return page(ask, await ask.query_for(Rentals, centre=ask.who.centre, **ask.query), "/v1/rentals")


@routes.get(
    "/v1/rentals/{id}",
    who=RENTERS,
    query=without(Rental, "rental_id"),
    headers=("If-None-Match", "Prefer"),
    answer=answers.Rental,
)
async def show_rental(ask: Ask) -> Answer:
    """Show one rental, as it stands or as it stood at `as_of`.

    `ETag` is its version. With `If-None-Match` and `Prefer: wait=N` the answer waits (at most 30 seconds) for a change.
    """
    rental_id, known = ask.of_this_centre(ask.path["id"], "rental"), ask.header("If-None-Match")
    row = ask.own(await ask.query_for(Rental, rental_id=rental_id, **ask.query), "rental")
    wait = wished_wait(ask.header("Prefer"))
    if wait is not None and row.version is not None and row.version == version_in(known):
        row, wait = await changed(ask, rental_id, row, wait)
    return applied(unless_current(row, known), wait)


async def changed(ask: Ask, rental_id: str, row: Row, wait: int) -> tuple[Row, int | None]:
    """The rental once it changed, or as it stands when time is up; and the wait that was heeded."""
    newer = await ask.newer(Rental, row.version or 0, wait, rental_id=rental_id)
    return (row, None) if newer is None else (newer, wait)


@routes.get("/v1/rentals/{id}/history", who=STAFF, answer=answers.Happened, many=True)
async def rental_history(ask: Ask) -> Answer:
    """Tell everything that happened to a rental, in order."""
    rental_id = ask.of_this_centre(ask.path["id"], "rental")
    history = await ask.house.services["rentals"].query("history", {"stream": f"rental-{rental_id}"})
    if not history.peek(Told).data:
        raise Problem("not_found", facts={"what": "rental"})
    return Answer.of(history)


class Told(msgspec.Struct):
    """Whether anything is told at all."""

    data: list[msgspec.Raw] = []


@routes.post(
    "/v1/rentals/{id}/return",
    who=STAFF,
    body=without(ReturnItems, "rental_id"),
    key="required",
    headers=("If-Match",),
    answer=answers.Rental,
)
async def return_items(ask: Ask) -> Answer:
    """Take units back, each with its condition and its missing parts. A rental ends when its last unit is back.

    With `If-Match` only while the rental still has that version, else 412.
    """
    rental_id = ask.of_this_centre(ask.path["id"], "rental")
    await require_match(ask, rental_id)
    return Answer.of(await ask.command(ReturnItems, rental_id=rental_id, **ask.body), etag=True)


async def require_match(ask: Ask, rental_id: str) -> None:
    """Refuse with 412 when If-Match names another version than the rental has now."""
    if_match = ask.header("If-Match")
    if if_match is None or ask.id in ask.house.passed:
        return
    version = (await ask.query_for(Rental, rental_id=rental_id)).version
    if not names(if_match, str(version)):
        raise Problem("version_mismatch", facts={"version": version}, headers=[("ETag", f'"{version}"')])
    ask.house.passed.add(ask.id)
