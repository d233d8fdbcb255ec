"""The card terminal: a small program beside the card reader, asked over HTTP.

A reply that is lost says nothing about the money. Every request carries the payment's id, so asking again is safe.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import quote

import requests
from msgspec import Meta

from services.chassis.domain import value
from services.chassis.foundation.codec import convert, decode
from services.chassis.foundation.settings import SettingMissing, required
from services.chassis.service import RetryLater
from services.contracts.billing.words import DeclineReason

PaymentState = Literal["approved", "declined", "pending", "cancelled"]
Shape = TypeVar("Shape")
# Why a card is declined, of the reasons that an event may hold; whatever else the terminal says is "declined".
REASONS: dict[str, DeclineReason] = {reason: reason for reason in get_args(DeclineReason)}
TIMEOUT = 5.0  # seconds; a card takes longer, but then the terminal answers ``pending``
LONGEST_PAUSE = 10.0  # seconds between two questions about a payment for which somebody stands at the desk


@value
class PaymentAnswer:
    """What the terminal knows of a payment; amounts in won.

    ``amount_krw`` is None for an id that was cancelled before it was asked for; an approval number says that the amount
    was taken, ``refunded_krw`` how much of it was given back.
    """

    id: str
    state: PaymentState
    amount_krw: int | None = None
    approval_number: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,40}\Z")] | None = None
    reason: str | None = None
    refunded_krw: int = 0


@value
class PaymentPage:
    """Some of the terminal's payments; ``next`` is where the following ones begin."""

    payments: tuple[PaymentAnswer, ...]
    next: int | None = None


class Terminal:
    """A card terminal at ``url``. Every method raises :class:`RetryLater` when there is no usable reply."""

    def __init__(self, url: str, secret: str, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc of this machine comes in between
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def ask(self, payment_id: str, amount_krw: int) -> PaymentAnswer:
        """Take ``amount_krw`` under this id, once; what came of it when it was asked before."""
        body = {"id": payment_id, "amount_krw": amount_krw}
        return self._answer(PaymentAnswer, "POST", "/payments", LONGEST_PAUSE, json=body)

    def cancel(self, payment_id: str) -> PaymentAnswer:
        """Cancel for good, and give back what was taken; ``refunded_krw`` says how much that was."""
        return self._answer(PaymentAnswer, "POST", f"/payments/{quote(payment_id, safe='')}/cancel", json={})

    def payments(self, since: datetime) -> Iterator[PaymentAnswer]:
        """Every payment that is new, or has changed, since an instant."""
        page, at = PaymentPage(payments=(), next=0), since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
        while page.next is not None:
            page = self._answer(PaymentPage, "GET", "/payments", params={"since": at, "after": page.next})
            yield from page.payments

    def _answer(self, kind: type[Shape], method: str, path: str, pause: float = 300.0, **request: Any) -> Shape:
        try:
            reply = self._session.request(method, self._url + path, timeout=self._timeout, **request)
        except requests.RequestException as error:
            why = f"the card terminal does not answer: {type(error).__name__}"
            raise RetryLater(why, at_most=pause) from None
        if reply.status_code != 200:
            raise RetryLater(f"the card terminal answered {reply.status_code}: {reply.text[:200]}", after=5.0)
        try:
            return convert(decode(reply.content), kind)
        except ValueError:
            raise RetryLater("the card terminal's answer can't be read", after=5.0) from None


def card_terminal() -> Terminal:
    """The terminal that the environment names. Raises :class:`SettingMissing`."""
    url = required("NANUM_TERMINAL_URL")
    if not url.startswith(("http://", "https://")):
        raise SettingMissing("NANUM_TERMINAL_URL must be an address, as http://127.0.0.1:8085")
    return Terminal(url, required("NANUM_TERMINAL_SECRET"))
