"""Dead letters: messages without a proper envelope, or that their source has never published.

Nothing is lost by that: if one should have been an event, the next event shows the gap, and the source's feed fills it.
After a mend, ``replay`` gives them to the subscribers again: what is an event after all is settled, the rest stays.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.chassis.messaging.envelope import NotAnEvent, open_envelope
from services.chassis.messaging.rabbitmq import Connection, body_of
from services.chassis.messaging.same_log import Halted
from services.chassis.messaging.subscriber import OutOfOrder, SourceUnavailable, Subscriber

SHOWN = 200
KNOWN, TAKEN_IN = "known already", "taken in, or parked"


def letters(url: str, service: str) -> list[dict[str, Any]]:
    """Up to 200 dead letters, oldest first; they stay where they are."""
    connection = Connection(url, f"{service}.dead")
    channel = connection.open()
    found: list[dict[str, Any]] = []
    try:
        while len(found) < SHOWN and (message := channel.basic_get(f"{service}.dead")):
            headers = _headers(message)
            own = {name: value for name, value in headers.items() if not name.startswith("x-")}
            body = body_of(message).decode(errors="replace")[:200]
            found.append({"queue": headers.get("x-queue"), "headers": own, "body": body})
    finally:
        connection.drop()  # unsettled, they go back
    return found


def replay(url: str, service: str, subscribers: Mapping[str, Subscriber]) -> Counter[str]:
    """Give every dead letter to the subscriber of its source; returns how many came to what.

    What was known, taken in or parked is settled. Every other letter stays.
    """
    connection = Connection(url, f"{service}.dead")
    channel = connection.open()
    results: Counter[str] = Counter()
    try:
        while message := channel.basic_get(f"{service}.dead"):  # what stays is unsettled, so it does not come twice
            result = _replayed(message, subscribers)
            results[result] += 1
            if result in (KNOWN, TAKEN_IN):
                channel.basic_ack(message.delivery_tag)
    finally:
        connection.drop()
    return results


def _replayed(letter: Any, subscribers: Mapping[str, Subscriber]) -> str:
    try:
        message = open_envelope(_headers(letter), body_of(letter))
    except NotAnEvent as wrong:
        return f"still no event: {wrong}"
    if message.source not in subscribers:
        return f"of {message.source}, which is not subscribed to"
    subscriber = subscribers[message.source]
    known = message.position <= subscriber.position()
    try:
        reached = subscriber.receive([message])
    except (Halted, OutOfOrder, SourceUnavailable) as error:
        return str(error)
    if reached < message.position:
        return f"beyond what {message.source} has published"
    return KNOWN if known else TAKEN_IN


def _headers(message: Any) -> dict[str, Any]:
    return dict(message.properties.get("application_headers") or {})


def purge(url: str, service: str) -> int:
    """Delete all dead letters; returns how many."""
    connection = Connection(url, f"{service}.dead")
    try:
        count: int = connection.open().queue_purge(f"{service}.dead")
        return count
    finally:
        connection.drop()
