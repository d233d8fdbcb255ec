"""The description of this API: for machines and for readers. All are made once, from the routes and the contracts."""

from __future__ import annotations

from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import PUBLIC
from gateway.conditions import content_tag, unless_known
from gateway.route import Routes

routes = Routes("documents")
KEPT = "public, max-age=60"


@routes.get("/openapi.json", who=PUBLIC, headers=("If-None-Match",), answer="OpenAPI 3.1.", caching=KEPT)
async def openapi(ask: Ask) -> Answer:
    """Describe this API as an OpenAPI 3.1 document."""
    return _document(ask, "/openapi.json")


@routes.get("/asyncapi.json", who=PUBLIC, headers=("If-None-Match",), answer="AsyncAPI 3.0.", caching=KEPT)
async def asyncapi(ask: Ask) -> Answer:
    """Describe the events as an AsyncAPI 3.0 document."""
    return _document(ask, "/asyncapi.json")


@routes.get("/docs", who=PUBLIC, headers=("If-None-Match",), answer="A page.", caching=KEPT)
async def docs(ask: Ask) -> Answer:
    """Describe this API as a page to read."""
    return _document(ask, "/docs")


@routes.get("/docs/style.css", who=PUBLIC, headers=("If-None-Match",), answer="A style sheet.", caching=KEPT)
async def style(ask: Ask) -> Answer:
    """Dress the page."""
    return _document(ask, "/docs/style.css")


def _document(ask: Ask, path: str) -> Answer:
    kept = ask.house.documents[path]
    fresh = Answer(kept.body, media_type=kept.media_type, headers=kept.headers)
    return unless_known(fresh, content_tag(kept.body), ask.header("If-None-Match"))
