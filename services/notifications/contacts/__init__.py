"""Contacts: how residents are reached. The only home of personal data."""

from services.chassis.service import Capability, CommandHandler, Projection, mutable_table
from services.contracts.notifications.commands import RegisterContact
from services.notifications.contacts.decisions import register
from services.notifications.contacts.model import Contact, ContactRegistered, ContactStatus, evolve
from services.notifications.contacts.queries import QUERIES

CAPABILITY = Capability(
    "contacts",
    commands=(CommandHandler(RegisterContact, register, ContactStatus),),
    projections=(mutable_table(Contact), Projection(ContactStatus, evolve, (ContactRegistered,))),
    queries=QUERIES,
)
