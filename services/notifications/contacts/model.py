"""A contact: how a resident is reached. Its row is the only personal data of the system, and no event carries it."""

import unicodedata
from typing import Any

from services.chassis.domain import Refused, event, make, replace, state
from services.contracts import refusals
from services.contracts.notifications import events, views

# -- events --


@event(stream="contact-{resident_id}")
class ContactRegistered(events.ContactRegistered):
    """A resident can be reached. Ids only: events are kept, people may be forgotten."""


@event(stream="contact-{resident_id}")
class ContactCorrected(events.ContactCorrected):
    """A resident is reached otherwise. Nothing tells how it was before."""


@event(stream="contact-{resident_id}")
class ContactForgotten(events.ContactForgotten):
    """A resident is reached no more."""


# -- refusals --


class ContactUnknown(Refused):
    """There is no contact of resident {resident_id}; register the resident first with POST /v1/residents."""

    kind = refusals.NOT_FOUND
    ko = "주민 {resident_id}의 연락처가 없습니다. 먼저 회원으로 등록하세요."


class ContactIsForgotten(Refused):
    """The contact of resident {resident_id} was forgotten; register the resident anew with POST /v1/residents."""

    kind = refusals.CONFLICT
    ko = "주민 {resident_id}의 연락처는 삭제되었습니다. 다시 이용하려면 새로 회원으로 등록하세요."


# -- states --


@state("contact", key="resident_id")
class Contact(views.ContactDetails):
    """Name, phone and addresses of a resident: a row of a mutable table, so that it can be forgotten."""


@state("contact_status", key="resident_id", stream="contact-{}")
class ContactStatus(views.ContactStatus):
    """Contact status without personal data; safe to store as a command result."""

    version: int = 0


def contact_of(source: Any, centre: str) -> Contact:
    """The row of what was given. The name is written as it is searched: in composed letters, with single spaces."""
    name = unicodedata.normalize("NFC", " ".join(source.name.split()))
    return make(Contact, source, centre=centre, name=name)


def evolve(status: ContactStatus | None, event: Any) -> ContactStatus | None:
    """The status after an event."""
    if isinstance(event, ContactRegistered):
        return status or ContactStatus(**vars(event), state="registered")
    if status and isinstance(event, ContactForgotten):
        return replace(status, state="forgotten")
    return status
