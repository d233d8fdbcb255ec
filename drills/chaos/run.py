"""One drill from beginning to end: open the centre, load, faults, heal, quiet, evidence, checks, report."""

import random
import shutil
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drills.chaos import report
from drills.chaos.centre import CENTRES, Centre
from drills.chaos.checkers import adrift_krw, all_checks
from drills.chaos.client import Client
from drills.chaos.evidence import Evidence, gather
from drills.chaos.faults import KINDS
from drills.chaos.history import History
from drills.chaos.load import Load
from drills.chaos.nemesis import Nemesis
from drills.chaos.replay import tables
from drills.chaos.restore import checks_of, restored
from drills.chaos.stock import open_centre
from drills.chaos.watch import Watch, lag, seconds_until, work_left

Progress = Callable[[str], None]
EXAMPLES = 10
SHARES = dict(zip(CENTRES, (0.7, 0.15, 0.15), strict=True))  # of the load
LAG_GOAL = 15.0  # seconds after the heal, as the broker may have been killed just before it
NOTES = (
    "kill -9 and an immediate stop do not test the loss of power: what the kernel has, it keeps. "
    "That committed means flushed (`fsync`, `synchronous_commit`, `full_page_writes`) is a setting that `up` writes.",
    "One broker node: quorum queues are there for their semantics, not for a second copy.",
    "A full disk is played by the limit on file sizes, which Postgres handles as ENOSPC.",
    "A job whose worker was killed is done by another one when its lease of 60 s is over: settling waits for that.",
    "Clock jumps are of the service's own clock, up to an hour back and a minute forward; the machine's stays right.",
)


@dataclass
class Plan:
    """What is to be played. ``faults``: how many at most, None for as many as fit; ``kinds``: of these alone."""

    minutes: float = 10.0
    seed: int = 1
    faults: int | None = None
    kinds: Collection[str] = ()
    every: tuple[float, float] = (1.9, 2.9)
    items: int = 900
    residents: int = 900
    pace: float = 48.0
    desks: int = 48
    keep: bool = False
    restore: bool = False  # afterwards a backup is put back under load


def play(plan: Plan, output: Path | None = None, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Play a drill; returns its result, which is also written to ``output``."""
    centre = Centre()
    try:
        centre.up()
        progress("the centre is up, behind its fault proxies")
        history = History()
        loads = _loads(plan, centre, history)
        seconds_until(lambda: lag(centre) == 0, 120)
        progress(f"{len(CENTRES)} centres are open, with {plan.items} items and {plan.residents} residents in all")
        try:
            result = _under_fire(plan, centre, history, loads, progress)
            if plan.restore:
                _restored(plan, centre, result, progress)
        finally:
            if output:
                output.mkdir(parents=True, exist_ok=True)
                history.write(output / "history.jsonl")
                shutil.copytree(centre.home / "logs", output / "logs", dirs_exist_ok=True)
        if output:
            report.write(result, output)
        return result
    finally:
        centre.close(keep=plan.keep)


def _loads(plan: Plan, centre: Centre, history: History) -> list[Load]:
    """Open every centre, and make the load of each; the others are smaller than the first."""
    stock = {
        name: open_centre(centre.fleet, name, int(plan.items * share), int(plan.residents * share))
        for name, share in SHARES.items()
    }
    loads = []
    for name, (barcodes, residents) in stock.items():
        tokens = {role: centre.fleet.token(role, centre=name) for role in ("desk", "manager")}
        client = Client(centre.fleet.url, name, tokens, history, centre.now)
        others = [people[0] for other, (_, people) in stock.items() if other != name]
        dice = random.Random(plan.seed)
        dice.shuffle(barcodes)
        dice.shuffle(residents)
        loads.append(Load(client, plan.seed, barcodes, residents, plan.pace * SHARES[name], others))
    return loads


def _desks(plan: Plan) -> list[int]:
    return [max(1, int(plan.desks * share)) for share in SHARES.values()]


def _restored(plan: Plan, centre: Centre, result: dict[str, Any], progress: Progress) -> None:
    """Play a restore under load as well, and add what it came to."""
    progress("a backup is put back while the desks go on")
    checks = checks_of(restored(centre, _loads(plan, centre, History()), _desks(plan)))
    result["checks"] |= checks
    result["passed"] &= not any(check["violations"] for check in checks.values())


def _under_fire(plan: Plan, centre: Centre, history: History, loads: list[Load], progress: Progress) -> dict[str, Any]:
    watch = Watch(centre)
    nemesis = Nemesis(centre, watch, plan.seed, [*(plan.kinds or KINDS)])
    watch.start()
    for load, desks in zip(loads, _desks(plan), strict=True):
        load.start(desks, keepers=max(1, desks // 4))
    began = centre.now()
    telling = _tell(progress, nemesis, history)
    nemesis.run(began + plan.minutes * 60, plan.faults, plan.every)
    telling.set()
    seconds = centre.now() - began
    progress(f"{len(nemesis.inflicted)} faults under load in {seconds:.0f} s")
    centre.heal()
    for load in loads:
        load.stop()
    stopped = centre.now()
    # What was logged must be everywhere within seconds; what it sets off (cards, letters) may take its time.
    quiet = seconds_until(lambda: lag(centre) == 0, 60)
    settled = seconds_until(lambda: work_left(centre) == 0 and lag(centre) == 0, 200)
    watch.stop()
    progress(f"quiet after {quiet} s, settled after {settled} s")
    evidence = gather(centre, tables())
    progress(f"{sum(map(len, evidence.logs.values()))} events to check")
    result = judge(evidence, history)
    late = quiet is None or quiet > LAG_GOAL
    examples = [f"the lag was 0 after {quiet} s, not within {LAG_GOAL}"] if late else []
    result["checks"]["I11 no lag soon after the last heal"] = {"violations": len(examples), "examples": examples}
    rows = report.recoveries(nemesis.inflicted, history, watch.seen, stopped)
    return _result(plan, result, history, nemesis, loads, rows) | {
        "seconds_under_fire": round(seconds, 1),
        "quiet_s": None if quiet is None else round(quiet, 2),
        "settled_s": None if settled is None else round(settled, 2),
        "events": sum(map(len, evidence.logs.values())),
    }


def _tell(progress: Progress, nemesis: Nemesis, history: History) -> threading.Event:
    """Tell every half minute how far it is, until the event is set."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(30):
            progress(f"{len(nemesis.inflicted)} faults, {len(history.acknowledged())} commands acknowledged so far")

    threading.Thread(target=tell, daemon=True).start()
    return done


def judge(evidence: Evidence, history: History) -> dict[str, Any]:
    """Every invariant's violations, and the damage in numbers."""
    found = {name: list(check()) for name, check in all_checks(evidence, history).items()}
    count = {name.split()[0]: len(violations) for name, violations in found.items()}
    return {
        "checks": {n: {"violations": len(v), "examples": v[:EXAMPLES]} for n, v in found.items()},
        "damage": {
            "lost": count["I2"],
            "doubled": count["I3"],
            "double_rentals": count["I1"],
            "krw_adrift": adrift_krw(evidence),
            "views_differing": count["I6"],
            "letters_repeated": sum(times - 1 for times in evidence.mails.values()),
        },
    }


def _result(
    plan: Plan,
    judged: dict[str, Any],
    history: History,
    nemesis: Nemesis,
    loads: list[Load],
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    dead = [row for row in rows if row["kind"] in report.BROKER_DEAD]
    others = [row for row in rows if row["kind"] not in report.BROKER_DEAD]
    errors = [*(error for load in loads for error in load.errors[:EXAMPLES]), *nemesis.errors]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": plan.seed,
        "minutes": plan.minutes,
        "machine": report.machine(),
        "passed": not errors and not any(check["violations"] for check in judged["checks"].values()),
        "totals": report.totals(history),
        **judged,
        "faults": len(nemesis.inflicted),
        "kinds": len({fault.kind for fault in nemesis.inflicted}),
        "recovery": report.spread([row["recovered_s"] for row in others if row["recovered_s"] is not None]),
        "recovery_broker": report.spread([row["recovered_s"] for row in dead if row["recovered_s"] is not None]),
        "by_kind": report.by_kind(rows),
        "by_operation": report.by_operation(history),
        "skipped": nemesis.skipped,
        "errors_of_the_drill": errors,
        "notes": list(NOTES),
        "each_fault": rows,
    }
