"""Reading what a request says, strictly: body, query, path and key. Whatever is not understood is refused by name."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from falcon.asgi import Request
from marshmallow import fields
from msgspec import Meta

from gateway.http.problems import Problem
from gateway.http.response import JSON
from services.contracts.base import Barcode, CategoryCode, Id, value
from services.contracts.schemas import schema_of, struct_of
from services.contracts.texts import REQUEST_ID

LARGEST_BODY = 64 * 1024  # bytes, where a route declares nothing else
SLOWEST_BODY = 10  # seconds
MOST_ERRORS = 20  # are listed; the others are counted
MOST_EXPLAINED = 2000  # values in a document; of a larger one the first mistake alone is told
_REQUEST_ID = re.compile(rf"{REQUEST_ID}\Z")
_AT = re.compile(r"(.*) - at `\$(.*)`\Z", re.DOTALL)


class Incoming(Request):
    """A request with its id: the client's X-Request-Id where it can name nobody, else a new one.

    ``began`` is when it came; ``at_once`` is its body where that came in one piece with the head, as small ones do.
    """

    def __init__(self, scope: Any, receive: Any, first_event: Any = None, options: Any = None) -> None:
        super().__init__(scope, receive, first_event=first_event, options=options)
        self.began = time.perf_counter()
        given = self.get_header("X-Request-Id")
        self.id = given if given is not None and _REQUEST_ID.match(given) else uuid4().hex
        whole = first_event is not None and not first_event.get("more_body")
        self.at_once: bytes | None = first_event.get("body", b"") if whole else None
        self._events = receive

    async def gone(self) -> None:
        """Return when the client has hung up. For a request whose body has been read."""
        while (await self._events())["type"] != "http.disconnect":
            pass


@value
class Nothing:
    """What is sent to a route that takes nothing."""


@value
class PathParameters:
    """What the paths hold, by the names that the routes use."""

    id: Id = ""
    barcode: Barcode = ""
    code: CategoryCode = ""
    service: Annotated[str, Meta(pattern=r"^[a-z]{1,40}\Z")] = ""


class Parser:
    """Checks what a client sends of a contract: all of it but the fields that the gateway ``fills`` in.

    msgspec decides; marshmallow names every mistake in what it refuses. ``texts``: numbers and booleans come as text.
    ``largest``: the bytes that a body may have.
    """

    def __init__(
        self, contract: type, fills: frozenset[str] = frozenset(), *, texts: bool = False, largest: int = LARGEST_BODY
    ) -> None:
        self.largest = largest
        self._struct = struct_of(contract, fills)
        self._schema = schema_of(contract, fills)()
        self._strict = not texts
        known = self._schema.fields.values()
        for field in known:
            if texts and isinstance(field, fields.Integer):
                field.strict = False
        # In texts msgspec takes 2026 for an instant, in seconds since 1970.
        self._has_instant = texts and any(isinstance(field, fields.DateTime) for field in known)
        self.lists = {name for name, field in self._schema.fields.items() if isinstance(field, fields.List)}
        self.may_be_empty = not any(field.required for field in known)

    def mistakes(self, document: Mapping[str, Any]) -> Any:
        """What is wrong with the document, by field; None when it is valid."""
        try:
            msgspec.convert(document, self._struct, strict=self._strict)
        except msgspec.ValidationError as wrong:
            few = next(islice(_values(document), MOST_EXPLAINED, None), None) is None
            return (few and self._schema.validate(dict(document))) or _messages(wrong)
        return self._schema.validate(dict(document)) if self._has_instant else None


def _messages(wrong: msgspec.ValidationError) -> Any:
    """What msgspec says, as marshmallow would: ``{"items": {"0": {"mended": [...]}}}``."""
    found = _AT.match(str(wrong))
    steps = re.findall(r"\w+", found[2]) if found else ["_schema"]
    messages: Any = [found[1] if found else str(wrong)]
    for step in reversed(steps):
        messages = {step: messages}
    return messages


PATH = Parser(PathParameters)


def read_path(params: Mapping[str, str]) -> None:
    """Check that each of the path's parameters has the form that its name promises."""
    if not all(params.values()):  # /v1/rentals/ is neither the list nor one of it
        raise Problem("unknown_path")
    if mistakes := PATH.mistakes(params):
        raise invalid("path", mistakes)


def read_query(sent: Mapping[str, Any], parser: Parser) -> dict[str, str]:
    """The query as it was sent, after the contract agreed. Lists are comma-separated, no parameter is repeated."""
    given: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for name, text in sent.items():
        if isinstance(text, list):
            wrong[name] = ["Give this parameter once."]
        elif "\x00" in text:
            wrong[name] = ["The character NUL is not allowed."]
        else:
            given[name] = text.split(",") if name in parser.lists else text
    if mistakes := {**(parser.mistakes(given) or {}), **wrong}:
        raise invalid("query", mistakes)
    return dict(sent)


async def read_body(req: Incoming, parser: Parser) -> dict[str, Any]:
    """The JSON object as it was sent, once the contract agreed; defaults are the service's to fill in."""
    raw = req.at_once if req.at_once is not None else await _streamed(req, parser.largest)
    if len(raw) > parser.largest:
        raise _too_large(parser.largest)
    if not raw and parser.may_be_empty:
        return {}
    if (req.content_type or "").partition(";")[0].strip().lower() != JSON:
        raise Problem("wrong_content_type")
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        reason = "it is nested too deeply" if isinstance(wrong, RecursionError) else str(wrong)
        raise Problem("malformed_json", details={"reason": reason}) from None
    if b"\\u0000" in raw and any(isinstance(text, str) and "\x00" in text for text in _values(document)):
        # Postgres can't keep that character
        raise Problem("malformed_json", details={"reason": "the character NUL is not allowed"})
    if not isinstance(document, dict):
        raise Problem("not_an_object")
    if mistakes := parser.mistakes(document):
        raise invalid("body", mistakes)
    return document


async def _streamed(req: Incoming, largest: int) -> bytes:
    if (req.content_length or 0) > largest:
        raise _too_large(largest)
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            return await req.stream.read(largest + 1)  # a chunked body doesn't say its length beforehand
    except TimeoutError:
        raise Problem("body_too_slow", details={"seconds": SLOWEST_BODY}, headers=[("Connection", "close")]) from None


def _too_large(limit: int) -> Problem:
    return Problem("body_too_large", details={"limit": limit}, headers=[("Connection", "close")])


def _values(document: Any) -> Iterator[Any]:
    """Every value in a document and every field's name, without recursion: a client chooses how deep it is."""
    left = [document]
    while left:
        value = left.pop()
        yield value
        if isinstance(value, dict):
            left += (*value, *value.values())
        elif isinstance(value, list):
            left += value


def invalid(where: str, messages: Any) -> Problem:
    """The problem for what marshmallow found wrong, with a JSON pointer to every place; the first twenty are listed."""
    errors = list(_errors(where, messages, ""))
    details = {"errors": len(errors)} if len(errors) > MOST_ERRORS else {}
    return Problem("invalid_request", details=details, errors=errors[:MOST_ERRORS])


def _errors(where: str, messages: Any, pointer: str) -> Iterable[dict[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _errors(where, inner, pointer + step)
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield {"in": where, "pointer": pointer, "message": str(message)}
