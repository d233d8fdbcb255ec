"""Pseudonyms: an analyst sees the same person under the same name, which is the analyst's own and leads nowhere.

The key of each analyst is derived from one secret of the installation and from who the analyst is. Without the secret a
pseudonym can't be turned back, and not be compared with another analyst's. What is replaced: every field that names a
person (``PERSONS`` of the contracts), the stream that is named after one, and the correlation id, because a client may
choose it and so may have put anything into it.
"""

from __future__ import annotations

import hmac
from typing import Any

import msgspec

from gateway.answer import Row
from gateway.auth import Caller
from services.contracts.schema import PERSONS


class Pseudonyms:
    """The pseudonyms that one analyst gets."""

    def __init__(self, secret: str, analyst: Caller) -> None:
        self._key = _digest(secret.encode(), f"analyst\0{analyst.centre}\0{analyst.subject}").digest()

    def of(self, person: str) -> str:
        """``gwangju-namgu.6145…`` becomes ``gwangju-namgu.p-`` and 32 other hexadecimal digits."""
        centre = person.rpartition(".")[0]
        return f"{centre}.p-{self._word('person', person)}"

    def feed(self, row: Row) -> Row:
        """A page of the feed as the analyst may see it."""
        page = row.peek(dict[str, Any])
        for event in page["data"]:
            self._veil(event)
        return Row(msgspec.json.encode(page))

    def _veil(self, event: dict[str, Any]) -> None:
        met: dict[str, str] = {}
        event["data"] = self._veiled(event["data"], met)
        for person, pseudonym in met.items():
            event["stream"] = event["stream"].replace(person, pseudonym)
        if event["correlation_id"] is not None:
            event["correlation_id"] = self._word("correlation", event["correlation_id"])

    def _veiled(self, value: Any, met: dict[str, str]) -> Any:
        """The value with pseudonyms; ``met`` collects who was replaced by what."""
        if isinstance(value, list):
            return [self._veiled(each, met) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self._replace(each, met) if name in PERSONS and isinstance(each, str) else self._veiled(each, met)
            for name, each in value.items()
        }

    def _replace(self, person: str, met: dict[str, str]) -> str:
        met[person] = self.of(person)
        return met[person]

    def _word(self, kind: str, word: str) -> str:
        return _digest(self._key, f"{kind}\0{word}").hexdigest()[:32]


def _digest(key: bytes, message: str) -> hmac.HMAC:
    return hmac.new(key, message.encode(), "sha256")
