"""The SQL of a list, page by page: one shape for all services. Put together from names of our own, never from input.

A page is what comes behind the row that ``after`` names, in the order of a column and, among equals, of the key; so it
neither repeats nor skips a row when others come meanwhile. Should that very row be gone, the list ends there.
"""

from __future__ import annotations


def given(name: str) -> str:
    """A filter: the column of that name equals the parameter of that name."""
    return f'"{name}" = %({name})s'


def asked(name: str, type: str = "text") -> str:
    """The same, but it holds nothing back unless its parameter is given."""
    return f"(%({name})s::{type} IS NULL OR {given(name)})"


def listing(rows: str, key: str, *filters: str, by: str = "", descending: bool = False) -> str:
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
