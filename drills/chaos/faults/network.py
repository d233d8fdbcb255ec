"""Links that are slow, cut, half-open, silent, or narrow: what the fault proxies do."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from drills.chaos.centre import PAIRS
from drills.chaos.faults.kind import Shot, fault
from drills.chaos.proxy import FAIR, Weather
from services.contracts import SERVICES

LINKS = (
    *(f"{service}-postgres" for service in SERVICES),
    *(f"{service}-rabbitmq" for service in SERVICES),
    *(f"gateway-{service}" for service in SERVICES),
    *(f"{consumer}-{source}" for consumer, source in PAIRS),
    "billing-terminal",
    "notifications-mailbox",
)
ONE_WAY = ("to the server", "to the client")
ANY_WAY = ("both ways", *ONE_WAY)


def _slow(dice: Random) -> Weather:
    delay = dice.uniform(0.02, 0.2)
    return Weather(delay=delay, jitter=delay / 2)


# The name, the weather, its ways, the weight, the longest that it lasts. A half-open link loses what is sent one way
# and tells nobody until its connections are reset in the end; a silent one delivers all of it when it is back.
WEATHERS: tuple[tuple[str, Callable[[Random], Weather], Sequence[str], int, float], ...] = (
    ("link slow", _slow, ANY_WAY, 8, 4.0),
    ("link half-open", lambda dice: Weather(swallow=True), ONE_WAY, 8, 4.0),
    ("link silent", lambda dice: Weather(hold=True), ANY_WAY, 8, 4.0),
    ("link cut in mid-stream", lambda dice: Weather(cut_after=dice.randint(1, 4000)), ANY_WAY, 8, 3.0),
    ("link narrow", lambda dice: Weather(rate=dice.uniform(8_000, 40_000)), ANY_WAY, 6, 4.0),  # bytes a second
)


def _weather(draw: Callable[[Random], Weather], ways: Sequence[str], shot: Shot) -> Iterator[None]:
    weather = draw(shot.dice)
    shot.note = shot.dice.choice(ways)
    to_server = FAIR if shot.note == "to the client" else weather
    to_client = FAIR if shot.note == "to the server" else weather
    shot.centre.proxies.set(shot.target, to_server, to_client)
    try:
        yield
    finally:
        shot.centre.proxies.set(shot.target)


for name, draw, ways, weight, longest in WEATHERS:
    fault(name, LINKS, weight, (1.0, longest))(partial(_weather, draw, ways))


@fault("link cut", LINKS, 8)
def cut(shot: Shot) -> Iterator[None]:
    """Every connection is reset."""
    shot.note = f"{shot.centre.proxies.reset(shot.target)} connections"
    yield


@fault("link's connections lost", LINKS, 3, smoke=False)
def lost(shot: Shot) -> Iterator[None]:
    """The other end of every connection vanishes without a word, as when its machine lost power; new ones work."""
    shot.note = f"{shot.centre.proxies.lose(shot.target)} connections"
    yield
