"""RabbitMQ that is stopped, wiped, alarmed, or that loses what it holds."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial

import amqp

from deploy.local.rabbitmq import find_programs
from drills.chaos.centre import PAIRS
from drills.chaos.faults.kind import NotNow, Shot, fault
from services.chassis.messaging.queues import queue_of

QUEUES = tuple(queue_of(consumer, source) for consumer, source in PAIRS)
# The name, the longest that it lasts after the shortest, and what rabbitmqctl is told to strike and to heal. An alarm
# blocks publishers: their connections are not read any more.
TOLD = (
    ("broker stopped and started", (0.0, 2.0), "stop_app", "start_app"),
    (
        "broker's memory alarm",
        (1.0, 4.0),
        "set_vm_memory_high_watermark 0.0000001",
        "set_vm_memory_high_watermark absolute 512MB",
    ),
    ("broker's disk alarm", (1.0, 4.0), "set_disk_free_limit 100000GB", "set_disk_free_limit 256MB"),
)


def _ctl(shot: Shot, arguments: str, must: bool = False) -> None:
    rabbitmq = shot.centre.fleet.rabbitmq
    env = {**os.environ, **rabbitmq.env, "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "", "ERL_FLAGS": "+S 1:1"}
    ctl = [str(find_programs() / "rabbitmqctl"), "--node", rabbitmq.env["RABBITMQ_NODENAME"], "-q"]
    for _ in range(8 if must else 1):
        done = subprocess.run([*ctl, *arguments.split()], env=env, capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            return
    if not must:
        raise NotNow(f"rabbitmqctl {arguments}: {(done.stderr or done.stdout).strip()[-200:]}")


def _told(strike: str, heal: str, shot: Shot) -> Iterator[None]:
    _ctl(shot, strike)
    try:
        yield
    finally:
        _ctl(shot, heal, must=True)


for name, lasts, strike, heal in TOLD:
    fault(name, ("rabbitmq",), 4, lasts)(partial(_told, strike, heal))


@fault("broker's connections closed", ("rabbitmq",), 5)
def closed(shot: Shot) -> Iterator[None]:
    """Every connection is closed by the broker."""
    _ctl(shot, "close_all_connections chaos")
    yield


@fault("broker's data wiped", ("rabbitmq",), 2, smoke=False)
def wiped(shot: Shot) -> Iterator[None]:
    """All queues, messages and users are gone; the node comes back empty."""
    fleet = shot.centre.fleet
    fleet.broker_stop()
    fleet.rabbitmq.wipe()
    shot.over = shot.centre.now()
    fleet.broker_start()
    yield


@fault("a queue lost", QUEUES, 6, touching=False)
def queue_lost(shot: Shot) -> Iterator[None]:
    """A consumer's queue is purged, or deleted, with everything in it."""
    shot.note = shot.dice.choice(("purged", "deleted"))
    try:
        with shot.centre.amqp() as channel:
            (channel.queue_purge if shot.note == "purged" else channel.queue_delete)(shot.target)
    except (OSError, amqp.AMQPError) as away:
        raise NotNow(str(away)) from None
    yield
