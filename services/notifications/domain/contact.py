"""A contact: how a resident is reached. Its row is the only personal data of the system, and no fact carries it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.chassis.kernel import Keep, Look, fact, intent, needs, state

# -- facts --


@fact("contact.registered", stream="contact-{resident_id}")
class ContactRegistered:
    """A resident can be reached. Ids only: facts are kept for ever, people may be forgotten."""

    centre: str
    resident_id: str


# -- intents --


@intent
class RegisterContact:
    """Keep how a resident is reached."""

    resident_id: str
    centre: str
    name: str
    phone: str
    email: str | None = None
    birth_date: date | None = None
    language: str = "ko"


# -- state --


@state("contact", key="resident_id")
class Contact:
    """Name, phone and addresses of a resident: a record, kept by decisions and forgettable."""

    resident_id: str
    centre: str
    name: str
    phone: str
    email: str | None
    birth_date: date | None
    language: str


@state("reachable", key="resident_id", stream="contact-{}")
class Reachable:
    """That a resident can be reached; nothing personal, so that outcomes may keep it."""

    resident_id: str
    centre: str
    version: int = 0


def evolve(now: Reachable | None, fact: ContactRegistered) -> Reachable:
    """Who was registered can be reached."""
    return now or Reachable(resident_id=fact.resident_id, centre=fact.centre)


# -- decisions --


@needs(lambda cmd: [(Contact, cmd.resident_id), (Reachable, cmd.resident_id)])
def register(cmd: RegisterContact, look: Look, at: datetime) -> list[Any]:
    """Keep the contact as it was said last; that the resident can be reached is news only once."""
    row = Contact(
        resident_id=cmd.resident_id,
        centre=cmd.centre,
        name=cmd.name,
        phone=cmd.phone,
        email=cmd.email,
        birth_date=cmd.birth_date,
        language=cmd.language,
    )
    parts: list[Any] = [] if look(Contact, cmd.resident_id) == row else [Keep(row)]
    if look(Reachable, cmd.resident_id) is None:
        parts.append(ContactRegistered(centre=cmd.centre, resident_id=cmd.resident_id))
    return parts
