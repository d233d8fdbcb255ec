"""Reading what a request says, strictly: body, query, path and key. Whatever is not understood is refused by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import msgspec
from falcon.asgi import Request
from marshmallow import Schema, ValidationError, fields, validate

from gateway import quick
from gateway.problems import Problem
from services.contracts.schema import BARCODE, CODE, ID

LARGEST_BODY = 1 << 20  # bytes
SLOWEST_BODY = 10  # seconds
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}\Z")
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?\Z")
_PATH = {"barcode": BARCODE, "code": CODE, "id": ID, "service": validate.Regexp(r"^[a-z]{1,40}\Z")}


def without(contract: type[Schema], *names: str, **more: fields.Field[Any]) -> type[Schema]:
    """The contract as a client sends it: without what the gateway itself fills in, with ``more`` fields of its own."""
    meta = type("Meta", (contract.Meta,), {"exclude": names})
    body = {"Meta": meta, "__doc__": contract.__doc__, **more}
    made: type[Schema] = type(contract.__name__, (contract,), body)
    return made


def request_id_of(req: Request) -> str:
    """The client's X-Request-Id where it is a plain word, else a new one."""
    given = req.get_header("X-Request-Id")
    return given if given is not None and _REQUEST_ID.match(given) else uuid4().hex


def path_of(params: Mapping[str, str]) -> Mapping[str, str]:
    """The path's parameters, each of the form that its name promises."""
    for name, value in params.items():
        if not value:  # /v1/rentals/ is neither the list nor one of it
            raise Problem("unknown_path")
        try:
            _PATH[name](value)
        except ValidationError as wrong:
            raise invalid("path", {name: wrong.messages}) from None
    return params


def query_of(sent: Mapping[str, Any], schema: Schema | None) -> dict[str, str]:
    """The query as it was sent, after the schema agreed. Lists are comma-separated, no parameter is repeated."""
    known: Mapping[str, Any] = schema.fields if schema is not None else {}
    given: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for name, value in sent.items():
        if isinstance(value, list):
            wrong[name] = ["Give this parameter once."]
        elif "\x00" in value:
            wrong[name] = ["The character NUL is not allowed."]
        else:
            given[name] = value.split(",") if isinstance(known.get(name), fields.List) else value
    if schema is None:
        wrong.update({name: ["Unknown field."] for name in sent})
    else:
        wrong = {**schema.validate(given), **wrong}
    if wrong:
        raise invalid("query", wrong)
    return dict(sent)


class Incoming(Request):
    """A request that keeps its body where it came in one piece with the head, as small ones do."""

    def __init__(self, scope: Any, receive: Any, first_event: Any = None, options: Any = None) -> None:
        super().__init__(scope, receive, first_event=first_event, options=options)
        whole = first_event is not None and not first_event.get("more_body")
        self.at_once: bytes | None = first_event.get("body", b"") if whole else None


class Body:
    """What a route takes in its body: a JSON object of a schema, or nothing where the schema demands nothing."""

    def __init__(self, schema: type[Schema]) -> None:
        self._schema = schema()
        self._quick = quick.decoder(self._schema)
        self._may_be_empty = not any(field.required for field in self._schema.fields.values())

    async def read(self, req: Incoming) -> dict[str, Any]:
        """The object as it was sent, once the schema agreed; defaults are the service's to fill in."""
        raw = await _bytes_of(req)
        if not raw and self._may_be_empty:
            return {}
        content_type = (req.content_type or "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Problem("wrong_content_type")
        document = _json_of(raw)
        if not isinstance(document, dict):
            raise Problem("not_an_object")
        if not self._is_plainly_valid(raw):
            try:
                self._schema.load(document)
            except ValidationError as wrong:
                raise invalid("body", wrong.messages) from None
        return document

    def _is_plainly_valid(self, raw: bytes) -> bool:
        if self._quick is None:
            return False
        try:
            self._quick.decode(raw)
        except msgspec.DecodeError:
            return False
        return True


async def _bytes_of(req: Incoming) -> bytes:
    if (req.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    if req.at_once is not None:
        if len(req.at_once) > LARGEST_BODY:
            raise _too_large()
        return req.at_once
    chunks, size = [], 0
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            async for chunk in req.stream:
                size += len(chunk)
                if size > LARGEST_BODY:  # a chunked body doesn't say its length beforehand
                    raise _too_large()
                chunks.append(chunk)
    except TimeoutError:
        raise Problem("body_too_slow", facts={"seconds": SLOWEST_BODY}, headers=[("Connection", "close")]) from None
    return b"".join(chunks)


def _too_large() -> Problem:
    return Problem("body_too_large", facts={"limit": LARGEST_BODY}, headers=[("Connection", "close")])


def _json_of(raw: bytes) -> Any:
    try:
        document = msgspec.json.decode(raw)
    except msgspec.DecodeError as wrong:
        raise Problem("malformed_json", facts={"reason": str(wrong)}) from None
    except RecursionError:
        raise Problem("malformed_json", facts={"reason": "it is nested too deeply"}) from None
    if b"\\u0000" in raw and _holds_nul(document):  # Postgres can't keep that character
        raise Problem("malformed_json", facts={"reason": "the character NUL is not allowed"})
    return document


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_holds_nul(inner) for inner in value)


def key_of(header: str | None, *, required: bool) -> str | None:
    """The Idempotency-Key; None where it is optional and absent."""
    if header is None:
        if required:
            raise Problem("idempotency_key_missing")
        return None
    if not _KEY.match(header):
        raise Problem("idempotency_key_invalid")
    return header


def invalid(where: str, messages: Any) -> Problem:
    """The problem for what marshmallow found wrong, with a JSON pointer to every place."""
    return Problem("invalid_request", errors=list(_errors(where, messages, "")))


def _errors(where: str, messages: Any, pointer: str) -> Iterable[dict[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _errors(where, inner, pointer + step)
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield {"in": where, "pointer": pointer, "message": str(message)}
