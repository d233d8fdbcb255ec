"""``python -m gateway``: serve until told to stop."""

from __future__ import annotations

import functools
import sys
from typing import Any

import uvicorn

from gateway import logs
from gateway.app import build
from gateway.http.connections import Connections, most_connections, open_files
from gateway.http.protocol import BoundedProtocol
from gateway.metrics import Metrics
from gateway.settings import Settings, SettingsError


def main() -> None:
    """Read the environment, build the app, serve it."""
    try:
        settings = Settings.read()
    except SettingsError as wrong:
        sys.exit(str(wrong))
    logs.configure(settings.log_level)
    metrics = Metrics()
    connections = Connections(metrics, most=most_connections(open_files()), proxies=settings.proxies)
    app = build(settings, metrics=metrics)
    uvicorn.run(app, host=settings.host, port=settings.port, **server(settings, connections))


def server(settings: Settings, connections: Connections) -> dict[str, Any]:
    """How uvicorn serves, but for the app and where it listens."""
    return {
        "loop": "uvloop",
        "http": functools.partial(BoundedProtocol, connections),
        "ws": "none",
        "lifespan": "on",
        "access_log": False,  # the endpoint writes one line per request, without the query string
        "server_header": False,
        "log_config": None,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": list(settings.proxies),
        "timeout_graceful_shutdown": 10,
    }


if __name__ == "__main__":
    main()
