"""Messages that were no facts: ``python -m services.chassis.dead NAME list|purge``.

A message without a proper envelope goes to the dead letters of the service that got it. Nothing is lost by that: had it
been a fact, the next one shows the hole, and the hole is filled from the source's feed. So there is nothing to replay;
who sent such a thing is the question, and ``list`` shows what is known.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from services.chassis.broker import BrokerAway, Lane
from services.chassis.doors import service_named
from services.chassis.settings import SettingMissing, required

SHOWN = 200


def letters(url: str, service: str) -> list[dict[str, Any]]:
    """Up to 200 dead letters, oldest first; they stay where they are."""
    lane = Lane(url, f"{service}.dead")
    channel = lane.open()
    found: list[dict[str, Any]] = []
    try:
        while len(found) < SHOWN and (message := channel.basic_get(f"{service}.dead")):
            said = dict(message.properties.get("application_headers") or {})
            death = (said.get("x-death") or [{}])[0]
            headers = {n: value for n, value in said.items() if not n.startswith("x-")}  # those are the broker's
            found.append({"queue": death.get("queue"), "headers": headers, "body": str(message.body)[:200]})
    finally:
        lane.drop()  # unsettled, they go back
    return found


def purge(url: str, service: str) -> int:
    """Delete all dead letters; returns how many."""
    lane = Lane(url, f"{service}.dead")
    try:
        count: int = lane.open().queue_purge(f"{service}.dead")
        return count
    finally:
        lane.drop()


def main() -> int:
    """List or purge."""
    try:
        name = service_named(sys.argv[1] if len(sys.argv) > 1 else "").name
        url = required(os.environ, "NANUM_AMQP_URL")
        if sys.argv[2:] in ([], ["list"]):
            found = letters(url, name)
            print("\n".join(map(str, found)) if found else "no dead letters")
        elif sys.argv[2:] == ["purge"]:
            print(f"{purge(url, name)} deleted")
        else:
            print("usage: dead NAME list | purge", file=sys.stderr)
            return 2
    except (SettingMissing, BrokerAway) as wrong:
        print(f"dead: {wrong}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
