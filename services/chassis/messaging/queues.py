"""The names of exchanges and queues, and how the queues are bounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUEUE_BYTES = 256 * 1024**2  # of messages that wait for one subscriber; the oldest go first, the feed has them
DEAD_LETTERS = 10_000  # messages
# A subscriber's queue. It is bounded, or a subscriber that stands still would fill the disk and stop every publisher:
# what it drops, its oldest messages, the subscriber reads in the feed.
QUEUE: Mapping[str, Any] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 100,
    "x-max-length-bytes": QUEUE_BYTES,
    "x-overflow": "drop-head",
}
DEAD_QUEUE: Mapping[str, Any] = {"x-queue-type": "quorum", "x-max-length": DEAD_LETTERS, "x-overflow": "drop-head"}


def exchange_of(service: str) -> str:
    """The topic exchange that a service publishes to."""
    return f"{service}.events"


def queue_of(consumer: str, source: str) -> str:
    """The queue in which a consumer's messages from a source wait."""
    return f"{consumer}.from.{source}"


@dataclass(frozen=True)
class QueueSpec:
    """A queue that is declared with a publisher's exchange and bound to all of it, for later readers."""

    name: str
    arguments: Mapping[str, Any]


def stream_of(service: str) -> QueueSpec:
    """What a service published in the last 30 days, at most 1 GiB, to be read again from any offset by any number.

    A stream drops whole segments, so these are small.
    """
    return QueueSpec(
        f"{service}.stream",
        {
            "x-queue-type": "stream",
            "x-max-age": "30D",
            "x-max-length-bytes": 1024**3,
            "x-stream-max-segment-size-bytes": 16 * 1024**2,
        },
    )
