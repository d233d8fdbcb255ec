"""How far a reader has to go to follow one request through the gateway."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gateway
from gateway.app import build
from tests.unit.gateway.conftest import Gateway, lending, settings, token

HOME = str(Path(gateway.__file__).parent)
FILES, FUNCTIONS = 8, 26  # of ours, the comprehensions counted


def test_a_rental_passes_few_files_and_functions(gateway: Gateway) -> None:
    seen: set[CodeType] = set()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HOME):
            seen.add(frame.f_code)

    async def play() -> list[int]:
        app, lifespan = build(settings(gateway.sources)), Line({"type": "lifespan.startup"})
        life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, lifespan.get, lifespan.send))
        bearer = token()
        first = await lend(app, "first", bearer)  # what is looked up once is looked up now
        sys.setprofile(watch)
        try:
            second = await lend(app, "second", bearer)
            await asyncio.sleep(0)
        finally:
            sys.setprofile(None)
        await lifespan.put({"type": "lifespan.shutdown"})
        await life
        return [first, second]

    assert gateway.run(play()) == [201, 201]
    names = sorted(f"{code.co_filename.removeprefix(HOME)}:{code.co_name}" for code in seen)
    assert 5 < len({code.co_filename for code in seen}) <= FILES, names
    assert len(seen) <= FUNCTIONS, names


class Line(asyncio.Queue[dict[str, Any]]):
    """What an ASGI server says to the app, and what it gets back."""

    def __init__(self, first: dict[str, Any]) -> None:
        super().__init__()
        self.put_nowait(first)
        self.sent: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> None:
        """Take what the app sends."""
        self.sent.append(message)


async def lend(app: Any, key: str, bearer: str) -> int:
    """Ask for a rental; the status of the answer."""
    headers = {"authorization": f"Bearer {bearer}", "idempotency-key": key, "content-type": "application/json"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/v1/rentals",
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    line = Line({"type": "http.request", "body": json.dumps(lending()).encode(), "more_body": False})
    await app(scope, line.get, line.send)
    return int(line.sent[0]["status"])
