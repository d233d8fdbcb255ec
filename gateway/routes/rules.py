"""The house rules: data, versioned, public."""

from __future__ import annotations

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import MANAGER, PUBLIC, only
from gateway.pages import public
from gateway.reading import without
from gateway.route import Routes
from services.contracts.rentals import AdoptHouseRules, HouseRules

routes = Routes("house rules")


@routes.get(
    "/v1/house-rules", who=PUBLIC, headers=("If-None-Match",), answer=answers.HouseRules, caching="public, max-age=2"
)
async def house_rules(ask: Ask) -> Answer:
    """Show the house rules in force."""
    return public(ask, Answer((await ask.query_for(HouseRules, centre=ask.who.centre)).body))


@routes.post("/v1/house-rules", who=only(MANAGER), body=without(AdoptHouseRules, "centre"), answer=answers.HouseRules)
async def adopt_house_rules(ask: Ask) -> Answer:
    """Put a version of the house rules into force; each later decision records the version that it used."""
    return Answer.of(await ask.command(AdoptHouseRules, centre=ask.who.centre, **ask.body))
