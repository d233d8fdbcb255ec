"""What may be asked of notifications."""

from typing import Annotated

from msgspec import Meta

from services.contracts.base import BirthDate, Centre, Id, command
from services.contracts.notifications.addresses import unmailable, unwritable
from services.contracts.notifications.words import ForgetReason, Language

Name = Annotated[str, Meta(min_length=1, max_length=100, examples=["김나눔"], extra={"check": unwritable})]
Phone = Annotated[
    str,
    Meta(
        pattern=r"^0\d{1,2}-\d{3,4}-\d{4}\Z",
        examples=["010-1234-5678"],
        extra={"error": "A phone number is written as 010-1234-5678."},
    ),
]
Email = Annotated[
    str,
    Meta(
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+\Z",
        max_length=254,
        examples=["nanum@example.org"],
        extra={"error": "A mail address is written as nanum@example.org.", "check": unmailable},
    ),
]


@command
class RegisterContact:
    """Keep how a resident is reached. The only personal data of the whole system lives behind this command."""

    resident_id: Id
    centre: Centre
    name: Name
    phone: Phone
    email: Email | None = None
    birth_date: BirthDate | None = None
    language: Language = "ko"


@command
class CorrectContact:
    """Say anew how a resident is reached: the whole contact, so that nothing is lost by being left out."""

    resident_id: Id
    name: Name
    phone: Phone
    email: Email | None
    birth_date: BirthDate | None
    language: Language


@command
class ForgetContact:
    """Forget how a resident is reached: name, phone, addresses and birth date. What they lent stays, without a name."""

    resident_id: Id
    reason: ForgetReason
