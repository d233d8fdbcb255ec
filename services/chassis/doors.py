"""What the command line tools of a service share: its definition by name, and the feeds of the services it follows."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path

from services.chassis.definition import Service
from services.chassis.pull import Pull
from services.chassis.settings import SettingMissing, required, secret
from services.chassis.store import PostgresStore

NAMES = sorted(door.parent.name for door in Path(__file__).resolve().parents[1].glob("*/service.py"))


def service_named(name: str) -> Service:
    """A service's definition. Raises SettingMissing when there is none of that name."""
    if name not in NAMES:
        raise SettingMissing(f"there is no service {name}; there are {', '.join(NAMES)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries at the door, which no tool passes
        service: Service = import_module(f"services.{name}.service").SERVICE
    return service


def store_of(service: Service) -> PostgresStore:
    """A service's store, as the environment names it."""
    key = secret(os.environ, "NANUM_INTERNAL_SECRET_FILE").encode()
    return PostgresStore(service, required(os.environ, "NANUM_DATABASE_URL"), secret=key)


def pulls_of(service: Service) -> dict[str, Pull]:
    """The feeds that a service follows, as the environment names them."""
    sources = dict(pair.split("=", 1) for pair in required(os.environ, "NANUM_SOURCES").split())
    key = secret(os.environ, "NANUM_INTERNAL_SECRET_FILE")
    return {source: Pull(sources[source], key) for source in service.sources}
