"""What operators do while the desk works: they deploy a service, make backups, verify and rebuild views."""

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import psycopg
import requests

from deploy.local.config import ROOT
from drills.chaos.faults.kind import NotNow, Shot, fault
from drills.releases.process import Process, tool
from services.contracts import SERVICES

READY_WITHIN = 30.0  # seconds


@fault("rolling deploy", SERVICES, 4, (1.0, 3.0), smoke=False)
def deployed(shot: Shot) -> Iterator[None]:
    """A second process of a service starts and gets the clients; the first ends in order, starts anew, gets them back.

    Meanwhile the log has two writers, two relays and two workers, and each queue two consumers.
    """
    centre, service = shot.centre, shot.target
    links = [link for name, link in centre.proxies.links.items() if name.endswith(f"-{service}")]
    first, second = centre.fleet.ports[service], Process(centre.fleet, ROOT, service)
    try:
        second.wait_ready()
        for link in links:
            link.target = second.port
        yield
        centre.signal(service, signal.SIGTERM)
        _await_ready(f"{centre.fleet.address(service)}/readyz")
    except RuntimeError as error:
        raise NotNow(str(error)) from None
    finally:
        for link in links:
            link.target = first
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.stop()
        shot.over = centre.now()


def _await_ready(url: str) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=1).ok:
                return
        time.sleep(0.1)


@fault("backup", ("backup",), 3, smoke=False, touching=False)
def backed_up(shot: Shot) -> Iterator[None]:
    """All databases as of one instant are written into a file, under load."""
    file = shot.centre.home / "under-fire.backup"
    file.unlink(missing_ok=True)
    try:
        shot.centre.fleet.backup(file)
    except psycopg.Error as error:
        raise NotNow(f"the databases were not there for a backup: {error}") from None
    shot.note = f"{file.stat().st_size} bytes"
    yield


@fault("views verified", SERVICES, 3, smoke=False, touching=False)
def verified(shot: Shot) -> Iterator[None]:
    """Every view of a service is compared with the replay of its events, while it goes on writing."""
    done = tool(shot.centre.fleet, ROOT, "verify", shot.target)
    found = re.search(r"(\d+) differences", done.stdout)
    if found is None:
        raise NotNow(f"no verdict: {(done.stderr or done.stdout).strip()[-200:]}")
    if found[1] != "0":
        raise AssertionError(f"the views of {shot.target} differ under load: {done.stdout[-1000:]}")
    shot.note = done.stdout.strip()
    yield


@fault("views rebuilt", SERVICES, 3, smoke=False, touching=False)
def rebuilt(shot: Shot) -> Iterator[None]:
    """Every view of a service is folded again from the first event and swapped in, while it goes on writing."""
    done = tool(shot.centre.fleet, ROOT, "rebuild", shot.target)
    if done.returncode:
        raise NotNow(f"not rebuilt: {(done.stderr or done.stdout).strip()[-200:]}")
    shot.note = done.stdout.strip()
    yield
