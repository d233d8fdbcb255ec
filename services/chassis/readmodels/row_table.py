"""Rows by key, more of them than memory has room for: what was not touched lately lies in a temporary file."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from services.chassis.foundation.codec import Decoder, encode

PAGE = 2000  # rows that are looked at together
_ELSEWHERE = object()
Page = list[tuple[str, bytes]]  # keys, and the JSON of their rows


class RowTable(dict[str, Any]):
    """The rows of one view; None stands for a key that has no row.

    Itself it holds what was touched since the last :meth:`turn`; ``get`` finds the others, too.
    """

    get = dict.__getitem__  # type: ignore[assignment]  # unlike dict.get it asks __missing__, and it is as fast

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self._decoder = decoder
        self._older: dict[str, Any] = {}  # touched before the last turn
        self._file: sqlite3.Connection | None = None

    def __missing__(self, key: str) -> Any:
        row = self._older.pop(key, _ELSEWHERE)
        if row is _ELSEWHERE:
            found = self._file and self._file.execute("SELECT row FROM spilled WHERE key = ?", (key,)).fetchone()
            row = self._decoder.one(found[0]) if found else None
        self[key] = row
        return row

    def turn(self) -> None:
        """Write what was not touched since the turn before into the file."""
        older, self._older = self._older, dict(self)
        self.clear()
        self._write(older)

    def _write(self, rows: Mapping[str, Any]) -> None:
        if self._file is None:
            self._file = sqlite3.connect("", isolation_level=None)  # a file without a name, which goes with us
            self._file.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;"
                "CREATE TABLE spilled (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, row BLOB NOT NULL)"
            )
        self._file.execute("BEGIN")
        self._file.executemany(
            "DELETE FROM spilled WHERE key = ?", ((key,) for key, row in rows.items() if row is None)
        )
        self._file.executemany(
            "INSERT INTO spilled (key, row) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            ((key, encode(row)) for key, row in sorted(rows.items(), key=_by_key) if row is not None),
        )
        self._file.execute("COMMIT")

    def pages(self) -> Iterator[Page]:
        """Every row that there is now, as JSON. Rows may change meanwhile: :meth:`several` says what they are then."""
        self.turn()
        self.turn()
        last = 0
        while self._file:
            statement = "SELECT id, key, row FROM spilled WHERE id > ? ORDER BY id LIMIT ?"
            found = self._file.execute(statement, (last, PAGE)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield [(key, row) for _, key, row in found]

    def several(self, keys: Collection[str]) -> dict[str, Any]:
        """The rows of these keys, as they are now."""
        rows = {key: self.get(key) for key in keys if key in self or key in self._older}
        if self._file and (spilled := [key for key in keys if key not in rows]):
            statement = "SELECT key, row FROM spilled WHERE key IN (SELECT value FROM json_each(?))"
            found = self._file.execute(statement, (encode(spilled).decode(),))
            rows |= {key: self._decoder.one(row) for key, row in found}
        return {key: row for key, row in rows.items() if row is not None}

    def close(self) -> None:
        """Give the file back."""
        if self._file:
            self._file.close()


def _by_key(pair: tuple[str, Any]) -> str:
    return pair[0]
