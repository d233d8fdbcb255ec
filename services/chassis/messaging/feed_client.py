"""Reading another service's feed of published events, the authority behind the queues."""

from urllib.parse import urlsplit

import requests

from services.chassis.foundation.codec import convert, decode
from services.chassis.messaging.feed import MOST, Page
from services.chassis.messaging.subscriber import SourceUnavailable


class FeedClient:
    """Reads another service's feed: called with a position, returns the page behind it."""

    def __init__(self, base: str, secret: str) -> None:
        self._url = f"{base}/events"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def __call__(self, after: int) -> Page:
        try:
            response = self._session.get(self._url, params={"after": after, "limit": MOST}, timeout=(2, 10))
            response.raise_for_status()
        except requests.RequestException as error:
            raise SourceUnavailable(f"{urlsplit(self._url).netloc}: {type(error).__name__}") from None
        page = decode(response.content)
        return convert({**page, "messages": page["data"]}, Page)
