"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from services.chassis.definition import Sql
from services.chassis.listing import asked, given, listing
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

CATEGORIES = listing(
    f"({_CATEGORY})",
    "code",
    given("centre"),
    asked("group"),
    "(%(q)s::text IS NULL OR name_ko ILIKE '%%' || %(q)s || '%%' OR name_en ILIKE '%%' || %(q)s || '%%')",
    "(%(available)s::boolean IS NULL OR (free > 0) = %(available)s)",
)

CATEGORY = f"SELECT to_json(c) FROM ({_CATEGORY}) c WHERE centre = %(centre)s AND code = %(code)s"

_ITEM = """
    SELECT i.barcode, i.centre, i.category, coalesce(o.state, i.state) AS state, o.rental_id, o.due_on, i.last_rental,
           i.repair_id, i.missing, i.damages, i.version
    FROM item i LEFT JOIN out_item o USING (barcode)
"""

ITEMS = listing(f"({_ITEM})", "barcode", given("centre"), asked("category"), asked("state"))

ITEM = f"SELECT to_json(i) FROM ({_ITEM}) i WHERE barcode = %(barcode)s"

REPAIRS = listing(
    "repair", "repair_id", given("centre"), asked("state"), asked("barcode"), by="opened_at", descending=True
)

REPAIR = "SELECT to_json(r) FROM repair r WHERE repair_id = %(repair_id)s"

QUERIES = (
    Sql(wire.Categories, CATEGORIES),
    Sql(wire.Category, CATEGORY),
    Sql(wire.Items, ITEMS),
    Sql(wire.Item, ITEM),
    Sql(wire.Repairs, REPAIRS),
    Sql(wire.Repair, REPAIR, kind=Repair),
)
