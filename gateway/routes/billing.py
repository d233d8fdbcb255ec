"""Payments, damages and the ledger, for those who answer for the money."""

from __future__ import annotations

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import MANAGER, STAFF, only
from gateway.conditions import unless_current
from gateway.pages import page
from gateway.reading import without
from gateway.route import Routes
from services.contracts.billing import Damages, Ledger, Payment, Payments

routes = Routes("billing")


@routes.get("/v1/payments", who=STAFF, query=without(Payments, "centre"), answer=answers.PaymentRecord, many=True)
async def list_payments(ask: Ask) -> Answer:
    """List payments, newest first, or those of one rental."""
    return page(ask, await ask.query_for(Payments, centre=ask.who.centre, **ask.query), "/v1/payments")


@routes.get("/v1/payments/{id}", who=STAFF, headers=("If-None-Match",), answer=answers.PaymentRecord)
async def show_payment(ask: Ask) -> Answer:
    """Show one payment."""
    row = await ask.query_for(Payment, payment_id=ask.of_this_centre(ask.path["id"], "payment"))
    return unless_current(row, ask.header("If-None-Match"))


@routes.get("/v1/damages", who=STAFF, query=without(Damages, "centre"), answer=answers.DamageRecord, many=True)
async def list_damages(ask: Ask) -> Answer:
    """List damages, newest first: waived by the rules, or open until a manager has settled them."""
    return page(ask, await ask.query_for(Damages, centre=ask.who.centre, **ask.query), "/v1/damages")


@routes.get("/v1/ledger", who=only(MANAGER), answer="Every account with its debits, credits and balance, in won.")
async def ledger(ask: Ask) -> Answer:
    """Show the balance of every account."""
    return Answer.of(await ask.query_for(Ledger, centre=ask.who.centre))
