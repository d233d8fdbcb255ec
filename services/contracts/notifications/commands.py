"""What may be asked of notifications."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from services.contracts.base import Centre, Id, command
from services.contracts.notifications.words import Language

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
        extra={"error": "A mail address is written as nanum@example.org."},
    ),
]


@command
class RegisterContact:
    """Keep how a resident is reached. The only personal data of the whole system lives behind this command."""

    resident_id: Id
    centre: Centre
    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["김나눔"])]
    phone: Phone
    email: Email | None = None
    birth_date: date | None = None
    language: Language = "ko"
