"""What runs: one row per process, with what it answers and the memory it takes."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.installation import Installation
from deploy.local.problems import NotReady
from deploy.local.processes import Process
from deploy.local.supervisor import State


@dataclass(frozen=True)
class Row:
    """A process: `state` is "ready" or says what is wrong; pid and memory (MiB) are 0 if it does not run."""

    name: str
    state: str
    pid: int
    port: int
    memory: float

    @property
    def up(self) -> bool:
        return self.state == "ready"


def rows(installation: Installation) -> list[Row]:
    """All processes in the order in which they start."""
    states = installation.supervisor.states()
    children = _children()
    return [_row(process, states.get(process.name), children) for process in installation.processes]


def _row(process: Process, state: State | None, children: dict[int, list[int]]) -> Row:
    if state is None or not state.pid:
        return Row(process.name, state.state.lower() if state else "stopped", 0, process.port, 0.0)
    try:
        process.ready()
        answer = "ready"
    except NotReady as reason:
        answer = f"not ready: {reason}"
    memory = sum(_memory(pid) for pid in _family(state.pid, children))
    return Row(process.name, answer, state.pid, process.port, memory)


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    return children


def _family(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _family(child, children)


def _memory(pid: int) -> float:
    """MiB of the process; pages that it shares with others (Postgres' buffers) count in part."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2
    return 0.0
