"""The conditions that a request may carry in its headers: ETag with If-Match and If-None-Match, Prefer: wait."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from uuid import UUID

from gateway.answer import Answer, Row
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


def unless_current(row: Row, if_none_match: str | None) -> Answer:
    """The row with its version as ETag, or a bare 304 when the client has this version already."""
    tag = content_tag(row.body) if row.version is None else str(row.version)
    return unless_known(Answer(row.body), tag, if_none_match)


def applied(answer: Answer, wait: int | None) -> Answer:
    """The answer, saying that the wished wait was heeded; None: there was none, or it was not."""
    if wait is not None:
        answer.headers.append(("Preference-Applied", f"wait={wait}"))
    return answer


class Passed:
    """Command ids whose If-Match held when they were first sent.

    Their own effect changes the version, so a repetition with the same Idempotency-Key must not be measured again: it
    gets its stored outcome. Kept in memory and bounded; after a restart a repetition gets 412, and nothing is lost.
    """

    def __init__(self, remember: int = 10_000) -> None:
        self._ids: OrderedDict[UUID, None] = OrderedDict()
        self._remember = remember

    def __contains__(self, command_id: UUID) -> bool:
        return command_id in self._ids

    def add(self, command_id: UUID) -> None:
        """Remember one, and forget the oldest when there are too many."""
        self._ids[command_id] = None
        if len(self._ids) > self._remember:
            self._ids.popitem(last=False)
