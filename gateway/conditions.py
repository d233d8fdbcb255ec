"""The conditions that a request may carry in its headers: ETag with If-Match and If-None-Match, Prefer: wait."""

from __future__ import annotations

import hashlib
import re

from gateway.answer import Answer
from gateway.clients import LONGEST_WAIT

_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])', re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def wished_wait(prefer: str | None) -> int | None:
    """The seconds of ``Prefer: wait=N``, at most 30; None without a readable one (a preference is never an error)."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT) if found else None


def names(header: str | None, tag: str) -> bool:
    """Whether If-Match or If-None-Match names this tag (without quotes), or any with ``*``."""
    if header is None:
        return False
    return header.strip() == "*" or tag in _TAG.findall(header)


def version_in(header: str | None) -> int | None:
    """The version that a single ETag names, if it names one."""
    found = _TAG.fullmatch((header or "").strip())
    return int(found[1]) if found and found[1].isdecimal() else None


def content_tag(body: bytes) -> str:
    """A tag for a document that has no version of its own."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def unless_known(answer: Answer, tag: str, if_none_match: str | None) -> Answer:
    """The answer with its ETag, or a bare 304 when the client has it already."""
    answer.headers.append(("ETag", f'"{tag}"'))
    if not names(if_none_match, tag):
        return answer
    return Answer(b"", status=304, headers=answer.headers)
