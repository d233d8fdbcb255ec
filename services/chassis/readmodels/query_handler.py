"""Named reads of a service's own views, and of the history of one stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Meta
from psycopg.sql import SQL

from services.chassis.domain import OtherCentre, Refused
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.foundation.codec import Malformed, builtins, convert, decode, encode
from services.chassis.messaging.feed import Feed, Page
from services.chassis.readmodels.replay import as_of
from services.chassis.service import ComputedQuery, Service, SqlQuery
from services.contracts import refusals
from services.contracts.base import centre_of, value
from services.contracts.centres import ids_of

C = TypeVar("C")
_HISTORY = database.text(
    "SELECT json_build_object('data', coalesce(json_agg(json_build_object('position', position, 'type', type,"
    " 'version', version, 'at', at, 'data', data, 'actor', meta->'actor', 'correlation_id', meta->'correlation_id')"
    " ORDER BY version), '[]'), 'next', CASE WHEN count(*) = %(limit)s THEN max(version) END) FROM (SELECT * FROM event"
    " WHERE stream = %(stream)s AND version > %(after)s AND coalesce(centre = %(centre)s, true)"
    " ORDER BY version LIMIT %(limit)s) e"
)


class QueryUnknown(Refused):
    """This service has no query {name}."""

    kind = refusals.NOT_FOUND
    ko = "이 서비스에는 {name} 조회가 없습니다."


class QueryMalformed(Refused):
    """The query's parameters are not as they should be: {problem}."""

    kind = refusals.INVALID
    ko = "조회 조건이 올바르지 않습니다: {problem}"


class NothingFound(Refused):
    """There is nothing under {asked}."""

    kind = refusals.NOT_FOUND
    ko = "{asked}에 해당하는 것이 없습니다."


@dataclass(frozen=True)
class QueryResult:
    """A JSON document, and the version of the aggregate that it shows, if it shows one."""

    document: bytes
    version: int | None = None


@value
class History:
    """The events of a stream behind a version, in order; ``next`` is the version where the following page begins."""

    stream: str
    after: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 200
    centre: str | None = None


@dataclass
class _Versioned:
    version: int = 0


class QueryHandler:
    """Answers the queries of one service."""

    def __init__(self, service: Service, store: PostgresStore) -> None:
        self._service, self._store = service, store
        self._lists = {name: _list_fields(query.contract) for name, query in service.query_named.items()}
        self._ids = {name: ids_of(query.contract) for name, query in service.query_named.items()}
        self._feed = Feed(service)

    def handle(self, name: str, given: Mapping[str, str], now: datetime) -> QueryResult:
        """The answer to a query. Raises :class:`Refused`. With ``centre`` it tells of that centre alone."""
        if name == "history":
            return QueryResult(self._json(_HISTORY, vars(_as(History, given))) or b"")
        query, params = self._understood(name, dict(given))
        centre = given.get("centre")
        if centre is not None and any(centre_of(id) != centre for id in self._ids[name](params)):
            raise OtherCentre()
        instant = getattr(params, "as_of", None)
        if instant is not None:
            return self._past(query, params, instant)
        if isinstance(query, ComputedQuery):
            with self._store.read(getattr(query.answer, "reads", lambda _: ())(params), centre) as read:
                return QueryResult(encode(query.answer(params, read, now)))
        return self._stored(query, params)

    def page(self, after: int, limit: int, centre: str | None = None) -> Page:
        """A page of the feed of published events: of one centre, or of all."""
        with self._store.reading.connection() as conn:
            return self._feed.page(conn, after, limit, centre)

    def _understood(self, name: str, given: dict[str, Any]) -> tuple[SqlQuery | ComputedQuery, Any]:
        query = self._service.query_named.get(name)
        if query is None:
            raise QueryUnknown(name=name)
        for field in self._lists[name]:
            if field in given:
                given[field] = [part for part in given[field].split(",") if part]
        return query, _as(query.contract, given)

    def _past(self, query: SqlQuery | ComputedQuery, params: Any, instant: datetime) -> QueryResult:
        row_type: Any = getattr(query, "aggregate", None)
        if row_type is None:
            raise QueryMalformed(problem="only one aggregate can be read as of an instant")
        key = str(getattr(params, row_type.KEY))
        with self._store.reading.connection() as conn:
            row = as_of(self._service, conn, row_type, key, instant)
        if row is None:
            raise NothingFound(asked=f"{key} as of {instant.isoformat()}")
        return QueryResult(encode(row), row.version)

    def _stored(self, query: SqlQuery, params: Any) -> QueryResult:
        named = builtins(params)
        document = self._json(query.sql if isinstance(query.sql, str) else query.sql(named), named)
        if document is None:
            raise NothingFound(asked=", ".join(str(value) for value in named.values() if value is not None))
        return QueryResult(document, decode(document, type=_Versioned).version if query.aggregate else None)

    def _json(self, statement: str | SQL, params: Mapping[str, Any]) -> bytes | None:
        with self._store.reading.connection() as conn:
            text = database.text(statement) if isinstance(statement, str) else statement
            row = conn.execute(text, params).fetchone()
        return row[0].encode() if row and row[0] is not None else None


def _as(contract: type[C], given: Mapping[str, Any]) -> C:
    try:
        return convert(given, contract, strict=False)
    except Malformed as wrong:
        raise QueryMalformed(problem=str(wrong)) from None


def _list_fields(contract: type) -> list[str]:
    """The parameters that are lists, written with commas in a URL."""
    return [
        name
        for name, kind in get_type_hints(contract).items()
        if tuple in (get_origin(kind), *map(get_origin, get_args(kind)))
    ]
