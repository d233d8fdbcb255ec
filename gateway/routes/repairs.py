"""Repairs: damaged units on their way to the maker and back."""

from __future__ import annotations

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import STAFF
from gateway.conditions import unless_current
from gateway.pages import page
from gateway.reading import without
from gateway.route import Routes
from services.contracts.inventory import Repair, Repairs, ReturnRepair, SendRepair

routes = Routes("repairs")


@routes.get("/v1/repairs", who=STAFF, query=without(Repairs, "centre"), answer=answers.Repair, many=True)
async def list_repairs(ask: Ask) -> Answer:
    """List repairs, newest first."""
    return page(ask, await ask.query_for(Repairs, centre=ask.who.centre, **ask.query), "/v1/repairs")


@routes.get("/v1/repairs/{id}", who=STAFF, headers=("If-None-Match",), answer=answers.Repair)
async def show_repair(ask: Ask) -> Answer:
    """Show one repair."""
    row = await ask.query_for(Repair, repair_id=ask.of_this_centre(ask.path["id"], "repair"))
    return unless_current(row, ask.header("If-None-Match"))


@routes.post("/v1/repairs/{id}/sent", who=STAFF, body=without(SendRepair, "repair_id"), answer=answers.Repair)
async def send_repair(ask: Ask) -> Answer:
    """Hand a damaged unit to its maker's after-sales service."""
    repair_id = ask.of_this_centre(ask.path["id"], "repair")
    return Answer.of(await ask.command(SendRepair, repair_id=repair_id, **ask.body))


@routes.post("/v1/repairs/{id}/returned", who=STAFF, body=without(ReturnRepair, "repair_id"), answer=answers.Repair)
async def return_repair(ask: Ask) -> Answer:
    """Take a unit back from its maker: mended, or not worth mending."""
    repair_id = ask.of_this_centre(ask.path["id"], "repair")
    return Answer.of(await ask.command(ReturnRepair, repair_id=repair_id, **ask.body))
