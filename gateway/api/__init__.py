"""Every route of the gateway, one module per resource. What is not in ROUTES is not served."""

from __future__ import annotations

from gateway.api import billing, catalogue, desk, documents, events, health, notices, rentals, repairs, residents, rules
from gateway.http.route import Route

ROUTES: tuple[Route, ...] = tuple(
    route
    for module in (residents, catalogue, repairs, rentals, rules, desk, billing, notices, events, documents, health)
    for route in module.routes
)
