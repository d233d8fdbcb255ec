"""An analyst's own feed at the gateway, page by page, under the analyst's pseudonyms."""

from __future__ import annotations

import json
import time
from pathlib import Path

import requests

from integrations.tokens import mint
from services.chassis.foundation.codec import convert, decode
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page
from services.contracts.tokens import ANALYST

BATCH = 500  # events in a page
TOKEN_LIFE = 1800  # seconds


class FeedUnavailable(Exception):
    """The gateway, or the service behind it, does not answer."""


class GatewayFeed:
    """Reads the gateway as one analyst, with a token that it makes anew before it expires or when it is refused.

    ``key`` is the file of the signing key: read each time, for it may have been replaced.
    """

    def __init__(self, url: str, key: Path, centre: str, analyst: str) -> None:
        self._url, self._key, self._centre, self._analyst = url, key, centre, analyst
        self._session = requests.Session()
        self._session.trust_env = False
        self._renew_at = 0.0

    def page(self, service: str, after: int) -> Page:
        """Up to 500 events behind a position. Raises :class:`FeedUnavailable`."""
        if time.monotonic() >= self._renew_at:
            token = mint(json.loads(self._key.read_text()), ANALYST, self._centre, self._analyst, TOKEN_LIFE)
            self._session.headers["Authorization"] = f"Bearer {token}"
            self._renew_at = time.monotonic() + TOKEN_LIFE / 2
        try:
            params = {"after": after, "limit": BATCH}
            answer = self._session.get(f"{self._url}/v1/events/{service}", params=params, timeout=(2, 10))
            if answer.status_code == requests.codes.unauthorized:
                self._renew_at = 0.0
            answer.raise_for_status()
        except requests.RequestException as error:
            raise FeedUnavailable(f"{service}: {error}") from None
        page = decode(answer.content)
        return Page(page["epoch"], page["head"], [convert(each, Message) for each in page["data"]])
