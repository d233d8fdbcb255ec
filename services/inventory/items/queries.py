"""Reads of items. What rentals says of who has an item comes before inventory's own state of it."""

from services.chassis.readmodels.paging import equals, paged
from services.chassis.service import SqlQuery
from services.contracts.inventory import queries

_ITEM = """
    SELECT i.centre, i.barcode, i.category, coalesce(o.state, i.state) AS state,
           CASE WHEN %(whose)s THEN i.last_rental END AS last_rental, i.repair_id, i.missing, i.damages, i.version,
           CASE WHEN %(whose)s THEN o.rental_id END AS rental_id, o.due_on
    FROM item i LEFT JOIN rented_out o ON o.centre = i.centre AND o.item_id = i.item_id
"""

ITEMS = paged(f"({_ITEM})", "barcode", equals("centre"), equals("category"), equals("state"))

ITEM = f"SELECT to_json(i) FROM ({_ITEM}) i WHERE centre = %(centre)s AND barcode = %(barcode)s"

QUERIES = (SqlQuery(queries.Items, ITEMS), SqlQuery(queries.Item, ITEM))
