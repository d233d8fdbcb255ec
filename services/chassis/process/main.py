"""Runs one service until it is told to stop: ``python -m services.chassis.process.main rentals``."""

import os
import sys
import warnings

os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # names are looked up as eventlet_psycopg.py says
warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated.*")

import eventlet  # noqa: E402

eventlet.monkey_patch()  # before anything that opens a socket or starts a thread

import signal  # noqa: E402

import nameko  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402

from services.chassis.foundation import logs  # noqa: E402
from services.chassis.foundation.settings import SettingMissing, Settings  # noqa: E402
from services.chassis.process import eventlet_psycopg  # noqa: E402
from services.chassis.process.http import nameko_service  # noqa: E402
from services.chassis.process.release import ReleaseMismatch, wait_and_check  # noqa: E402
from services.chassis.process.runtime import service_named  # noqa: E402

WORKERS = 128


def main() -> int:
    """Start, wait for SIGTERM or SIGINT, end in order. Exits with 2 when a setting or the release is wrong."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    eventlet_psycopg.install()
    try:
        service, settings = service_named(name), Settings.from_env()
        logs.set_up(name, settings.log_level)
        wait_and_check(service, settings.database_url)
        address = f"{settings.host}:{settings.port}"
        nameko.config.setup({"WEB_SERVER_ADDRESS": address, "max_workers": WORKERS, "AMQP_URI": settings.amqp_url})
        container = ServiceContainer(nameko_service(service))
        container.start()
    except (SettingMissing, ReleaseMismatch) as wrong:
        print(f"{name or 'the service'} can't start: {wrong}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: eventlet.spawn_n(container.stop))
    container.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
