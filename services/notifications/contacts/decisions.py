"""Decisions about contacts."""

from datetime import datetime
from typing import Any

from services.chassis.domain import Delete, StateReader, Upsert, make, reads
from services.contracts.notifications.commands import CorrectContact, ForgetContact, RegisterContact
from services.notifications.contacts import model
from services.notifications.contacts.model import Contact, ContactStatus, contact_of


@reads(lambda command: [(ContactStatus, command.resident_id)])
def register(command: RegisterContact, read: StateReader, now: datetime) -> list[Any]:
    """Keep the contact once; what changes later is a correction. Who was forgotten stays so under this id."""
    status = read(ContactStatus, command.resident_id)
    if status and status.state == "forgotten":
        raise model.ContactIsForgotten(resident_id=command.resident_id)
    if status:
        return []
    return [Upsert(contact_of(command, command.centre)), make(model.ContactRegistered, command)]


@reads(lambda command: [(Contact, command.resident_id), (ContactStatus, command.resident_id)])
def correct(command: CorrectContact, read: StateReader, now: datetime) -> list[Any]:
    """Keep the contact as it is given now; the same again changes nothing."""
    status = _known(read, command.resident_id)
    if status.state == "forgotten":
        raise model.ContactIsForgotten(resident_id=command.resident_id)
    row = contact_of(command, status.centre)
    return [] if read(Contact, command.resident_id) == row else [Upsert(row), make(model.ContactCorrected, status)]


@reads(lambda command: [(ContactStatus, command.resident_id)])
def forget(command: ForgetContact, read: StateReader, now: datetime) -> list[Any]:
    """Delete the contact; the event says that it is gone, and why."""
    status = _known(read, command.resident_id)
    if status.state == "forgotten":
        return []
    return [Delete(Contact, command.resident_id), make(model.ContactForgotten, status, reason=command.reason)]


def _known(read: StateReader, resident_id: str) -> ContactStatus:
    status = read(ContactStatus, resident_id)
    if status is None:
        raise model.ContactUnknown(resident_id=resident_id)
    return status
