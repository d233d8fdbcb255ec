"""The house rules: data, versioned, public."""

from __future__ import annotations

from gateway.http.auth import MANAGER, PUBLIC, only
from gateway.http.route import BRIEFLY, LONG_TEXTS, Routes
from services.contracts.rentals import views
from services.contracts.rentals.commands import AdoptHouseRules
from services.contracts.rentals.queries import HouseRules

routes = Routes("house rules")

routes.show("/v1/house-rules", HouseRules, "Show the house rules in force.", who=PUBLIC, caching=BRIEFLY)
routes.command(
    "/v1/house-rules",
    AdoptHouseRules,
    "Put a version of the house rules into force; each later decision records the version that it used.",
    who=only(MANAGER),
    answer=views.HouseRules,
    largest_body=LONG_TEXTS,
)
