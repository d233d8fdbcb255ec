"""Messages that were no facts: ``python -m services.chassis.dead NAME list|replay|purge``.

A message without a proper envelope goes to the dead letters of the service that got it. Nothing is lost by that: had it
been a fact, the next one shows the hole, and the hole is filled from the source's feed. ``list`` shows what is known of
each. After a mend, ``replay`` gives them to the followers once more: what is a fact after all is settled, the rest
stays.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from services.chassis import database
from services.chassis.broker import BrokerAway, Lane, body_of
from services.chassis.definition import Service
from services.chassis.doors import pulls_of, service_named, store_of
from services.chassis.envelope import NotAnEnvelope, open_envelope
from services.chassis.follow import EpochChanged, Follower, NotYet, SourceAway
from services.chassis.runtime import clock
from services.chassis.settings import SettingMissing, required

SHOWN = 200
KNOWN, TAKEN_IN = "known already", "taken in, or parked"


def letters(url: str, service: str) -> list[dict[str, Any]]:
    """Up to 200 dead letters, oldest first; they stay where they are."""
    lane = Lane(url, f"{service}.dead")
    channel = lane.open()
    found: list[dict[str, Any]] = []
    try:
        while len(found) < SHOWN and (message := channel.basic_get(f"{service}.dead")):
            said = _headers(message)
            death = (said.get("x-death") or [{}])[0]
            headers = {n: value for n, value in said.items() if not n.startswith("x-")}  # those are the broker's
            found.append(
                {
                    "queue": death.get("queue"),
                    "headers": headers,
                    "body": body_of(message).decode(errors="replace")[:200],
                }
            )
    finally:
        lane.drop()  # unsettled, they go back
    return found


def replay(url: str, service: str, followers: Mapping[str, Follower]) -> Counter[str]:
    """Give every dead letter to the follower of its source; returns how many came to what.

    What was known, taken in or parked is settled. Whatever else came of a letter, it stays.
    """
    lane = Lane(url, f"{service}.dead")
    channel = lane.open()
    came_to: Counter[str] = Counter()
    try:
        while message := channel.basic_get(f"{service}.dead"):  # what stays is unsettled, so it does not come twice
            result = _replayed(message, followers)
            came_to[result] += 1
            if result in (KNOWN, TAKEN_IN):
                channel.basic_ack(message.delivery_tag)
    finally:
        lane.drop()
    return came_to


def _replayed(message: Any, followers: Mapping[str, Follower]) -> str:
    try:
        fact = open_envelope(_headers(message), body_of(message))
    except NotAnEnvelope as wrong:
        return f"still no fact: {wrong}"
    if fact.source not in followers:
        return f"of {fact.source}, which is not followed"
    follower = followers[fact.source]
    known = fact.pos <= follower.position()
    try:
        reached = follower.take([fact])
    except (EpochChanged, NotYet, SourceAway) as error:
        return str(error)
    if reached < fact.pos:
        return f"beyond what {fact.source} has published"
    return KNOWN if known else TAKEN_IN


def _headers(message: Any) -> dict[str, Any]:
    return dict(message.properties.get("application_headers") or {})


def purge(url: str, service: str) -> int:
    """Delete all dead letters; returns how many."""
    lane = Lane(url, f"{service}.dead")
    try:
        count: int = lane.open().queue_purge(f"{service}.dead")
        return count
    finally:
        lane.drop()


def _list(url: str, service: Service) -> int:
    found = letters(url, service.name)
    print("\n".join(map(str, found)) if found else "no dead letters")
    return 0


def _replay(url: str, service: Service) -> int:
    store = store_of(service)
    followers = {source: Follower(service, source, store, pull, clock) for source, pull in pulls_of(service).items()}
    came_to = replay(url, service.name, followers)
    print("\n".join(f"{count} {what}" for what, count in came_to.items()) if came_to else "no dead letters")
    return 1 if came_to.keys() - {KNOWN, TAKEN_IN} else 0


def _purge(url: str, service: Service) -> int:
    print(f"{purge(url, service.name)} deleted")
    return 0


ACTIONS: dict[str, Callable[[str, Service], int]] = {"list": _list, "replay": _replay, "purge": _purge}


def main() -> int:
    """List, replay or purge; the exit code is 1 when something could not be replayed."""
    match sys.argv[1:]:
        case [name]:
            action = "list"
        case [name, action] if action in ACTIONS:
            pass
        case _:
            print("usage: dead NAME list | replay | purge", file=sys.stderr)
            return 2
    try:
        return ACTIONS[action](required(os.environ, "NANUM_AMQP_URL"), service_named(name))
    except (SettingMissing, BrokerAway, *database.AWAY) as wrong:
        print(f"dead: {wrong}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
