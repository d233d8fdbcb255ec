"""Runs one service until it is told to stop: ``python -m services.chassis.run rentals``."""

from __future__ import annotations

import os
import sys
import warnings

os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # names are looked up as green.py says
warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated.*")

import eventlet  # noqa: E402

eventlet.monkey_patch()  # before anything that opens a socket or starts a thread

import signal  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402

import nameko  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402

from services.chassis import green, logs  # noqa: E402
from services.chassis.settings import SettingMissing, Settings  # noqa: E402

WORKERS = 128
SERVICES = sorted(door.parent.name for door in Path(__file__).resolve().parents[1].glob("*/service.py"))


def _door(service: str) -> type:
    module = import_module(f"services.{service}.service")
    door: type = getattr(module, service.capitalize())
    return door


def main() -> int:
    """Start, wait for SIGTERM or SIGINT, end in order. Exits with 2 when a setting is wrong."""
    if len(sys.argv) != 2 or sys.argv[1] not in SERVICES:
        print(f"usage: python -m services.chassis.run {'|'.join(SERVICES)}", file=sys.stderr)
        return 2
    green.install()
    try:
        settings = Settings.from_env()
    except SettingMissing as wrong:
        print(f"{sys.argv[1]} can't start: {wrong}", file=sys.stderr)
        return 2
    logs.set_up(sys.argv[1], settings.log_level)
    nameko.config.setup(
        {
            "WEB_SERVER_ADDRESS": f"{settings.host}:{settings.port}",
            "max_workers": WORKERS,
            "AMQP_URI": settings.amqp_url,
        }
    )
    container = ServiceContainer(_door(sys.argv[1]))
    try:
        container.start()
    except SettingMissing as wrong:
        print(f"{sys.argv[1]} can't start: {wrong}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: eventlet.spawn_n(container.stop))
    container.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
