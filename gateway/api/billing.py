"""Payments, damages and the ledger, for those who answer for the money."""

from __future__ import annotations

from gateway.http.auth import MANAGER, STAFF, only
from gateway.http.route import Routes
from services.contracts.billing.queries import Damage, Damages, Ledger, Payment, Payments

payments = Routes("billing", thing="payment")
damages = Routes("billing", thing="damage")

payments.list("/v1/payments", Payments, "List payments, newest first, or those of one rental.", who=STAFF)
payments.show("/v1/payments/{id}", Payment, "Show one payment.", who=STAFF, headers=("If-None-Match",))
damages.list(
    "/v1/damages",
    Damages,
    "List damages, newest first: waived by the rules, or open until a manager has settled them.",
    who=STAFF,
)
damages.show("/v1/damages/{id}", Damage, "Show one damage.", who=STAFF, headers=("If-None-Match",))
payments.show("/v1/ledger", Ledger, "Show the balance of every account.", who=only(MANAGER))

routes = [*payments, *damages]
