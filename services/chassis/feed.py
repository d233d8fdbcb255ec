"""The published facts of a service, read from its own log: what the relay sends, and what ``GET /events`` answers.

The log is the authority; a queue is only the fast way to the same messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.chassis import database
from services.chassis.codec import decode, shape
from services.chassis.definition import Service
from services.chassis.envelope import Message
from services.chassis.kernel import Heard
from services.contracts.schema import lifted

_LOG = database.text(
    "SELECT epoch::text, (SELECT coalesce(max(pos), 0) FROM event),"
    " coalesce((SELECT pos FROM event WHERE pos <= %s AND type = ANY(%s) ORDER BY pos DESC LIMIT 1), 0) FROM log"
)
_PAGE = database.text(
    "SELECT pos, id::text, type, schema, stream, version, at, data, meta FROM event"
    " WHERE pos > %s AND type = ANY(%s) ORDER BY pos LIMIT %s"
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
        self._types = sorted(service.published)

    def page(self, conn: database.Connection, after: int, limit: int) -> Page:
        """Up to ``limit`` messages behind position ``after``."""
        epoch, head, before = conn.execute(_LOG, (after, self._types)).fetchone() or ("", 0, 0)
        if after >= head:
            return Page(epoch, head, [])
        rows = conn.execute(_PAGE, (after, self._types, limit))
        return Page(epoch, head, list(self.messages(epoch, before, rows)))

    def messages(self, epoch: str, previous: int, rows: Any) -> Iterator[Message]:
        """Stored facts as messages, chained; a row is (pos, id, type, schema, stream, version, at, data, meta)."""
        for pos, id, type, schema, stream, version, at, data, meta in rows:
            said, contract = decode(meta), self._service.published[type]
            yield Message(
                source=self._service.name,
                epoch=epoch,
                pos=pos,
                previous=previous,
                id=id,
                type=type,
                stream=stream,
                version=version,
                at=at,
                data=contract.dump(read_fact(self._service, type, schema, data)),
                correlation_id=said.get("correlation_id"),
                causation_id=said.get("causation_id"),
                schema=contract.schema_version,
            )
            previous = pos


def read_fact(service: Service, type: str, schema: int, data: str | bytes) -> Any:
    """A stored fact as today's class: older schemas are lifted, step by step, by the service's upcasts.

    Raises ``SchemaUnknown`` when it was stored by a newer release, and what ``shape`` raises when it does not fit.
    """
    kind: Any = service.facts[type]
    if schema == kind.SCHEMA:
        return service.fact_reader[type].one(data)
    raw = lifted(f"the stored {type}", decode(data), schema, kind.SCHEMA, lambda n: service.upcasts.get((type, n)))
    return shape(raw, kind)


def heard_in(service: Service, source: str, message: Message) -> Heard | None:
    """What a message says to a service; None when it doesn't listen to such. Raises when it is malformed."""
    contract = service.contracts_heard.get((source, message.type))
    if contract is None:
        return None
    return Heard(message.type, contract.read(message.data, message.schema), message.stream, message.id, message.at)
