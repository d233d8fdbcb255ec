"""The feed of published events: the authority for whoever analyses or follows the system."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import ANALYST, MANAGER, only
from gateway.pages import page
from gateway.problems import Problem
from gateway.pseudonyms import Pseudonyms
from gateway.route import Routes
from services.contracts.schema import Query

routes = Routes("events")


class Feed(Query):
    """Where to go on reading, and how much at once."""

    after = fields.Integer(
        load_default=0, validate=validate.Range(0), metadata={"description": "the last position that was read"}
    )
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))


@routes.get("/v1/events/{service}", who=only(ANALYST, MANAGER), query=Feed, answer=answers.Feed)
async def list_events(ask: Ask) -> Answer:
    """Read what a service published, in order, from any position on.

    No event holds a name or a phone number, and an analyst sees pseudonyms of their own instead of resident ids.
    `previous` links each event to the one before it, so that a hole shows.
    """
    service = ask.path["service"]
    if service not in ask.house.services:
        raise Problem("not_found", facts={"what": "service"})
    row = await ask.house.services[service].events(ask.query)
    if ask.who.role != MANAGER:
        row = Pseudonyms(ask.house.pseudonym_secret, ask.who).feed(row)
    return page(ask, row, f"/v1/events/{service}")
