"""Facts and states as JSON. Dataclasses in, dataclasses out; dates and instants as ISO 8601."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

encode = msgspec.json.encode
decode = msgspec.json.decode
Raw = msgspec.Raw  # JSON already: encoded as it is
Malformed = msgspec.ValidationError


def canonical(thing: Any) -> bytes:
    """The JSON of a thing with sorted keys: equal things have equal bytes."""
    return msgspec.json.encode(thing, order="sorted")


def builtins(thing: Any) -> Any:
    """A dataclass as the dict that its JSON would be."""
    return msgspec.to_builtins(thing)


def shape(data: Any, into: type[T]) -> T:
    """Make a dataclass of decoded JSON. Raises :data:`Malformed`, naming the field, when it doesn't fit."""
    return msgspec.convert(data, into, strict=True)


class Reader:
    """Decodes the JSON of a dataclass, or of a list of it; built once for each, as building costs more than reading."""

    def __init__(self, kind: type[Any]) -> None:
        self._decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        #: The one in ``text``. Raises :data:`Malformed`, naming the field, when it doesn't fit.
        self.one: Callable[[str | bytes], Any] = msgspec.json.Decoder(kind).decode

    def rows(self, text: str | bytes) -> list[Any]:
        """The rows in ``text``, a JSON array."""
        return self._decoder.decode(text)
