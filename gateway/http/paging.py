"""The answer that every list gives: a page, and the address of the next one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from gateway.http.request import RequestContext
from gateway.http.response import Response, ServiceDocument


class _Page(msgspec.Struct):
    next: Any = None


async def page(context: RequestContext, contract: type) -> Response:
    """A page of what this query lists."""
    return linked(context, await context.ask(contract, **context.query))


def linked(context: RequestContext, document: ServiceDocument) -> Response:
    """A page, with the address of the next one in a Link header where there is one."""
    response, cursor = Response(document.body), document.peek(_Page).next
    if cursor is not None:
        query = urlencode({**context.query, "after": cursor})
        response.headers.append(("Link", f'<{context.url}?{query}>; rel="next"'))
    return response
