"""The nemesis: draws faults from a seeded deck, one every few seconds, several at a time, and takes each back."""

import random
import threading
import time
import traceback
from collections.abc import Collection
from dataclasses import dataclass, field

from deploy.local import InstallationError
from drills.chaos.centre import Centre
from drills.chaos.faults import KINDS, Kind, Shot
from drills.chaos.faults.kind import NotNow
from drills.chaos.watch import Watch

AT_ONCE = 4
LET_STAND = 25.0  # seconds, at most, until a target may be struck again


@dataclass
class Inflicted:
    """A fault that was inflicted: from when until when, and from when on recovery counts. Seconds of the drill."""

    kind: str
    target: str
    began: float
    ended: float = 0.0
    over: float = 0.0
    touches: list[str] = field(default_factory=list)
    note: str = ""


class Nemesis:
    """Inflicts faults until its time is up or the number is reached. Same seed, same order of draws."""

    def __init__(self, centre: Centre, watch: Watch, seed: int, kinds: Collection[str]) -> None:
        self._watch, self._active = watch, 0
        self._centre, self._dice = centre, random.Random(f"nemesis:{seed}")
        self._kinds = [KINDS[name] for name in kinds]
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.inflicted: list[Inflicted] = []
        self.skipped: list[str] = []
        self.errors: list[str] = []
        self._deck: list[Kind] = []

    def run(self, until: float, number: int | None = None, every: tuple[float, float] = (2.0, 3.0)) -> None:
        """One fault each few seconds until the drill is so old, or so many were drawn."""
        drawn = 0
        while self._centre.now() < until and (number is None or drawn < number):
            drawn += self._draw()
            time.sleep(self._dice.uniform(*every))
        for thread in self._threads:
            thread.join(90)

    def _draw(self) -> bool:
        """Inflict the next card whose target is free; whether there was one."""
        if self._active >= AT_ONCE:
            return False
        if not self._deck:
            # One of each kind first, so that a short drill sees many; then the rest by weight.
            once, rest = list(self._kinds), [kind for kind in self._kinds for _ in range(kind.weight - 1)]
            self._dice.shuffle(once)
            self._dice.shuffle(rest)
            self._deck = once + rest
        for place, kind in enumerate(self._deck):
            targets = [target for target in kind.targets if self._place(target) not in self._busy]
            if targets:
                del self._deck[place]
                self._begin(kind, self._dice.choice(targets))
                return True
        return False

    @staticmethod
    def _place(target: str) -> str:
        return target.partition("@")[0]

    def _begin(self, kind: Kind, target: str) -> None:
        seed, seconds = self._dice.random(), self._dice.uniform(*kind.lasts)
        with self._lock:
            self._busy.add(self._place(target))
            self._active += 1
        thread = threading.Thread(target=self._inflict, args=(kind, target, seed, seconds), daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()

    def _inflict(self, kind: Kind, target: str, seed: float, seconds: float) -> None:
        shot = Shot(self._centre, random.Random(seed), target)
        record = Inflicted(kind.name, target, self._centre.now(), touches=sorted(kind.touches(target)))
        try:
            with kind.strike(shot):
                time.sleep(seconds)
                record.over = self._centre.now()
            record.over = shot.over or record.over
            record.ended = self._centre.now()
            record.note = shot.note
            with self._lock:
                self.inflicted.append(record)
        except (NotNow, InstallationError) as why:
            self.skipped.append(f"{kind.name} at {target}: {str(why).strip().splitlines()[0][:120]}")
        except Exception:
            self.errors.append(f"{kind.name} at {target}: {traceback.format_exc()}")
        finally:
            with self._lock:
                self._active -= 1
            self._await_recovery(record.touches)
            with self._lock:
                self._busy.discard(self._place(target))

    def _await_recovery(self, touches: list[str]) -> None:
        """Nothing is struck again before it stands again: two blows at once would only be one."""
        since = self._centre.now()
        while self._centre.now() < since + LET_STAND:
            if all(self._watch.seen.ready_after(name, since) for name in touches):
                return
            time.sleep(0.1)
