"""The published events of a service, read from its own log: what the relay sends, and what ``GET /events`` answers.

The log is the authority; a queue is only the fast way to the same messages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.chassis.foundation import database
from services.chassis.foundation.codec import convert, decode, encode
from services.chassis.messaging.envelope import Message
from services.chassis.service import Service
from services.contracts.base import lifted

_LOG = database.text(
    "SELECT epoch::text, (SELECT coalesce(max(position), 0) FROM event), coalesce("
    "(SELECT position FROM event WHERE position <= %s AND type = ANY(%s) ORDER BY position DESC LIMIT 1), 0) FROM log"
)
_PAGE = database.text(
    "SELECT position, id::text, type, schema, stream, version, at, data, meta FROM event"
    " WHERE position > %s AND type = ANY(%s) ORDER BY position LIMIT %s"
)


@dataclass(frozen=True)
class Page:
    """Some messages in order; ``head`` is the newest position of the log, published or not."""

    epoch: str
    head: int
    messages: list[Message]


class Feed:
    """The feed of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._types = sorted(service.published_types)

    def page(self, conn: database.Connection, after: int, limit: int) -> Page:
        """Up to ``limit`` messages behind position ``after``."""
        epoch, head, before = conn.execute(_LOG, (after, self._types)).fetchone() or ("", 0, 0)
        if after >= head:
            return Page(epoch, head, [])
        rows = conn.execute(_PAGE, (after, self._types, limit))
        return Page(epoch, head, list(self.messages(epoch, before, rows)))

    def messages(self, epoch: str, previous: int, rows: Any) -> Iterator[Message]:
        """Stored events as messages, chained; a row has the columns of a page."""
        for position, id, type, schema, stream, version, at, data, meta in rows:
            known, contract = decode(meta), self._service.published_types[type]
            event = stored_event(self._service, type, schema, data)
            yield Message(
                source=self._service.name,
                epoch=epoch,
                position=position,
                previous=previous,
                id=id,
                type=type,
                stream=stream,
                version=version,
                at=at,
                data=decode(encode(convert(event, contract, from_attributes=True))),
                correlation_id=known.get("correlation_id"),
                causation_id=known.get("causation_id"),
                schema=contract.VERSION,  # type: ignore[attr-defined]
            )
            previous = position


def stored_event(service: Service, type: str, schema: int, data: str | bytes) -> Any:
    """A stored event as its current class: older schemas are lifted, step by step, by the service's upcasts.

    Raises ``SchemaUnknown`` when it was stored by a newer release, and ``Malformed`` when it does not fit.
    """
    event: Any = service.events[type]
    if schema == event.SCHEMA:
        return service.event_decoder[type].one(data)
    raw = lifted(f"the stored {type}", decode(data), schema, event.SCHEMA, lambda n: service.upcasts.get((type, n)))
    return convert(raw, event)


def integration_event(service: Service, message: Message) -> Any | None:
    """The event in a message, as its contract; None when the service does not subscribe to it.

    Raises ``SchemaUnknown`` or ``Malformed``.
    """
    contract: Any = service.subscribed.get((message.source, message.type))
    if contract is None:
        return None
    data: Any = message.data
    if message.schema != contract.VERSION:
        data = lifted(message.type, dict(data), message.schema, contract.VERSION, contract.UPCASTS.get)
    return convert(data, contract)
