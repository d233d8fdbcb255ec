"""The report of a drill, in the shape of Jepsen's: numbers as JSON, and the same for people in Markdown."""

import json
import os
import platform
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drills.chaos.history import INFO, OK, REFUSED, History, Op
from drills.chaos.nemesis import Inflicted
from drills.chaos.watch import Seen

BROKER_DEAD = ("broker killed", "broker's data wiped")


def recoveries(inflicted: Sequence[Inflicted], history: History, seen: Seen, stopped: float) -> list[dict[str, Any]]:
    """For each fault, the seconds until commands and readiness, and until all that was logged had been taken in.

    A fault is left out of a figure when the load ended before it could show.
    """
    acknowledged = sorted((op.began, op.ended or 0.0) for op in history.acknowledged())
    rows = []
    for fault in inflicted:
        next_ack = next((ended for began, ended in acknowledged if began >= fault.over), None)
        ready = [seen.ready_after(name, fault.over) for name in fault.touches]
        times = [at - fault.over for at in (next_ack, *ready) if at is not None]
        whole = next_ack is not None and None not in ready
        taken_in = seen.taken_in_after(fault.over)
        rows.append(
            {
                **asdict(fault),
                "recovered_s": round(max(times), 3) if whole else None,
                "taken_in_s": None if taken_in is None else round(taken_in - fault.over, 3),
            }
        )
    return [row for row in rows if row["over"] < stopped]


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the greatest of some seconds."""
    if not values:
        return {}
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"p50": round(statistics.median(ordered), 2), "p95": round(p95, 2), "max": round(ordered[-1], 2)}


def by_kind(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """How often each kind struck, and how soon all was well again."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["kind"]].append(row)
    return {
        kind: {
            "faults": len(group),
            "recovered_s": spread([row["recovered_s"] for row in group if row["recovered_s"] is not None]),
            "taken_in_s": spread([row["taken_in_s"] for row in group if row["taken_in_s"] is not None]),
        }
        for kind, group in sorted(groups.items())
    }


def by_operation(history: History) -> dict[str, dict[str, Any]]:
    """Attempts and answers of each operation; available: the share that was answered at the first try."""
    groups: dict[str, list[Op]] = defaultdict(list)
    for op in history.ops:
        groups["the same key again" if op.repeats else op.kind].append(op)
    return {kind: _operation(group) for kind, group in sorted(groups.items())}


def _operation(ops: Sequence[Op]) -> dict[str, Any]:
    outcomes = Counter(op.outcome for op in ops)
    first = sum(op.definite and op.attempts == 1 for op in ops)
    return {
        "operations": len(ops),
        "attempts": sum(op.attempts for op in ops),
        "acknowledged": outcomes[OK],
        "refused": outcomes[REFUSED],
        "indeterminate_at_first": sum(op.attempts > 1 or not op.definite for op in ops),
        "indeterminate_at_last": outcomes[INFO],
        "available_percent": round(100 * first / max(1, len(ops)), 2),
        "latency_s": spread([(op.ended or 0.0) - op.began for op in ops if op.definite]),
    }


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def totals(history: History) -> dict[str, int]:
    """The numbers at the head of the report."""
    commands = history.commands()
    return {
        "commands": len(commands),
        "attempts": sum(op.attempts for op in commands),
        "acknowledged": len(history.acknowledged()),
        "refused": sum(op.outcome == REFUSED for op in commands),
        "indeterminate_at_first": sum(op.attempts > 1 or not op.definite for op in commands),
        "indeterminate_at_last": sum(not op.definite for op in commands),
        "answers_500": sum(op.faults for op in history.ops),
        "reads": sum(op.kind in ("scan", "read") for op in history.ops),
    }


def write(result: dict[str, Any], directory: Path) -> None:
    """Write ``chaos-report.json`` and ``chaos-report.md``."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (directory / "chaos-report.json").write_text(text + "\n", encoding="utf-8")
    (directory / "chaos-report.md").write_text(markdown(result), encoding="utf-8")


def markdown(result: dict[str, Any]) -> str:
    """The report for people."""
    return "\n".join([*_head(result), *_promises(result), *_faults(result), *_operations(result), *_notes(result)])


def _head(result: dict[str, Any]) -> list[str]:
    t, d = result["totals"], result["damage"]
    m, resolved = result["machine"], t["indeterminate_at_first"] - t["indeterminate_at_last"]
    verdict = "Every promise was kept." if result["passed"] else "**Not every promise was kept.**"
    return [
        "# The chaos drill",
        "",
        f"Made by `./nanum chaos --minutes {result['minutes']:g} --seed {result['seed']}` on {result['date']}: "
        f"{m['cores']} cores ({m['system']}, Python {m['python']}) that also carried Postgres, RabbitMQ, the load and "
        f"the fault proxies. {verdict}",
        "",
        "| | |",
        "|---|---|",
        f"| load under fire | {result['seconds_under_fire']:.0f} s |",
        f"| faults | {result['faults']} of {result['kinds']} kinds |",
        f"| commands sent / tries | {t['commands']:,} / {t['attempts']:,} |",
        f"| acknowledged | {t['acknowledged']:,} |",
        f"| refused by a rule | {t['refused']:,} |",
        f"| unknown at first, then resolved with the same key | {resolved:,} |",
        f"| unknown for good | {t['indeterminate_at_last']:,} |",
        f"| events in the four logs | {result['events']:,} |",
        f"| **lost** | **{d['lost']}** |",
        f"| **doubled** | **{d['doubled']}** |",
        f"| **double rentals** | **{d['double_rentals']}** |",
        f"| **KRW adrift** | **{d['krw_adrift']}** |",
        f"| **view rows differing** | **{d['views_differing']}** |",
        f"| letters sent again after a lost reply (same Message-ID) | {d['letters_repeated']} |",
        f"| recovery, p50 / p95 / max | {_times(result['recovery'])} |",
        f"| recovery where the broker was killed or wiped | {_times(result['recovery_broker'])} |",
        f"| lag after the last heal | 0 after {result['quiet_s']} s |",
        "",
    ]


def _promises(result: dict[str, Any]) -> list[str]:
    lines = ["## Promises", "", "| | |", "|---|---|"]
    for name, check in result["checks"].items():
        kept = "kept" if not check["violations"] else f"**{check['violations']} violations**"
        lines.append(f"| {name} | {kept} |")
    lines += ["", "I10, the order of reservations: nothing to look at, as there are no reservations yet.", ""]
    for name, check in result["checks"].items():
        lines += [f"- {name}: {example}" for example in check["examples"]]
    return [*lines, ""]


def _times(times: dict[str, float]) -> str:
    return f"{times['p50']} / {times['p95']} / {times['max']} s" if times else "-"


def _faults(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Faults",
        "",
        "*Recovery*: from the end of the fault until a command sent after it is acknowledged and every process that it "
        "touched says that it is ready. *Taken in*: until every consumer has taken in all that was in the logs at that "
        "moment. Faults overlap, so a figure may hold the next fault's part.",
        "",
        "| kind | faults | recovery p50 / p95 / max | taken in p50 / p95 / max |",
        "|---|---|---|---|",
    ]
    for kind, row in result["by_kind"].items():
        lines.append(f"| {kind} | {row['faults']} | {_times(row['recovered_s'])} | {_times(row['taken_in_s'])} |")
    return [*lines, ""]


def _operations(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Operations",
        "",
        "| | operations | tries | acknowledged | refused | answered at the first try | latency p50 / p95 / max |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, row in result["by_operation"].items():
        lines.append(
            f"| {kind} | {row['operations']:,} | {row['attempts']:,} | {row['acknowledged']:,} | {row['refused']:,} |"
            f" {row['available_percent']} % | {_times(row['latency_s'])} |"
        )
    return [*lines, ""]


def _notes(result: dict[str, Any]) -> list[str]:
    skipped = result["skipped"]
    lines = ["## Notes", "", f"- {len(skipped)} draws could not be inflicted, as their target was just away."]
    lines += [f"- {note}" for note in result["notes"]]
    return [*lines, ""]
