"""The description of this API: for machines and for readers. All are made once, from the routes and the contracts."""

from __future__ import annotations

from gateway.http.auth import PUBLIC
from gateway.http.request import RequestContext
from gateway.http.response import Response
from gateway.http.route import Routes, described

routes = Routes("documents")
A_MINUTE = "public, max-age=60"


def _serve(path: str, operation: str, summary: str, answer: str) -> None:
    async def handler(context: RequestContext) -> Response:
        """Give the document."""
        return context.dependencies.documents[path]

    routes.get(path, who=PUBLIC, answer=answer, caching=A_MINUTE)(described(operation, summary, handler))


_serve("/openapi.json", "openapi", "Describe this API as an OpenAPI 3.1 document.", "OpenAPI 3.1.")
_serve("/asyncapi.json", "asyncapi", "Describe the events as an AsyncAPI 3.0 document.", "AsyncAPI 3.0.")
_serve("/docs", "docs", "Describe this API as a page to read.", "A page.")
_serve("/docs/style.css", "style", "Dress the page.", "A style sheet.")
