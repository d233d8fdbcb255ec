"""Two centres beside the one that a test is about: names that look alike, the same barcodes, the same numbers.

What a test gives its own centre its neighbours get too (:func:`moved`), and nothing that the test does may change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from services.chassis.domain import Delete, Upsert
from services.chassis.foundation.codec import convert, decode, encode
from services.contracts.base import centre_of

CENTRE = "gwangju-namgu"
NEIGHBOURS = ("gwangju-nam", "gwangju-namgu-2")
_CENTRE = re.compile(rb'(?<=["-])' + CENTRE.encode() + rb'(?=["./:])')
_KEY = re.compile(r"[a-z0-9-]+(\..+)?")


def moved(part: Any, neighbour: str) -> Any:
    """The same event, command, row or JSON value, of another centre."""
    if isinstance(part, Upsert):
        return Upsert(moved(part.row, neighbour))
    if isinstance(part, Delete):
        return Delete(part.row_type, moved(part.key, neighbour))
    text = _CENTRE.sub(neighbour.encode(), encode(part))
    return decode(text) if isinstance(part, str | dict | list) else convert(decode(text), type(part))


def rows_of_neighbours(tables: Any) -> dict[tuple[str, str], Any]:
    """The rows of the neighbours among those of a unit of work, by (state, key)."""
    return {
        (row_type.__name__, key): row
        for row_type, rows in tables.items()
        for key, row in rows.items()
        if centre_of(key) in NEIGHBOURS
    }


def is_own(key: str) -> bool:
    """Whether a row's key names its centre, and not a neighbour."""
    return bool(_KEY.fullmatch(key)) and centre_of(key) not in NEIGHBOURS


def named_neighbours(parts: Iterable[Any]) -> list[str]:
    """The neighbours that events name."""
    text = b" ".join(encode(part) for part in parts).decode()
    return [neighbour for neighbour in NEIGHBOURS if re.search(rf'"{neighbour}["./:]', text)]
