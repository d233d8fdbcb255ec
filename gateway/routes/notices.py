"""Notices to residents, and public announcements of what became ready."""

from __future__ import annotations

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import DESK, MANAGER, PUBLIC, RESIDENT, only
from gateway.pages import page, public
from gateway.reading import without
from gateway.route import Routes
from services.contracts.notifications import Announcements, Notices

routes = Routes("notices")


@routes.get(
    "/v1/notices",
    who=only(RESIDENT, DESK, MANAGER),
    query=without(Notices, "centre"),
    answer=answers.Notice,
    many=True,
)
async def list_notices(ask: Ask) -> Answer:
    """List notices to a resident or about a rental, newest first. A resident sees their own."""
    ask.own_only()
    return page(ask, await ask.query_for(Notices, centre=ask.who.centre, **ask.query), "/v1/notices")


@routes.get(
    "/v1/announcements",
    who=PUBLIC,
    query=without(Announcements, "centre"),
    headers=("If-None-Match",),
    answer=answers.Announcement,
    many=True,
    caching="public, max-age=2",
)
async def list_announcements(ask: Ask) -> Answer:
    """List what became ready, newest first, each with its description and its manual."""
    row = await ask.query_for(Announcements, centre=ask.who.centre, **ask.query)
    return public(ask, page(ask, row, "/v1/announcements"))
