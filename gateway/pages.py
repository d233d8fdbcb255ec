"""Answers that several resources give in the same way: a page of a list, a public document with an ETag."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from gateway.answer import Answer, Row
from gateway.ask import Ask
from gateway.conditions import content_tag, unless_known


class _Next(msgspec.Struct):
    next: Any = None


def page(ask: Ask, row: Row, path: str) -> Answer:
    """A page, with the address of the next one in a Link header where there is one."""
    answer = Answer(row.body)
    cursor = row.peek(_Next).next
    if cursor is not None:
        answer.headers.append(("Link", f'<{path}?{urlencode({**ask.query, "after": cursor})}>; rel="next"'))
    return answer


def public(ask: Ask, answer: Answer) -> Answer:
    """A public document: its ETag is made of its content, and a centre's staff may see another centre's by token."""
    answer.headers.append(("Vary", "Authorization"))
    return unless_known(answer, content_tag(answer.body), ask.header("If-None-Match"))
