"""Fills the queues of all analysts: ``python -m integrations.analysts``. docs/operations.md lists its settings."""

from __future__ import annotations

import signal
import sys

from environs import EnvError, FileAwareEnv
from prometheus_client import start_http_server

from integrations.analysts import subscriptions
from integrations.analysts.forwarder import Forwarder, forward_each
from integrations.analysts.gateway_feed import GatewayFeed
from integrations.analysts.stream_listener import StreamListener
from services.chassis.foundation import logs

IDLE = 5.0  # seconds until the feeds are read although no event was announced
ENV = FileAwareEnv(strip_whitespace=True)


def forwarders(env: FileAwareEnv) -> tuple[list[Forwarder], StreamListener]:
    """A forwarder for each service of each subscription, and what to wait at. Raises :class:`EnvError`, ValueError."""
    url, key, centre = env.str("NANUM_GATEWAY_URL"), env.path("NANUM_TOKEN_KEY_FILE"), env.str("NANUM_CENTRE")
    amqp_url, made, services = env.str("NANUM_AMQP_URL"), [], set()
    for each in subscriptions.read(env.str("NANUM_SUBSCRIPTIONS")):
        feed = GatewayFeed(url, key, centre, each.name)
        made += [Forwarder(amqp_url, each, service, feed.page) for service in each.services]
        services |= set(each.services)
    return made, StreamListener(amqp_url, sorted(services))


def address(env: FileAwareEnv) -> tuple[str, int]:
    """Where the metrics are served. Raises :class:`EnvError`, ValueError."""
    host, _, port = env.str("NANUM_LISTEN").rpartition(":")
    return host, int(port)


def main() -> int:
    """Forward until SIGTERM; 2 when a setting is wrong. What was not confirmed is sent again after a start."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        every, listener = forwarders(ENV)
        host, port = address(ENV)
        start_http_server(port, host)
    except (EnvError, ValueError) as wrong:
        print(f"analysts: {wrong}", file=sys.stderr)
        return 2
    logs.set_up("analytics", ENV.str("NANUM_LOG_LEVEL", "info"))
    while True:
        if not forward_each(every):
            listener.wait(IDLE)


if __name__ == "__main__":
    sys.exit(main())
