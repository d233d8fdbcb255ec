"""The published events of a service, read from its own log: what the relay sends, and what ``GET /events`` answers.

The log is the authority; a queue is only the fast way to the same messages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.chassis.foundation import database
from services.chassis.foundation.codec import Malformed, convert, decode, encode
from services.chassis.messaging.envelope import Message
from services.chassis.service import Service
from services.contracts.base import SchemaUnknown, lifted

MOST = 500  # events in a page
WEIGHT = 1024**2  # bytes of data after which a page ends
_LOG = (
    "SELECT epoch::text, (SELECT coalesce(max(position), 0) FROM event),"
    " coalesce(before.position, 0), before.id::text, before.at, (SELECT json_object_agg(type, first) FROM"
    " (SELECT type, min(first_position) AS first FROM event_type GROUP BY 1) t WHERE type = ANY(%(types)s))"
    " FROM log LEFT JOIN LATERAL (SELECT position, id, at FROM event"
    " WHERE position <= %(after)s AND {bound} ORDER BY position DESC LIMIT 1) before ON true"
)
_PAGE = (
    "SELECT position, id, type, schema, stream, version, at, data, meta, found FROM (SELECT *,"
    " sum(octet_length(data)) OVER (ORDER BY position) - octet_length(data) AS before, count(*) OVER () AS found FROM ("
    "SELECT position, id::text, type, schema, stream, version, at, data::text AS data, meta FROM event"
    " WHERE position > %(after)s AND {bound} ORDER BY position LIMIT %(limit)s) e) w"
    f" WHERE before < {WEIGHT} ORDER BY position"
)
# Two texts each, as one plan for both would read the events of all centres to find those of one.
_OF_ALL = [database.text(each.format(bound="published")) for each in (_LOG, _PAGE)]
_OF_CENTRE = [database.text(each.format(bound="published AND centre = %(centre)s")) for each in (_LOG, _PAGE)]


@dataclass(frozen=True)
class Page:
    """Some messages in order; ``head`` is the newest position of the log, published or not.

    ``previous``, ``previous_id`` and ``previous_at`` are position, id and time of the last published event at or before
    the position that was asked for, also when there is none behind it. ``types`` maps each type in the log to the
    position where it first occurs. ``more``: the page ended because it was full.
    """

    epoch: str
    head: int
    messages: list[Message]
    previous: int = 0
    previous_id: str | None = None
    previous_at: datetime | None = None
    types: Mapping[str, int] = field(default_factory=dict)
    more: bool = False


class Feed:
    """The feed of one service."""

    def __init__(self, service: Service) -> None:
        self._service, self._types = service, list(service.published_types)

    def page(self, conn: database.Connection, after: int, limit: int, centre: str | None = None) -> Page:
        """Up to ``limit`` messages behind position ``after``, of one centre or of all; at most about 1 MiB of data.

        It ends before an event that this release does not know; raises ``SchemaUnknown`` when that is the first.
        """
        log, page = _OF_ALL if centre is None else _OF_CENTRE
        asked = {"after": after, "limit": min(limit, MOST), "centre": centre, "types": self._types}
        found: Any = conn.execute(log, asked).fetchone() or ("", 0, 0, None, None, None)
        epoch, head, previous, previous_id, previous_at, types = found
        rows = conn.execute(page, asked).fetchall() if after < head else []
        messages: list[Message] = []
        try:
            for message in self.messages(epoch, previous, previous_id, previous_at, [row[:-1] for row in rows]):
                messages.append(message)
        except (SchemaUnknown, Malformed):
            if not messages:
                raise
        more = bool(rows) and (rows[0][-1] > len(rows) or len(rows) == asked["limit"])
        before = (previous, previous_id, previous_at)
        return Page(epoch, head, messages, *before, decode(types) if types else {}, more)

    def messages(
        self, epoch: str, previous: int, previous_id: str | None, previous_at: datetime | None, rows: Any
    ) -> Iterator[Message]:
        """Stored events as messages, chained; a row has the columns of a page. Raises ``SchemaUnknown``."""
        for position, id, type, schema, stream, version, at, data, meta in rows:
            known, contract = decode(meta), self._service.published_types.get(type)
            if contract is None:
                raise SchemaUnknown(f"{type} at {position} is no event of this release: run a newer release")
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
                previous_id=previous_id,
                previous_at=previous_at,
            )
            previous, previous_id, previous_at = position, id, at


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
