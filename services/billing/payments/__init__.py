"""Payments: the fee of a rental, taken at the card terminal and given back when the rental comes to nothing."""

from services.billing.payments import decisions, model
from services.billing.payments.policies import EFFECTS, POLICIES, SCHEDULES
from services.chassis.readmodels.paging import list_query, row_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.billing import queries

EVENTS = (
    model.PaymentRequested,
    model.PaymentCaptured,
    model.PaymentDeclined,
    model.PaymentAbandoned,
    model.PaymentRefunded,
)
CAPABILITY = Capability(
    "payments",
    commands=(
        CommandHandler(model.RequestPayment, decisions.request),
        CommandHandler(model.RecordCapture, decisions.record_capture),
        CommandHandler(model.RecordDecline, decisions.record_decline),
        CommandHandler(model.AbandonPayment, decisions.abandon),
        CommandHandler(model.RecordRefund, decisions.record_refund),
    ),
    projections=(Projection(model.Payment, model.evolve, EVENTS),),
    policies=POLICIES,
    schedules=SCHEDULES,
    effects=EFFECTS,
    queries=(row_query(queries.Payment, model.Payment), list_query(queries.Payments, model.Payment, by="requested_at")),
)
