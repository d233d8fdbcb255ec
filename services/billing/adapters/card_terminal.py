"""The card terminal: a small program beside the card reader, asked over HTTP.

A reply that is lost says nothing about the money. Every request carries the payment's id, so asking again is safe.
"""

from typing import Annotated, Any, get_args
from urllib.parse import quote

import requests
from msgspec import Meta

from services.chassis.domain import value
from services.chassis.foundation.codec import Malformed, convert
from services.chassis.foundation.settings import SettingMissing, required
from services.chassis.service import RetryLater
from services.contracts.billing.words import DeclineReason

# Why a card is declined, of the reasons that an event may hold; whatever else the terminal says is "declined".
REASONS: dict[str, DeclineReason] = {reason: reason for reason in get_args(DeclineReason)}
TIMEOUT = 5.0  # seconds; a card takes longer, but then the terminal answers ``pending``


@value
class PaymentAnswer:
    """What the terminal knows of a payment. ``state``: approved, declined, pending or cancelled; amounts in won."""

    id: str
    state: str
    approval_number: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,40}\Z")] | None = None
    reason: str | None = None
    refunded_krw: int = 0


class Terminal:
    """A card terminal at ``url``. Every method raises :class:`RetryLater` when there is no usable reply."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()

    def ask(self, payment_id: str, amount_krw: int) -> PaymentAnswer:
        """Take ``amount_krw`` under this id, once; what came of it when it was asked before."""
        return self._post("/payments", {"id": payment_id, "amount_krw": amount_krw})

    def cancel(self, payment_id: str) -> PaymentAnswer:
        """Cancel for good, and give back what was taken; ``refunded_krw`` says how much that was."""
        return self._post(f"/payments/{quote(payment_id, safe='')}/cancel", {})

    def _post(self, path: str, body: dict[str, Any]) -> PaymentAnswer:
        try:
            reply = self._session.post(self._url + path, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            raise RetryLater(f"the card terminal does not answer: {type(error).__name__}", after=1.0) from None
        if reply.status_code != 200:
            raise RetryLater(f"the card terminal answered {reply.status_code}: {reply.text[:200]}", after=5.0)
        try:
            return convert(reply.json(), PaymentAnswer)
        except (requests.JSONDecodeError, Malformed):
            raise RetryLater("the card terminal's answer can't be read", after=5.0) from None


def card_terminal() -> Terminal:
    """The terminal that the environment names. Raises :class:`SettingMissing`."""
    url = required("NANUM_TERMINAL_URL")
    if not url.startswith(("http://", "https://")):
        raise SettingMissing("NANUM_TERMINAL_URL must be an address, as http://127.0.0.1:8085")
    return Terminal(url)
