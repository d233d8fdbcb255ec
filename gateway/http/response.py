"""What a service answers, and what goes back to the client, before it is HTTP."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")
JSON = "application/json"


class ServiceDocument(msgspec.Struct):
    """A JSON document as a service sent it, untouched, and its version where it is one aggregate."""

    body: bytes
    version: int | None = None

    def peek(self, shape: type[T]) -> T:
        """The few fields that the gateway itself has to look at."""
        return msgspec.json.decode(self.body, type=shape)


class Response(msgspec.Struct):
    """What a handler gives back; ``status`` None is the route's own.

    ``etag``: the version, or a tag, that a GET of the same thing has. ``location``: the address of what is new.
    ``waited``: the seconds of ``Prefer: wait`` that were heeded. ``headers`` replace the usual ones.
    """

    body: bytes
    etag: int | str | None = None
    location: str | None = None
    waited: int | None = None
    status: int | None = None
    media_type: str = JSON
    headers: list[tuple[str, str]] = []

    @classmethod
    def json(cls, document: object) -> Response:
        """A document that the gateway itself puts together."""
        return cls(msgspec.json.encode(document))
