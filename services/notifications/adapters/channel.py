"""What a channel does: it knows which address of a contact it uses, and takes letters for it."""

from typing import Protocol

from services.chassis.domain import value
from services.notifications.contacts.model import Contact


@value
class Letter:
    """What a channel takes: a subject, which names nobody, and a plain text."""

    subject: str
    body: str


class Undeliverable(Exception):
    """The channel will never take this letter; ``reason`` is a code that names nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Channel(Protocol):
    """A way to people. ``name`` is kept with each notice that it took."""

    name: str

    def address(self, contact: Contact) -> str | None:
        """Where this channel reaches a contact; None when it can't."""

    def send(self, notice_id: str, address: str, letter: Letter) -> None:
        """Hand a letter over; ``notice_id`` marks a repeat. Raises :class:`Undeliverable` or ``RetryLater``."""
