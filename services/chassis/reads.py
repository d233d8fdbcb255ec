"""Named reads of a service's own views, and of the history of one stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from marshmallow import ValidationError
from psycopg.sql import SQL

from services.chassis import database
from services.chassis.codec import decode, encode
from services.chassis.definition import Ask, Service, Sql
from services.chassis.feed import Feed, Page
from services.chassis.kernel import Refused
from services.chassis.refold import as_of
from services.chassis.store import PostgresStore
from services.chassis.wake import RowBells
from services.contracts import refusals

LONGEST_WAIT = 30.0
_HISTORY = database.text(
    "SELECT json_build_object('data', coalesce(json_agg(json_build_object('pos', pos, 'type', type, 'version', version,"
    " 'at', at, 'data', data, 'actor', meta->'actor', 'correlation_id', meta->'correlation_id')"
    " ORDER BY version), '[]')) FROM event WHERE stream = %(stream)s"
)


class QueryUnknown(Refused):
    """This service has no query {name}."""

    kind = refusals.NOT_FOUND
    ko = "이 서비스에는 {name} 조회가 없습니다."


class QueryMalformed(Refused):
    """The query's parameters are not as they should be: {problems}."""

    kind = refusals.INVALID
    ko = "조회 조건이 올바르지 않습니다: {problems}"


class NotThere(Refused):
    """There is nothing under {asked}."""

    kind = refusals.NOT_FOUND
    ko = "{asked}에 해당하는 것이 없습니다."


@dataclass(frozen=True)
class Answer:
    """A JSON document, and the version of the aggregate that it shows, if it shows one."""

    document: bytes
    version: int | None = None


@dataclass
class _Versioned:
    version: int = 0


class Reads:
    """Answers the queries of one service."""

    def __init__(self, service: Service, store: PostgresStore, bells: RowBells) -> None:
        self._service, self._store, self._bells = service, store, bells
        self._schemas = {name: query.params() for name, query in service.query_of.items()}
        self._feed = Feed(service)

    def answer(self, name: str, given: Mapping[str, str | list[str]], now: datetime) -> Answer:
        """The answer to a query; waits when ``newer_than`` and ``wait`` ask for it. Raises :class:`Refused`."""
        if name == "history":
            return Answer(self._json(_HISTORY, {"stream": given.get("stream", "")}) or b"")
        given = dict(given)
        newer_than, wait = _waiting(given)
        instant = _instant(str(given.pop("as_of", "")))
        query, params = self._understand(name, given)
        if instant is not None:
            return self._past(query, params, instant)
        if isinstance(query, Ask):
            return self._computed(query, params, now)
        if newer_than is None or query.kind is None:
            return self._stored(query, params)
        return self._newer(query, params, newer_than, wait)

    def page(self, after: int, limit: int) -> Page:
        """A page of the feed of published facts."""
        with self._store.reading.connection() as conn:
            return self._feed.page(conn, after, limit)

    def _understand(self, name: str, given: dict[str, Any]) -> tuple[Sql | Ask, dict[str, Any]]:
        query = self._service.query_of.get(name)
        if query is None:
            raise QueryUnknown(name=name)
        schema = self._schemas[name]
        for field, kind in schema.fields.items():
            if field in given and type(kind).__name__ == "List" and isinstance(given[field], str):
                given[field] = [part for part in given[field].split(",") if part]
        try:
            return query, schema.load(given)
        except ValidationError as wrong:
            raise QueryMalformed(problems=wrong.messages) from None

    def _past(self, query: Sql | Ask, params: dict[str, Any], at: datetime) -> Answer:
        kind: Any = getattr(query, "kind", None)
        if kind is None or kind.STREAM is None:
            raise QueryMalformed(problems="only one aggregate can be read as of an instant")
        with self._store.reading.connection() as conn:
            row = as_of(self._service, conn, kind, str(params[kind.KEY]), at)
        if row is None:
            raise NotThere(asked=f"{params[kind.KEY]} as of {at.isoformat()}")
        return Answer(encode(row), row.version)

    def _computed(self, query: Ask, params: dict[str, Any], now: datetime) -> Answer:
        asked = SimpleNamespace(**params)
        with self._store.look(getattr(query.answer, "needs", lambda _: ())(asked)) as look:
            return Answer(encode(query.answer(asked, look, now)))

    def _stored(self, query: Sql, params: dict[str, Any]) -> Answer:
        document = self._json(query.text, params)
        if document is None:
            raise NotThere(asked=", ".join(str(v) for v in params.values()))
        return Answer(document, decode(document, type=_Versioned).version if query.kind else None)

    def _newer(self, query: Sql, params: dict[str, Any], newer_than: int, wait: float) -> Answer:
        kind: Any = query.kind
        row = (kind.VIEW, str(params[kind.KEY]))
        until = time.monotonic() + wait
        bell = self._bells.listen(row)
        try:
            while True:
                answer = self._stored(query, params)
                left = until - time.monotonic()
                if (answer.version or 0) > newer_than or left <= 0:
                    return answer
                bell.wait(min(left, 1.0))  # another process of this service rings no bell here: look again each second
                bell.clear()
        finally:
            self._bells.leave(row, bell)

    def _json(self, text: str | SQL, params: Mapping[str, Any]) -> bytes | None:
        with self._store.reading.connection() as conn:
            row = conn.execute(database.text(text) if isinstance(text, str) else text, params).fetchone()
        return row[0].encode() if row and row[0] is not None else None


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        at = None
    if text and (at is None or at.tzinfo is None):
        raise QueryMalformed(problems="as_of is an instant with its offset, as 2026-11-22T09:00:00Z")
    return at


def _waiting(given: dict[str, Any]) -> tuple[int | None, float]:
    newer_than, wait = given.pop("newer_than", None), given.pop("wait", "0")
    try:
        return (None if newer_than is None else int(newer_than)), max(0.0, min(LONGEST_WAIT, float(wait)))
    except ValueError:
        raise QueryMalformed(problems="newer_than is a version, wait a number of seconds") from None
