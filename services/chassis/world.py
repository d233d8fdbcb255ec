"""What the decisions of one batch see: rows as of now, and the effects of the decisions before them in the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.chassis.definition import Service, View
from services.chassis.kernel import Forget, Heard, Keep, replace

S = TypeVar("S")
Fetch = Callable[[type, Sequence[str]], Iterable[Any]]
Change = tuple[type, str, Any]


@dataclass
class Writes:
    """The rows that a batch changes, per state: new ones, changed ones, and the keys of those that go."""

    inserts: dict[type, list[Any]] = field(default_factory=dict)
    updates: dict[type, list[Any]] = field(default_factory=dict)
    deletes: dict[type, list[str]] = field(default_factory=dict)

    def touched(self) -> set[tuple[str, str]]:
        """(view, key) of every row that changes."""
        rows = [*self.inserts.items(), *self.updates.items()]
        changed = {(k.VIEW, getattr(r, k.KEY)) for k, many in rows for r in many}  # type: ignore[attr-defined]
        gone = {(k.VIEW, key) for k, keys in self.deletes.items() for key in keys}  # type: ignore[attr-defined]
        return changed | gone


class World:
    """Rows by state and key. Callable as the ``look`` of a decision; rows not yet there are fetched."""

    def __init__(self, service: Service, fetch: Fetch) -> None:
        self._service = service
        self._fetch = fetch
        self._rows: dict[tuple[type, str], Any] = {}
        self._found: dict[tuple[type, str], Any] = {}
        self._undo: dict[tuple[type, str], Any] = {}

    def __call__(self, kind: type[S], key: str) -> S | None:
        place = (kind, key)
        if place not in self._rows:
            self.place(kind, [key], self._fetch(kind, [key]))
        row: S | None = self._rows[place]
        return row

    def place(self, kind: type, keys: Iterable[str], rows: Iterable[Any]) -> None:
        """Take in what a look-up of ``keys`` found; keys without a row are known to be absent."""
        by_key = {getattr(row, kind.KEY): row for row in rows}  # type: ignore[attr-defined]
        for key in dict.fromkeys((*keys, *by_key)):
            if (kind, key) not in self._rows:
                self._rows[kind, key] = self._found[kind, key] = by_key.get(key)

    def apply(self, facts: Iterable[Any]) -> list[tuple[Any, str, int]]:
        """Fold a decision's facts into the rows, all or none. Returns each fact with its stream and version."""
        self._undo = {}
        try:
            return [self.fold(fact) for fact in facts]
        except Exception:
            self._rows.update(self._undo)
            raise

    def hear(self, source: str, heard: Heard) -> None:
        """Fold another service's fact into the views that follow it."""
        for view in self._service.touched_by.get((source, heard.type), ()):
            self._fold(view, heard)

    def keep(self, parts: Iterable[Keep | Forget]) -> None:
        """Keep or forget rows of records."""
        for part in parts:
            if isinstance(part, Keep):
                self(type(part.row), getattr(part.row, part.row.KEY))
                self._rows[type(part.row), getattr(part.row, part.row.KEY)] = part.row
            else:
                self(part.kind, part.key)
                self._rows[part.kind, part.key] = None

    def _put(self, place: tuple[type, str], row: Any) -> None:
        self._undo.setdefault(place, self._rows[place])
        self._rows[place] = row

    def fold(self, fact: Any) -> tuple[Any, str, int]:
        """Fold one own fact into every row that it touches, and count it in its aggregate's version."""
        root = self._service.root_of[type(fact)]
        stream = fact.STREAM.format_map(vars(fact))
        key = stream.removeprefix(root.STREAM.partition("{")[0])  # type: ignore[attr-defined]
        now = self(root, key)
        version = (now.version if now else 0) + 1
        for view in self._service.touched_by.get(type(fact), ()):
            self._fold(view, fact)
        row = self(root, key)
        if row is None:
            raise TypeError(f"{type(fact).__name__} left {root.__name__} {key} without a row")
        self._put((root, key), replace(row, version=version))
        return fact, stream, version

    def _fold(self, view: View, fact: Any) -> None:
        name = fact.type if isinstance(fact, Heard) else type(fact)
        for key in view.on[name](fact):
            row = self(view.kind, key)
            self._put((view.kind, key), view.fold(key, row, fact))

    def writes(self) -> Writes:
        """What differs from what was found."""
        writes = Writes()
        for (kind, key), row in self._rows.items():
            found = self._found.get((kind, key))
            if row is found or row == found:
                continue
            if row is None:
                writes.deletes.setdefault(kind, []).append(key)
            elif found is None:
                writes.inserts.setdefault(kind, []).append(row)
            else:
                writes.updates.setdefault(kind, []).append(row)
        return writes
