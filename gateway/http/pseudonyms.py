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

from gateway.http.auth import Caller
from gateway.http.response import ServiceDocument
from services.contracts.base import PERSONS, centre_of, id_of


class Pseudonyms:
    """The pseudonyms that one analyst gets."""

    def __init__(self, secret: str, analyst: Caller) -> None:
        who = f"analyst\0{analyst.centre}\0{analyst.subject}"
        self._key = hmac.digest(secret.encode(), who.encode(), "sha256")

    def of(self, person: str) -> str:
        """``gwangju-namgu.6145…`` becomes ``gwangju-namgu.p-`` and 32 other hexadecimal digits."""
        return id_of(centre_of(person), f"p-{self._word('person', person)}")

    def feed(self, feed: ServiceDocument) -> ServiceDocument:
        """A page of the feed as the analyst may see it."""
        page = feed.peek(dict[str, Any])
        for event in page["data"]:
            replaced: dict[str, str] = {}
            event["data"] = self._with_pseudonyms(event["data"], replaced)
            for person, pseudonym in replaced.items():
                event["stream"] = event["stream"].replace(person, pseudonym)
            if event["correlation_id"] is not None:
                event["correlation_id"] = self._word("correlation", event["correlation_id"])
        return ServiceDocument(msgspec.json.encode(page))

    def _with_pseudonyms(self, data: Any, replaced: dict[str, str]) -> Any:
        """The data with pseudonyms; ``replaced`` collects the pseudonym of each person in it."""
        if isinstance(data, list):
            return [self._with_pseudonyms(each, replaced) for each in data]
        if not isinstance(data, dict):
            return data
        made = {}
        for name, each in data.items():
            if name in PERSONS and isinstance(each, str):
                made[name] = replaced[each] = self.of(each)
            else:
                made[name] = self._with_pseudonyms(each, replaced)
        return made

    def _word(self, purpose: str, word: str) -> str:
        return hmac.digest(self._key, f"{purpose}\0{word}".encode(), "sha256").hex()[:32]
