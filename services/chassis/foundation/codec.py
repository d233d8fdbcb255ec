"""Events, states and contracts as JSON. Dataclasses in, dataclasses out; dates and instants as ISO 8601."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

encode = msgspec.json.encode
decode = msgspec.json.decode
convert = msgspec.convert  # decoded JSON, or an object with attributes, as a dataclass; raises Malformed
Raw = msgspec.Raw  # JSON already: encoded as it is
Malformed = msgspec.ValidationError
builtins = msgspec.to_builtins  # a dataclass as the dict that its JSON would be


# The JSON of a thing with sorted keys: equal things have equal bytes.
canonical = partial(msgspec.json.encode, order="sorted")


class Decoder:
    """Decodes the JSON of a dataclass, or of a list of it; built once for each, as building costs more than reading."""

    def __init__(self, row_type: type[Any]) -> None:
        #: The rows in a JSON array. Raises :data:`Malformed`, naming the field, when it doesn't fit.
        self.rows: Callable[[str | bytes], list[Any]] = msgspec.json.Decoder(list[row_type]).decode  # type: ignore[valid-type]
        #: The one in a text.
        self.one: Callable[[str | bytes], Any] = msgspec.json.Decoder(row_type).decode
