"""Reads of categories, each with the number of its items and how many of them are free."""

from dataclasses import fields

from services.chassis.readmodels.paging import Filter, equals, paged
from services.chassis.service import SqlQuery
from services.contracts.inventory import queries, views

_COLUMNS = ", ".join(f'c."{field.name}"' for field in fields(views.CategoryDescription))

# The counts are grouped by centre, so that a read of one centre counts the items of that centre alone.
_CATEGORY = f"""
    SELECT {_COLUMNS}, coalesce(n.total, 0) AS total, coalesce(n.free, 0) AS free
    FROM category c LEFT JOIN (
        SELECT i.centre, i.category, count(*) AS total,
               count(*) FILTER (WHERE i.state = 'ready' AND o.item_id IS NULL) AS free
        FROM item i LEFT JOIN rented_out o ON o.centre = i.centre AND o.item_id = i.item_id
        WHERE i.state <> 'retired' GROUP BY i.centre, i.category
    ) n ON n.centre = c.centre AND n.category = c.code
"""

CATEGORIES = paged(
    f"({_CATEGORY})",
    "code",
    equals("centre"),
    equals("group"),
    Filter("q", "(name_ko ILIKE '%%' || %(q)s || '%%' OR name_en ILIKE '%%' || %(q)s || '%%')"),
    Filter("available", lambda available: "free > 0" if available else "free = 0"),
)

CATEGORY = f"SELECT to_json(c) FROM ({_CATEGORY}) c WHERE centre = %(centre)s AND code = %(code)s"

QUERIES = (SqlQuery(queries.Categories, CATEGORIES), SqlQuery(queries.Category, CATEGORY))
