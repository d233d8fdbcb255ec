"""The secrets that each process is given: a file for each, which the process's own user alone can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.local.secrets import write_private


class Private:
    """``private/<process>/<VARIABLE>``; the directories are ours, and others can only pass through them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def paths(self, process: str, names: Iterable[str]) -> dict[str, str]:
        """The environment that names the files."""
        return {f"{name}_FILE": str(self._directory / process / name) for name in names}

    def write(self, process: str, values: Mapping[str, str], uid: int | None = None) -> dict[str, str]:
        """Write the files for the process's user (None: ours), and return the environment that names them."""
        directory = self._directory / process
        for each in (self._directory, directory):
            each.mkdir(parents=True, exist_ok=True)
            each.chmod(0o711)
        for name, value in values.items():
            write_private(directory / name, value, uid)
        return self.paths(process, values)
