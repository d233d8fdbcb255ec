"""Inventory: categories, items, repairs. What may be asked of it, and what it publishes."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.contracts.schema import BARCODE, CODE, Command, Page, Published, Query, barcode, ident, krw

GROUPS = ("daily", "camping", "tool")
HAZARDS = ("none", "electric", "pinch", "fall", "fire", "power_tool", "weight", "chemical", "heat")
CONDITIONS = ("good", "dirty", "damaged", "lost")
CAUSES = ("wear", "ignorance", "inexperience", "accident", "wilful", "transferred", "lost")
STATES = ("preparing", "ready", "held", "out", "cleaning", "damaged", "repair", "lost", "retired")


class Part(Schema):
    """One line of a category's parts checklist."""

    ko = fields.String(required=True, validate=validate.Length(1, 100))
    en = fields.String(required=True, validate=validate.Length(1, 100))
    qty = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))


# -- commands --


class DescribeCategory(Command):
    """Say what a category is: its names, price, fee, manual and parts. Saying the same again changes nothing."""

    centre = ident()
    code = fields.String(required=True, validate=CODE, metadata={"example": "C10"})
    group = fields.String(required=True, validate=validate.OneOf(GROUPS))
    name_ko = fields.String(required=True, validate=validate.Length(1, 100))
    name_en = fields.String(required=True, validate=validate.Length(1, 100))
    purchase_price_krw = krw()
    fee_krw = krw(description="ordinary fee of one charged night")
    max_nights = fields.Integer(required=True, strict=True, validate=validate.Range(1, 365))
    hazard = fields.String(required=True, validate=validate.Length(1, 40))
    briefing_required = fields.Boolean(required=True)
    manual_ko = fields.String(required=True, validate=validate.Length(1, 4000))
    manual_en = fields.String(required=True, validate=validate.Length(1, 4000))
    parts = fields.List(fields.Nested(Part), required=True, validate=validate.Length(max=50))


class RegisterItem(Command):
    """Enter a unit into the books under its barcode; it is prepared before it can be lent."""

    centre = ident()
    barcode = barcode()
    category = fields.String(required=True, validate=CODE, metadata={"example": "C10"})


class MakeItemReady(Command):
    """Declare a prepared, cleaned, found or repaired unit ready to be lent."""

    barcode = barcode()


class ReportDamage(Command):
    """Take a damaged unit out of lending and open its repair."""

    barcode = barcode()
    cause = fields.String(required=True, validate=validate.OneOf(CAUSES))


class ReportLost(Command):
    """Record that a unit can't be found."""

    barcode = barcode()


class RetireItem(Command):
    """Take a unit out of the books for good."""

    barcode = barcode()


class TakeBackItem(Command):
    """What the return desk found, said by rentals: the unit is cleaned, repaired or at once ready again."""

    barcode = barcode()
    rental_id = ident()
    condition = fields.String(required=True, validate=validate.OneOf(CONDITIONS))
    cause = fields.String(required=True, allow_none=True, validate=validate.OneOf(CAUSES))
    missing = fields.List(fields.String(), required=True)
    ready_from = fields.AwareDateTime(required=True, allow_none=True)


class FinishCleaning(Command):
    """The cleaning buffer after a rental is over."""

    barcode = barcode()
    rental_id = ident()


class SendRepair(Command):
    """Hand a damaged unit to its maker's after-sales service."""

    repair_id = ident()
    maker = fields.String(required=True, validate=validate.Length(1, 100), metadata={"example": "Kovea A/S"})
    reference = fields.String(load_default="", validate=validate.Length(max=60))


class ReturnRepair(Command):
    """The unit is back from the maker: mended, or not worth mending (then it is retired)."""

    repair_id = ident()
    mended = fields.Boolean(required=True)
    cost_krw = krw(description="borne by the district")


# -- queries --


class Categories(Page):
    """The catalogue, each category with its total and its free count."""

    centre = ident()
    group = fields.String(load_default=None, validate=validate.OneOf(GROUPS))
    q = fields.String(load_default=None, validate=validate.Length(1, 60))
    available = fields.Boolean(load_default=None)


class Category(Query):
    """One category with its manual and parts."""

    centre = ident()
    code = fields.String(required=True, validate=CODE)


class Items(Page):
    """Units, by category or state."""

    centre = ident()
    category = fields.String(load_default=None, validate=CODE)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))


class Item(Query):
    """One unit by its barcode."""

    barcode = fields.String(required=True, validate=BARCODE)


class Repairs(Page):
    """Repairs, newest first; ``state``: open, sent, mended or scrapped."""

    centre = ident()
    state = fields.String(load_default=None, validate=validate.OneOf(("open", "sent", "mended", "scrapped")))
    barcode = fields.String(load_default=None, validate=BARCODE)


class Repair(Query):
    """One repair."""

    repair_id = ident()


# -- published --


class CategoryDescribed(Published):
    """A category was entered or changed."""

    type_name = "category.described"
    centre = ident()
    code = fields.String(required=True)
    group = fields.String(required=True)
    name_ko = fields.String(required=True)
    name_en = fields.String(required=True)
    purchase_price_krw = krw()
    fee_krw = krw()
    max_nights = fields.Integer(required=True)
    hazard = fields.String(required=True)
    briefing_required = fields.Boolean(required=True)
    manual_ko = fields.String(required=True)
    manual_en = fields.String(required=True)
    parts = fields.List(fields.Nested(Part), required=True)


class ItemRegistered(Published):
    """A unit was entered into the books."""

    type_name = "item.registered"
    centre = ident()
    barcode = barcode()
    category = fields.String(required=True)


class ItemReady(Published):
    """A unit can be lent; ``reason`` is new, cleaned, repaired or found, ``after_rental`` what it came back from."""

    type_name = "item.ready"
    centre = ident()
    barcode = barcode()
    category = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(("new", "cleaned", "repaired", "found")))
    after_rental = fields.String(required=True, allow_none=True)


class ItemCleaning(Published):
    """A unit came back and rests until it is clean; ``until`` is null when staff has to clean it first."""

    type_name = "item.cleaning"
    centre = ident()
    barcode = barcode()
    rental_id = ident()
    until = fields.AwareDateTime(required=True, allow_none=True)


class ItemDamaged(Published):
    """A unit can't be lent until it is repaired."""

    type_name = "item.damaged"
    centre = ident()
    barcode = barcode()
    category = fields.String(required=True)
    rental_id = fields.String(required=True, allow_none=True)
    cause = fields.String(required=True, validate=validate.OneOf(CAUSES))


class ItemLost(Published):
    """A unit can't be found."""

    type_name = "item.lost"
    centre = ident()
    barcode = barcode()
    rental_id = fields.String(required=True, allow_none=True)


class ItemRetired(Published):
    """A unit left the books."""

    type_name = "item.retired"
    centre = ident()
    barcode = barcode()


class RepairOpened(Published):
    """A repair was opened for a damaged unit."""

    type_name = "repair.opened"
    centre = ident()
    repair_id = ident()
    barcode = barcode()
    rental_id = fields.String(required=True, allow_none=True)
    cause = fields.String(required=True)


class RepairSent(Published):
    """A unit went to its maker."""

    type_name = "repair.sent"
    centre = ident()
    repair_id = ident()
    barcode = barcode()
    maker = fields.String(required=True)


class RepairReturned(Published):
    """A unit is back from its maker; the district bore the cost."""

    type_name = "repair.returned"
    centre = ident()
    repair_id = ident()
    barcode = barcode()
    rental_id = fields.String(required=True, allow_none=True)
    mended = fields.Boolean(required=True)
    cost_krw = krw()
