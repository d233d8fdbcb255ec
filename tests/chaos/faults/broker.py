"""RabbitMQ that is killed, stopped, wiped, alarmed, frozen, or that loses what it holds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import amqp

from deploy.local.rabbitmq import address_of, find_programs
from tests.chaos.centre import FOLLOWS
from tests.chaos.faults.kind import NotNow, Shot, fault

QUEUES = tuple(f"{consumer}.from.{source}" for consumer, sources in FOLLOWS.items() for source in sources)


def _ctl(shot: Shot, *arguments: str, must: bool = False) -> None:
    rabbitmq = shot.centre.fleet.rabbitmq
    env = {**os.environ, **rabbitmq.env, "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "", "ERL_FLAGS": "+S 1:1"}
    command = [str(find_programs() / "rabbitmqctl"), "--node", rabbitmq.env["RABBITMQ_NODENAME"], "-q", *arguments]
    for attempt in range(8 if must else 1):
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return
        if not must:
            raise NotNow(f"rabbitmqctl {arguments[0]}: {(done.stderr or done.stdout).strip()[-200:]} ({attempt})")


@fault("broker killed", ("rabbitmq",), weight=4, smoke=False)
def killed(shot: Shot) -> Iterator[None]:
    """kill -9 of the node; the supervisor starts it again."""
    shot.touches = {"rabbitmq"}
    shot.centre.signal("rabbitmq", signal.SIGKILL)
    yield


@fault("broker's data wiped", ("rabbitmq",), weight=2, smoke=False)
def wiped(shot: Shot) -> Iterator[None]:
    """All queues, messages and users are gone; the node comes back empty."""
    shot.touches = {"rabbitmq"}
    fleet = shot.centre.fleet
    fleet.broker_stop()
    fleet.rabbitmq.wipe()
    shot.over = shot.centre.now()
    fleet.broker_start()
    yield


@fault("broker stopped and started", ("rabbitmq",), weight=4, lasts=(0.0, 2.0))
def stopped(shot: Shot) -> Iterator[None]:
    """stop_app, start_app."""
    shot.touches = {"rabbitmq"}
    _ctl(shot, "stop_app")
    try:
        yield
    finally:
        _ctl(shot, "start_app", must=True)


@fault("broker's connections closed", ("rabbitmq",), weight=5)
def closed(shot: Shot) -> Iterator[None]:
    """Every connection is closed by the broker."""
    shot.touches = {"rabbitmq"}
    _ctl(shot, "close_all_connections", "chaos")
    yield


@fault("broker's memory alarm", ("rabbitmq",), weight=4, lasts=(1.0, 4.0))
def memory_alarm(shot: Shot) -> Iterator[None]:
    """Publishers are blocked: their connections are not read any more."""
    shot.touches = {"rabbitmq"}
    _ctl(shot, "set_vm_memory_high_watermark", "0.0000001")
    try:
        yield
    finally:
        _ctl(shot, "set_vm_memory_high_watermark", "absolute", "512MB", must=True)


@fault("broker's disk alarm", ("rabbitmq",), weight=4, lasts=(1.0, 4.0))
def disk_alarm(shot: Shot) -> Iterator[None]:
    """Publishers are blocked."""
    shot.touches = {"rabbitmq"}
    _ctl(shot, "set_disk_free_limit", "100000GB")
    try:
        yield
    finally:
        _ctl(shot, "set_disk_free_limit", "256MB", must=True)


@fault("broker frozen", ("rabbitmq",), weight=4, lasts=(1.0, 5.0))
def frozen(shot: Shot) -> Iterator[None]:
    """SIGSTOP of the node: connections stay, nothing answers."""
    shot.touches = {"rabbitmq"}
    pid = shot.centre.signal("rabbitmq", signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@fault("a queue lost", QUEUES, weight=6)
def queue_lost(shot: Shot) -> Iterator[None]:
    """A consumer's queue is purged, or deleted, with everything in it."""
    address = address_of(shot.centre.fleet.amqp_url())
    act = shot.dice.choice(("purged", "deleted"))
    shot.note = act
    try:
        with amqp.Connection(
            address["host"], address["user"], address["password"], virtual_host=address["vhost"], read_timeout=5
        ) as conn:
            channel = conn.channel()
            channel.queue_purge(shot.target) if act == "purged" else channel.queue_delete(shot.target)
    except (OSError, amqp.AMQPError) as away:
        raise NotNow(str(away)) from None
    yield
