"""A published event as a message: CloudEvents 1.0 in binary mode, so that any AMQP client can read it.

Headers ``cloudEvents_*`` carry the envelope, the JSON body carries the data alone. Extensions: ``sequence`` (position,
zero-padded to sort as text), ``previous``, ``previousid`` and ``previoustime`` (position, id and time of the event
published before it: how a reader notices a gap, and a log that is another one under the same name; the first event has
the position 0 there alone),
``epoch`` (names the log), ``partitionkey`` (the stream), ``correlationid``, ``causationid``. ``dataschema`` is
``/schemas/<type>/<version>``: the version of the contract that the body follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.chassis.foundation.codec import convert, decode, encode


class NotAnEvent(Exception):
    """A message does not carry what a published event carries."""


@dataclass(frozen=True)
class Message:
    """A published event. ``data`` is JSON by its contract, in that contract's version ``schema``."""

    source: str
    epoch: str
    position: int
    previous: int
    id: str
    type: str
    stream: str
    version: int
    at: datetime
    data: Mapping[str, Any]
    correlation_id: str | None = None
    causation_id: str | None = None
    schema: int = 1
    previous_id: str | None = None
    previous_at: datetime | None = None

    def headers(self) -> dict[str, str]:
        """The AMQP headers."""
        headers = {
            "cloudEvents_specversion": "1.0",
            "cloudEvents_id": self.id,
            "cloudEvents_type": self.type,
            "cloudEvents_source": f"/{self.source}",
            "cloudEvents_subject": self.stream,
            "cloudEvents_time": self.at.isoformat(),
            "cloudEvents_datacontenttype": "application/json",
            "cloudEvents_dataschema": f"/schemas/{self.type}/{self.schema}",
            "cloudEvents_sequence": f"{self.position:020d}",
            "cloudEvents_previous": f"{self.previous:020d}",
            "cloudEvents_epoch": self.epoch,
            "cloudEvents_partitionkey": self.stream,
            "cloudEvents_streamversion": str(self.version),
        }
        if self.previous_id:
            headers["cloudEvents_previousid"] = self.previous_id
        if self.previous_at:
            headers["cloudEvents_previoustime"] = self.previous_at.isoformat()
        if self.correlation_id:
            headers["cloudEvents_correlationid"] = self.correlation_id
        if self.causation_id:
            headers["cloudEvents_causationid"] = self.causation_id
        return headers

    def body(self) -> bytes:
        """The AMQP body."""
        return encode(self.data)


def open_envelope(headers: Mapping[str, Any], body: bytes) -> Message:
    """The message in an AMQP delivery. Raises :class:`NotAnEvent`."""
    before_at = headers.get("cloudEvents_previoustime")
    try:
        return Message(
            source=headers["cloudEvents_source"].removeprefix("/"),
            epoch=headers["cloudEvents_epoch"],
            position=int(headers["cloudEvents_sequence"]),
            previous=int(headers["cloudEvents_previous"]),
            id=headers["cloudEvents_id"],
            type=headers["cloudEvents_type"],
            stream=headers["cloudEvents_subject"],
            version=int(headers["cloudEvents_streamversion"]),
            at=datetime.fromisoformat(headers["cloudEvents_time"]),
            data=convert(decode(body), dict[str, Any]),
            correlation_id=headers.get("cloudEvents_correlationid"),
            causation_id=headers.get("cloudEvents_causationid"),
            schema=int(headers.get("cloudEvents_dataschema", "/1").rpartition("/")[2]),
            previous_id=headers.get("cloudEvents_previousid"),
            previous_at=datetime.fromisoformat(before_at) if before_at else None,
        )
    except Exception as wrong:
        raise NotAnEvent(f"{type(wrong).__name__}: {wrong}") from None
