"""The card terminal that billing's adapter calls: what it answers, and whether the answer arrives."""

import contextlib
from collections.abc import Iterator
from functools import partial

import requests

from drills.chaos.faults.kind import NotNow, Shot, fault

OUTCOMES = {
    "terminal declines": "decline",
    "terminal late": "late",  # it approves, some seconds later
    "terminal never answers": "never",  # the rental has to come to nothing, and nothing may stay taken
    "terminal's reply lost": "lose_reply",  # it takes the money, and the answer never arrives
}


def _behaves(outcome: str, shot: Shot) -> Iterator[None]:
    fleet = shot.centre.fleet
    url, secret = (
        f"{fleet.address('terminal')}/behaviour",
        {"Authorization": f"Bearer {fleet.secrets.value('terminal')}"},
    )
    body = {"amount_krw": None, "outcome": outcome, "after_seconds": shot.dice.uniform(0.5, 4.0)}
    try:
        requests.put(url, json=body, headers=secret, timeout=5).raise_for_status()
    except requests.RequestException as away:
        raise NotNow(str(away)) from None
    try:
        yield
    finally:
        for _ in range(5):
            with contextlib.suppress(requests.RequestException):
                requests.delete(url, headers=secret, timeout=5).raise_for_status()
                break


for name, outcome in OUTCOMES.items():
    fault(name, ("terminal",), 3, (1.0, 3.0))(partial(_behaves, outcome))
