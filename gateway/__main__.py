"""``python -m gateway``: serve until told to stop."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from gateway import logs
from gateway.app import build
from gateway.settings import Settings, SettingsError


def main() -> None:
    """Read the environment, build the app, serve it."""
    try:
        settings = Settings.read()
    except SettingsError as wrong:
        sys.exit(str(wrong))
    logs.configure(settings.log_level)
    uvicorn.run(build(settings), host=settings.host, port=settings.port, **SERVER)


SERVER: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "lifespan": "on",
    "access_log": False,  # the endpoint writes one line per request, without the query string
    "server_header": False,
    "log_config": None,
    "proxy_headers": False,
    "timeout_keep_alive": 75,
    "timeout_graceful_shutdown": 10,
}

if __name__ == "__main__":
    main()
