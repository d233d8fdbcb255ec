"""The SQL of a row and of a list, page by page: one shape for all services, put together from names of our own.

A page is what comes behind the row that ``after`` names, in the order of a column and, among equals, of the key; so it
neither repeats nor skips a row when others come meanwhile. If that row is gone, the list ends there.

The text of a list holds the filters that are given, and no others: so each combination is planned for itself, and finds
its index.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from services.chassis.service import SqlQuery

PAGE = ("after", "limit")


class Filter(NamedTuple):
    """A condition that holds when its parameter is given. ``sql`` is the condition, or makes it of the value."""

    parameter: str
    sql: str | Callable[[Any], str]


def equals(name: str) -> Filter:
    """The column of a name equals the parameter of that name."""
    return Filter(name, f'"{name}" = %({name})s')


@dataclass(frozen=True)
class PagedSql:
    """The read ``{data, next}`` of a table or subquery, in the order of ``by`` and the key."""

    rows: str
    key: str
    filters: tuple[Filter, ...]
    by: str = ""
    descending: bool = False

    def __call__(self, params: Mapping[str, Any]) -> str:
        """The statement for what is given of ``after`` (a key, or empty), ``limit`` and the filters' parameters."""
        conditions = [
            each.sql if isinstance(each.sql, str) else each.sql(params[each.parameter])
            for each in self.filters
            if params.get(each.parameter) is not None
        ]
        return self._statement(tuple(conditions), bool(params["after"]))

    def _statement(self, conditions: tuple[str, ...], behind: bool) -> str:
        columns = [self.by, self.key] if self.by else [self.key]
        place = ", ".join(columns)
        order = ", ".join(f"{column} {'DESC' if self.descending else 'ASC'}" for column in columns)
        if behind:
            last = f"SELECT {place} FROM {self.rows} r WHERE {self.key} = %(after)s" if self.by else "%(after)s"
            conditions = (*conditions, f"({place}) {'<' if self.descending else '>'} ({last})")
        where = " AND ".join(conditions) or "true"
        return f"""
WITH page AS (SELECT * FROM {self.rows} r WHERE {where} ORDER BY {order} LIMIT %(limit)s),
     listed AS (SELECT p, {self.key} AS key, row_number() OVER (ORDER BY {order}) AS place FROM page p)
SELECT json_build_object(
    'data', coalesce(json_agg(to_json(p) ORDER BY place), '[]'),
    'next', CASE WHEN count(*) = %(limit)s THEN (array_agg(key ORDER BY place DESC))[1] END)
FROM listed
"""


def paged(rows: str, key: str, *filters: Filter, by: str = "", descending: bool = False) -> PagedSql:
    """The pages of a table or subquery."""
    return PagedSql(rows, key, filters, by, descending)


def row_query(contract: type, state: Any) -> SqlQuery:
    """The read of one aggregate as it stands: its row."""
    sql = f"SELECT to_json(r) FROM {state.VIEW} r WHERE {state.KEY} = %({state.KEY})s"
    return SqlQuery(contract, sql, aggregate=state)


def list_query(contract: type, state: Any, by: str) -> SqlQuery:
    """The pages of a view, newest first; each parameter of the contract, but those of a page, filters its column."""
    filters = [equals(field.name) for field in fields(contract) if field.name not in PAGE]
    return SqlQuery(contract, paged(state.VIEW, state.KEY, *filters, by=by, descending=True))
