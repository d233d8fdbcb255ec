"""A restore under load: a backup is put back while the desks go on, and everything must fit together afterwards."""

import time
from typing import Any

from drills.chaos import replay
from drills.chaos.centre import Centre
from drills.chaos.checkers import all_taken_in, dense, one_open_rental, stock_conserved
from drills.chaos.evidence import gather
from drills.chaos.load import Load
from drills.chaos.watch import lag, seconds_until, work_left

LENT, MORE = 8.0, 5.0  # seconds of load before the backup, and from it to the restore
CHECKS = {
    "R1 one open rental for each item": one_open_rental,
    "R4 positions and versions are dense": dense,
    "R5 everything is taken in, nothing parked": all_taken_in,
    "R6 views equal the replay of the events": replay.differences,
    "R9 stock is conserved": stock_conserved,
}


def restored(centre: Centre, loads: list[Load], desks: list[int]) -> dict[str, list[str]]:
    """Lend, back up, lend more, restore; returns what does not fit together, by check.

    What was acknowledged after the backup is gone, as it must be: what clients remember is no evidence here.
    """
    file = centre.home / "under-fire.backup"
    file.unlink(missing_ok=True)
    for load, number in zip(loads, desks, strict=True):
        load.start(number)
    time.sleep(LENT)
    centre.fleet.backup(file)
    time.sleep(MORE)
    centre.fleet.restore(file)
    centre.heal()
    time.sleep(LENT)
    for load in loads:
        load.stop()
    settled = seconds_until(lambda: work_left(centre) == 0 and lag(centre) == 0, 200)
    evidence = gather(centre, replay.tables())
    found: dict[str, list[str]] = {name: list(check(evidence)) for name, check in CHECKS.items()}
    found["R0 it settles"] = [] if settled is not None else ["after the restore it did not come to rest"]
    return found


def checks_of(found: dict[str, list[str]]) -> dict[str, Any]:
    """The same in the shape of a drill's result."""
    return {name: {"violations": len(wrong), "examples": wrong[:10]} for name, wrong in found.items()}
