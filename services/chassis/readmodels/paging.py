"""The SQL of a row and of a list, page by page: one shape for all services, put together from names of our own.

A page is what comes behind the row that ``after`` names, in the order of a column and, among equals, of the key; so it
neither repeats nor skips a row when others come meanwhile. If that row is gone, the list ends there.
"""

from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from services.chassis.service import SqlQuery


def equals(name: str) -> str:
    """A filter: the column of that name equals the parameter of that name."""
    return f'"{name}" = %({name})s'


def optional(name: str, type: str = "text") -> str:
    """The same, but without effect unless its parameter is given."""
    return f"(%({name})s::{type} IS NULL OR {equals(name)})"


def paged(rows: str, key: str, *filters: str, by: str = "", descending: bool = False) -> str:
    """The read ``{data, next}`` of a table or subquery.

    Its parameters are ``after`` (a key, or empty), ``limit``, and those of the filters.
    """
    columns = [by, key] if by else [key]
    place = ", ".join(columns)
    order = ", ".join(f"{column} {'DESC' if descending else 'ASC'}" for column in columns)
    last = f"(SELECT {place} FROM {rows} r WHERE {key} = %(after)s)" if by else "(%(after)s)"
    behind = f"(%(after)s = '' OR ({place}) {'<' if descending else '>'} {last})"
    where = " AND ".join([*filters, behind])
    return f"""
WITH page AS (SELECT * FROM {rows} r WHERE {where} ORDER BY {order} LIMIT %(limit)s),
     listed AS (SELECT p, {key} AS key, row_number() OVER (ORDER BY {order}) AS place FROM page p)
SELECT json_build_object(
    'data', coalesce(json_agg(to_json(p) ORDER BY place), '[]'),
    'next', CASE WHEN count(*) = %(limit)s THEN (array_agg(key ORDER BY place DESC))[1] END)
FROM listed
"""


def row_query(contract: type, state: Any) -> SqlQuery:
    """The read of one aggregate as it stands: its row."""
    sql = f"SELECT to_json(r) FROM {state.VIEW} r WHERE {state.KEY} = %({state.KEY})s"
    return SqlQuery(contract, sql, aggregate=state)


def list_query(contract: type, state: Any, by: str) -> SqlQuery:
    """The pages of a view, newest first; each parameter of the contract, but those of a page, filters its column."""
    hints, filters = get_type_hints(contract), []
    for field in fields(contract):
        if field.name not in ("after", "limit"):
            given = optional(field.name, "boolean" if hints[field.name] == bool | None else "text")
            filters.append(equals(field.name) if field.default is MISSING else given)
    return SqlQuery(contract, paged(state.VIEW, state.KEY, *filters, by=by, descending=True))
