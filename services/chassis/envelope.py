"""A published fact on its way: CloudEvents 1.0 in binary mode, so that any AMQP client and a stock nameko can read it.

Headers ``cloudEvents_*`` carry the envelope, the JSON body carries the data alone. Extensions: ``sequence`` (position,
zero-padded to sort as text), ``previous`` (position of the fact published before it: how a reader notices a hole),
``epoch`` (names the log), ``partitionkey`` (the stream), ``correlationid``, ``causationid``. ``dataschema`` is
``/schemas/<type>/<version>``: the version of the contract that the body follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.chassis.codec import decode, encode, shape


class NotAnEnvelope(Exception):
    """A message does not carry what a published fact carries."""


@dataclass(frozen=True)
class Message:
    """A published fact. ``data`` is JSON as its contract dumped it, in that contract's version ``schema``."""

    source: str
    epoch: str
    pos: int
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
            "cloudEvents_sequence": f"{self.pos:020d}",
            "cloudEvents_previous": f"{self.previous:020d}",
            "cloudEvents_epoch": self.epoch,
            "cloudEvents_partitionkey": self.stream,
            "cloudEvents_streamversion": str(self.version),
        }
        for name, value in (("correlationid", self.correlation_id), ("causationid", self.causation_id)):
            if value:
                headers[f"cloudEvents_{name}"] = value
        return headers

    def body(self) -> bytes:
        """The AMQP body."""
        return encode(self.data)


def open_envelope(headers: Mapping[str, Any], body: bytes) -> Message:
    """The message in an AMQP delivery. Raises :class:`NotAnEnvelope`."""
    try:
        return Message(
            source=headers["cloudEvents_source"].removeprefix("/"),
            epoch=headers["cloudEvents_epoch"],
            pos=int(headers["cloudEvents_sequence"]),
            previous=int(headers["cloudEvents_previous"]),
            id=headers["cloudEvents_id"],
            type=headers["cloudEvents_type"],
            stream=headers["cloudEvents_subject"],
            version=int(headers["cloudEvents_streamversion"]),
            at=datetime.fromisoformat(headers["cloudEvents_time"]),
            data=shape(decode(body), dict[str, Any]),
            correlation_id=headers.get("cloudEvents_correlationid"),
            causation_id=headers.get("cloudEvents_causationid"),
            schema=int(headers.get("cloudEvents_dataschema", "/1").rpartition("/")[2]),
        )
    except Exception as wrong:
        raise NotAnEnvelope(f"{type(wrong).__name__}: {wrong}") from None
