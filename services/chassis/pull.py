"""Reading another service's feed of published facts, the authority behind the queues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from services.chassis.codec import decode, shape
from services.chassis.envelope import Message
from services.chassis.feed import Page
from services.chassis.follow import SourceAway

FEED_PAGE = 500


class Pull:
    """Reads another service's feed."""

    def __init__(self, base: str, secret: str) -> None:
        self._url = f"{base}/events"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def __call__(self, after: int) -> Page:
        try:
            answer = self._session.get(self._url, params={"after": after, "limit": FEED_PAGE}, timeout=(2, 10))
            answer.raise_for_status()
        except requests.RequestException as error:
            raise SourceAway(f"{urlsplit(self._url).netloc}: {type(error).__name__}") from None
        page = decode(answer.content)
        return Page(page["epoch"], page["head"], list(_messages(page["data"])))


def _messages(data: Iterable[Any]) -> Iterator[Message]:
    for one in data:
        yield shape(one, Message)
