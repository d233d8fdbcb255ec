"""Contacts: how residents are reached. The only home of personal data."""

from services.chassis.service import Capability, CommandHandler, Projection, mutable_table
from services.contracts.notifications import commands
from services.notifications.contacts import decisions, model
from services.notifications.contacts.queries import QUERIES

EVENTS = (model.ContactRegistered, model.ContactCorrected, model.ContactForgotten)
CAPABILITY = Capability(
    "contacts",
    commands=(
        CommandHandler(commands.RegisterContact, decisions.register, model.ContactStatus),
        CommandHandler(commands.CorrectContact, decisions.correct, model.ContactStatus),
        CommandHandler(commands.ForgetContact, decisions.forget, model.ContactStatus),
    ),
    projections=(mutable_table(model.Contact), Projection(model.ContactStatus, model.evolve, EVENTS)),
    queries=QUERIES,
)
