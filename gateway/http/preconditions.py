"""The conditions that a request may carry in its headers: ETag with If-None-Match and If-Match, Prefer: wait."""

from __future__ import annotations

import re
from collections.abc import Sequence

from werkzeug.http import generate_etag

from gateway.http.response import Response

LONGEST_WAIT = 30  # seconds
LONGEST_VERSION = 18  # digits; a longer number is no version, and not every JSON reader takes it
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])', re.IGNORECASE)


def wished_wait(prefer: str) -> int | None:
    """The seconds of ``Prefer: wait=N``, at most 30; None without a readable one (a preference is never an error)."""
    found = _WAIT.search(prefer)
    return min(int(found[1]), LONGEST_WAIT) if found else None


def versions(tags: Sequence[str]) -> list[int]:
    """The versions that these ETags name; other tags never match one."""
    return [int(tag) for tag in tags if tag.isdecimal() and len(tag) <= LONGEST_VERSION]


def unless_known(response: Response, tags: Sequence[str] | None) -> Response:
    """The response with an ETag, or a bare 304 when If-None-Match names its ETag (``*``: any)."""
    if response.etag is None:
        response.etag = generate_etag(response.body)
    if not tags or not ("*" in tags or str(response.etag) in tags):
        return response
    return Response(b"", status=304, etag=response.etag, waited=response.waited, headers=response.headers)
