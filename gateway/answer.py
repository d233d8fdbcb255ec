"""What goes back to the client, before it is HTTP: bytes, a status, headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

T = TypeVar("T")
JSON = "application/json"


class Row:
    """A JSON document as a service sent it, untouched, and its version where it is a single aggregate."""

    __slots__ = ("body", "version")

    def __init__(self, body: bytes, version: int | None = None) -> None:
        self.body, self.version = body, version

    def peek(self, shape: type[T]) -> T:
        """The few fields that the gateway itself has to look at; the rest stays as it is."""
        return msgspec.json.decode(self.body, type=shape)


class Answer:
    """An answer: ``body`` as it goes out, the status (None: the route's own), further headers."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int | None = None,
        media_type: str = JSON,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.body, self.status, self.media_type, self.headers = body, status, media_type, list(headers)

    @classmethod
    def of(cls, row: Row, *, location: str | None = None, etag: bool = False) -> Answer:
        """The row; with its address when it is new, with its version as ETag where a GET of it has the same."""
        answer = cls(row.body)
        if etag and row.version is not None:
            answer.headers.append(("ETag", f'"{row.version}"'))
        if location is not None:
            answer.headers.append(("Location", location))
        return answer

    @classmethod
    def made(cls, document: object) -> Answer:
        """A document that the gateway puts together from several rows."""
        return cls(msgspec.json.encode(document))
