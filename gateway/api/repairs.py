"""Repairs: damaged items on their way to the maker and back."""

from __future__ import annotations

from gateway.http.auth import STAFF
from gateway.http.route import Routes
from services.contracts.inventory import views
from services.contracts.inventory.commands import ReturnRepair, SendRepair
from services.contracts.inventory.queries import Repair, Repairs

routes = Routes("repairs", thing="repair")

routes.list("/v1/repairs", Repairs, "List repairs, newest first.", who=STAFF)
routes.show("/v1/repairs/{id}", Repair, "Show one repair.", who=STAFF, headers=("If-None-Match",))
routes.command(
    "/v1/repairs/{id}/sent",
    SendRepair,
    "Hand a damaged item to its maker's after-sales service.",
    who=STAFF,
    headers=("If-Match",),
    answer=views.Repair,
)
routes.command(
    "/v1/repairs/{id}/returned",
    ReturnRepair,
    "Take an item back from its maker: mended, or not worth mending.",
    who=STAFF,
    headers=("If-Match",),
    answer=views.Repair,
)
