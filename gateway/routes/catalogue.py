"""The catalogue, which is public, and the units behind it."""

from __future__ import annotations

from marshmallow import Schema

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import ANYBODY, MANAGER, PUBLIC, STAFF, only
from gateway.conditions import unless_current
from gateway.pages import page, public
from gateway.reading import without
from gateway.route import Routes
from services.contracts.inventory import (
    Categories,
    Category,
    DescribeCategory,
    Item,
    Items,
    MakeItemReady,
    RegisterItem,
    ReportDamage,
    ReportLost,
    RetireItem,
)

routes = Routes("catalogue")
BRIEFLY = "public, max-age=2"  # seconds: what is free changes with every loan


@routes.get(
    "/v1/categories",
    who=PUBLIC,
    query=without(Categories, "centre"),
    headers=("If-None-Match",),
    answer=answers.Category,
    many=True,
    caching=BRIEFLY,
)
async def list_categories(ask: Ask) -> Answer:
    """Browse the catalogue: every category with its total and its free count."""
    row = await ask.query_for(Categories, centre=ask.who.centre, **ask.query)
    return public(ask, page(ask, row, "/v1/categories"))


@routes.get("/v1/categories/{code}", who=PUBLIC, headers=("If-None-Match",), answer=answers.Category, caching=BRIEFLY)
async def show_category(ask: Ask) -> Answer:
    """Show one category with its manual, its parts and its free count."""
    return public(ask, Answer((await ask.query_for(Category, centre=ask.who.centre, code=ask.path["code"])).body))


@routes.post("/v1/categories", who=only(MANAGER), body=without(DescribeCategory, "centre"), answer=answers.Category)
async def describe_category(ask: Ask) -> Answer:
    """Enter a category or change what is said of it."""
    return Answer.of(await ask.command(DescribeCategory, centre=ask.who.centre, **ask.body))


@routes.get("/v1/items", who=ANYBODY, query=without(Items, "centre"), answer=answers.Item, many=True)
async def list_items(ask: Ask) -> Answer:
    """List units, by category or state."""
    return page(ask, await ask.query_for(Items, centre=ask.who.centre, **ask.query), "/v1/items")


@routes.get("/v1/items/{barcode}", who=ANYBODY, headers=("If-None-Match",), answer=answers.Item)
async def show_item(ask: Ask) -> Answer:
    """Show one unit."""
    row = ask.here(await ask.query_for(Item, barcode=ask.path["barcode"]), "item")
    return unless_current(row, ask.header("If-None-Match"))


@routes.post("/v1/items", who=only(MANAGER), body=without(RegisterItem, "centre"), answer=answers.Item, status=201)
async def register_item(ask: Ask) -> Answer:
    """Enter a unit into the books under its barcode."""
    row = await ask.command(RegisterItem, centre=ask.who.centre, **ask.body)
    return Answer.of(row, location=f"/v1/items/{ask.body['barcode']}")


@routes.post("/v1/items/{barcode}/ready", who=STAFF, body=without(MakeItemReady, "barcode"), answer=answers.Item)
async def make_item_ready(ask: Ask) -> Answer:
    """Declare a unit ready to be lent."""
    return await _change(ask, MakeItemReady)


@routes.post("/v1/items/{barcode}/damage", who=STAFF, body=without(ReportDamage, "barcode"), answer=answers.Item)
async def report_damage(ask: Ask) -> Answer:
    """Take a damaged unit out of lending and open its repair."""
    return await _change(ask, ReportDamage)


@routes.post("/v1/items/{barcode}/lost", who=STAFF, body=without(ReportLost, "barcode"), answer=answers.Item)
async def report_lost(ask: Ask) -> Answer:
    """Record that a unit can't be found."""
    return await _change(ask, ReportLost)


@routes.post("/v1/items/{barcode}/retire", who=only(MANAGER), body=without(RetireItem, "barcode"), answer=answers.Item)
async def retire_item(ask: Ask) -> Answer:
    """Take a unit out of the books for good."""
    return await _change(ask, RetireItem)


async def _change(ask: Ask, contract: type[Schema]) -> Answer:
    """A barcode doesn't say its centre, and the command doesn't either: look before asking."""
    barcode = ask.path["barcode"]
    ask.here(await ask.query_for(Item, barcode=barcode), "item")
    return Answer.of(await ask.command(contract, barcode=barcode, **ask.body))
