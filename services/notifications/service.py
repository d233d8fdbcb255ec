"""Notifications as a sum of its capabilities."""

from services.chassis.service import Service
from services.notifications import announcements, catalogue, contacts, messages, rental_summaries

SERVICE = Service(
    "notifications",
    contacts.CAPABILITY,
    messages.CAPABILITY,
    announcements.CAPABILITY,
    rental_summaries.CAPABILITY,
    catalogue.CAPABILITY,
)
