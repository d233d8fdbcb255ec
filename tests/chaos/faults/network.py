"""Links that are slow, cut, half-open, silent, or narrow: what the fault proxies do."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.local.processes import SERVICES
from tests.chaos.centre import FOLLOWS
from tests.chaos.faults.kind import Shot, fault
from tests.chaos.proxy import FAIR, Weather

LINKS = (
    *(f"{service}-postgres" for service in SERVICES),
    *(f"{service}-rabbitmq" for service in SERVICES),
    *(f"gateway-{service}" for service in SERVICES),
    *(f"{consumer}-{source}" for consumer, sources in FOLLOWS.items() for source in sources),
    "billing-terminal",
    "notifications-mailbox",
)


def _weather(shot: Shot, weather: Weather, ways: str) -> Iterator[None]:
    shot.touches = {shot.target.split("-")[0]}
    shot.note = ways
    to_server = weather if ways in ("both ways", "to the server") else FAIR
    to_client = weather if ways in ("both ways", "to the client") else FAIR
    shot.centre.proxies.set(shot.target, to_server, to_client)
    try:
        yield
    finally:
        shot.centre.proxies.set(shot.target)


def _ways(shot: Shot) -> str:
    return shot.dice.choice(("both ways", "to the server", "to the client"))


@fault("link slow", LINKS, weight=8, lasts=(1.0, 4.0))
def slow(shot: Shot) -> Iterator[None]:
    """Latency with jitter."""
    delay = shot.dice.uniform(0.02, 0.2)
    yield from _weather(shot, Weather(delay=delay, jitter=delay / 2), _ways(shot))


@fault("link cut", LINKS, weight=8)
def cut(shot: Shot) -> Iterator[None]:
    """Every connection is reset."""
    shot.touches = {shot.target.split("-")[0]}
    shot.note = f"{shot.centre.proxies.reset(shot.target)} connections"
    yield


@fault("link's connections lost", LINKS, weight=3, smoke=False)
def lost(shot: Shot) -> Iterator[None]:
    """The other end of every connection vanishes without a word, as when its machine lost power; new ones work."""
    shot.touches = {shot.target.split("-")[0]}
    shot.note = f"{shot.centre.proxies.lose(shot.target)} connections"
    yield


@fault("link half-open", LINKS, weight=8, lasts=(1.0, 4.0))
def half_open(shot: Shot) -> Iterator[None]:
    """What is sent one way never arrives, and nobody is told; in the end the connections are reset."""
    yield from _weather(shot, Weather(swallow=True), shot.dice.choice(("to the server", "to the client")))


@fault("link silent", LINKS, weight=8, lasts=(1.0, 4.0))
def silent(shot: Shot) -> Iterator[None]:
    """Nothing gets through; what was sent arrives when the link is back."""
    yield from _weather(shot, Weather(hold=True), _ways(shot))


@fault("link cut in mid-stream", LINKS, weight=8, lasts=(1.0, 3.0))
def mid_stream(shot: Shot) -> Iterator[None]:
    """The connection is reset after some more bytes, in the middle of whatever they are."""
    yield from _weather(shot, Weather(cut_after=shot.dice.randint(1, 4000)), _ways(shot))


@fault("link narrow", LINKS, weight=6, lasts=(1.0, 4.0))
def narrow(shot: Shot) -> Iterator[None]:
    """A few thousand bytes a second."""
    yield from _weather(shot, Weather(rate=shot.dice.uniform(8_000, 40_000)), _ways(shot))
