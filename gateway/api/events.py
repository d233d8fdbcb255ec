"""The feed of published events: the authority for whoever analyses or follows the system."""

from __future__ import annotations

import asyncio

from gateway.api.views import Feed
from gateway.http.auth import ANALYST, MANAGER, only
from gateway.http.paging import linked
from gateway.http.problems import Problem
from gateway.http.pseudonyms import Pseudonyms
from gateway.http.request import RequestContext
from gateway.http.response import Response
from gateway.http.route import Routes
from gateway.upstream.gate import Priority

routes = Routes("events")


@routes.get("/v1/events/{service}", who=only(ANALYST, MANAGER), query=Feed, priority=Priority.BULK)
async def list_events(context: RequestContext) -> Response:
    """Read what a service published, in order, from any position on.

    No event holds a name or a phone number, and an analyst sees pseudonyms of their own instead of resident ids.
    `previous` links each event to the one before it, so that a gap shows.
    """
    service, dependencies = context.path["service"], context.dependencies
    if service not in dependencies.services:
        raise Problem("not_found", details={"what": "service"})
    feed = await context.ask(Feed, service, **context.query)
    if context.caller.role != MANAGER:  # in a thread, as a page may be a megabyte
        feed = await asyncio.to_thread(Pseudonyms(dependencies.pseudonym_secret, context.caller).feed, feed)
    return linked(context, feed)
