"""Decisions about contacts."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, Upsert, reads
from services.contracts.notifications.commands import RegisterContact
from services.notifications.contacts.model import Contact, ContactRegistered, ContactStatus


@reads(lambda command: [(Contact, command.resident_id), (ContactStatus, command.resident_id)])
def register(command: RegisterContact, read: StateReader, now: datetime) -> list[Any]:
    """Keep the contact as last given; only the first registration is an event."""
    row = Contact(**vars(command))
    parts: list[Any] = [] if read(Contact, command.resident_id) == row else [Upsert(row)]
    if read(ContactStatus, command.resident_id) is None:
        parts.append(ContactRegistered(centre=command.centre, resident_id=command.resident_id))
    return parts
