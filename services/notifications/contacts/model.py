"""A contact: how a resident is reached. Its row is the only personal data of the system, and no event carries it."""

from services.chassis.domain import event, state
from services.contracts.notifications import events, views

# -- events --


@event(stream="contact-{resident_id}")
class ContactRegistered(events.ContactRegistered):
    """A resident can be reached. Ids only: events are kept, people may be forgotten."""


# -- states --


@state("contact", key="resident_id")
class Contact(views.Contact):
    """Name, phone and addresses of a resident: a row of a mutable table, so that it can be forgotten."""


@state("contact_status", key="resident_id", stream="contact-{}")
class ContactStatus(views.ContactStatus):
    """Contact status without personal data; safe to store as a command result."""

    version: int = 0


def evolve(status: ContactStatus | None, event: ContactRegistered) -> ContactStatus:
    """The status once the contact was registered."""
    return status or ContactStatus(**vars(event))
