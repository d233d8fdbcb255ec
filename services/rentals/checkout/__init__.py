"""Lending: a quote, the request at the desk, the payment, and the items that rentals have."""

from services.chassis.service import Capability, CommandHandler
from services.contracts.rentals import commands
from services.rentals.checkout import decisions, model
from services.rentals.checkout.policies import POLICIES, SCHEDULES
from services.rentals.checkout.projections import PROJECTIONS
from services.rentals.checkout.queries import QUERIES

CAPABILITY = Capability(
    name="checkout",
    commands=(
        CommandHandler(commands.RequestRental, decisions.request_rental, model.Rental),
        CommandHandler(model.StartRental, decisions.start_rental),
        CommandHandler(model.DeclinePayment, decisions.decline_payment),
        CommandHandler(model.ExpirePayment, decisions.expire_payment),
    ),
    projections=PROJECTIONS,
    policies=POLICIES,
    schedules=SCHEDULES,
    queries=QUERIES,
)
