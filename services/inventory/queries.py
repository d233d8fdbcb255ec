"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from services.chassis.definition import Sql
from services.contracts import inventory as wire
from services.inventory.domain.repair import Repair

_CATEGORY = """
    SELECT c.centre, c.code, c.group_code AS "group", c.name_ko, c.name_en, c.purchase_price_krw, c.fee_krw,
           c.max_nights, c.hazard, c.briefing_required, c.manual_ko, c.manual_en, c.parts, c.version,
           coalesce(u.total, 0) AS total, coalesce(u.free, 0) AS free
    FROM category c LEFT JOIN (
        SELECT i.category_id, count(*) AS total, count(*) FILTER (WHERE i.state = 'ready' AND o.barcode IS NULL) AS free
        FROM item i LEFT JOIN out_item o USING (barcode) WHERE i.state <> 'retired' GROUP BY i.category_id
    ) u USING (category_id)
"""

CATEGORIES = f"""
WITH page AS (
    SELECT * FROM ({_CATEGORY}) c
    WHERE centre = %(centre)s
      AND (%(group)s::text IS NULL OR "group" = %(group)s)
      AND (%(q)s::text IS NULL OR name_ko ILIKE '%%' || %(q)s || '%%' OR name_en ILIKE '%%' || %(q)s || '%%')
      AND (%(available)s::boolean IS NULL OR (free > 0) = %(available)s)
      AND code > %(after)s
    ORDER BY code LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY code) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s THEN (SELECT max(code) FROM page) END)
"""

CATEGORY = f"SELECT to_json(c) FROM ({_CATEGORY}) c WHERE centre = %(centre)s AND code = %(code)s"

_ITEM = """
    SELECT i.barcode, i.centre, i.category, coalesce(o.state, i.state) AS state, o.rental_id, o.due_on, i.last_rental,
           i.repair_id, i.missing, i.damages, i.version
    FROM item i LEFT JOIN out_item o USING (barcode)
"""

ITEMS = f"""
WITH page AS (
    SELECT * FROM ({_ITEM}) i
    WHERE centre = %(centre)s
      AND (%(category)s::text IS NULL OR category = %(category)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND barcode > %(after)s
    ORDER BY barcode LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY barcode) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s THEN (SELECT max(barcode) FROM page) END)
"""

ITEM = f"SELECT to_json(i) FROM ({_ITEM}) i WHERE barcode = %(barcode)s"

REPAIRS = """
WITH page AS (
    SELECT * FROM repair
    WHERE centre = %(centre)s
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(barcode)s::text IS NULL OR barcode = %(barcode)s)
      AND (%(after)s = '' OR (opened_at, repair_id) < (
          SELECT opened_at, repair_id FROM repair WHERE repair_id = %(after)s))
    ORDER BY opened_at DESC, repair_id DESC LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY opened_at DESC, repair_id DESC) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT repair_id FROM page ORDER BY opened_at, repair_id LIMIT 1) END)
"""

REPAIR = "SELECT to_json(r) FROM repair r WHERE repair_id = %(repair_id)s"

QUERIES = (
    Sql(wire.Categories, CATEGORIES),
    Sql(wire.Category, CATEGORY),
    Sql(wire.Items, ITEMS),
    Sql(wire.Item, ITEM),
    Sql(wire.Repairs, REPAIRS),
    Sql(wire.Repair, REPAIR, kind=Repair),
)
