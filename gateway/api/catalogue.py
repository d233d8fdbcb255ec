"""The catalogue, which is public, and the items behind it."""

from __future__ import annotations

from gateway.http.auth import ANYBODY, MANAGER, PUBLIC, STAFF, only
from gateway.http.request import RequestContext
from gateway.http.response import Response
from gateway.http.route import BRIEFLY, LONG_TEXTS, Routes
from services.contracts.inventory import views
from services.contracts.inventory.commands import (
    DescribeCategory,
    MakeItemReady,
    RegisterItem,
    ReportDamage,
    ReportLost,
    RetireItem,
)
from services.contracts.inventory.queries import Categories, Category, Item, Items

routes = Routes("catalogue")

routes.list(
    "/v1/categories",
    Categories,
    "Browse the catalogue: every category with its total and its free count.",
    who=PUBLIC,
    caching=BRIEFLY,
)
routes.show(
    "/v1/categories/{code}",
    Category,
    "Show one category with its manual, its parts and its free count.",
    who=PUBLIC,
    caching=BRIEFLY,
)
routes.command(
    "/v1/categories",
    DescribeCategory,
    "Enter a category or change what is said of it.",
    who=only(MANAGER),
    answer=views.CategoryDescription,
    largest_body=LONG_TEXTS,
)
routes.list("/v1/items", Items, "List items, by category or state.", who=ANYBODY)
routes.show("/v1/items/{barcode}", Item, "Show one item.", who=ANYBODY, headers=("If-None-Match",))


@routes.post("/v1/items", who=only(MANAGER), body=RegisterItem, answer=views.ItemRecord, status=201)
async def register_item(context: RequestContext) -> Response:
    """Enter an item into the books under its barcode."""
    item = await context.send(RegisterItem, **context.body)
    return Response(item.body, location=f"/v1/items/{context.body['barcode']}")


routes.command(
    "/v1/items/{barcode}/ready", MakeItemReady, "Declare an item ready to be lent.", who=STAFF, answer=views.ItemRecord
)
routes.command(
    "/v1/items/{barcode}/damage",
    ReportDamage,
    "Take a damaged item out of lending and open its repair.",
    who=STAFF,
    answer=views.ItemRecord,
)
routes.command(
    "/v1/items/{barcode}/lost", ReportLost, "Record that an item can't be found.", who=STAFF, answer=views.ItemRecord
)
routes.command(
    "/v1/items/{barcode}/retire",
    RetireItem,
    "Take an item out of the books for good.",
    who=only(MANAGER),
    answer=views.ItemRecord,
)
