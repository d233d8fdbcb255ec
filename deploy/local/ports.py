"""The TCP ports of an installation: chosen once among the free ones, and remembered."""

import json
import random
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

# Below the range from which the kernel takes ports for outgoing connections, so that none of those takes ours.
RANGE = range(20_000, 32_000)
PREFERRED = {"gateway": 8080}


class Ports:
    """Port numbers by process name, kept in a JSON file. All of them are on 127.0.0.1."""

    def __init__(self, file: Path, names: Collection[str], preferred: Mapping[str, int]) -> None:
        self._file = file
        self._names = list(names)
        self._preferred = preferred
        self._numbers: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def __getitem__(self, name: str) -> int:
        if name not in self._numbers:
            self.settle(running=set(self._numbers))
        return self._numbers[name]

    def settle(self, running: Collection[str] = ()) -> list[str]:
        """Give each name a port that is free or its own, and return the names whose port is new.

        The ports of `running` names are in use by ourselves and stay as they are.
        """
        moved = [name for name in self._names if name not in running and not self._usable(name)]
        for name in moved:
            self._numbers[name] = self._choose(name)
        if moved:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._numbers, indent=1) + "\n")
        return moved

    def _usable(self, name: str) -> bool:
        return name in self._numbers and is_free(self._numbers[name])

    def _choose(self, name: str) -> int:
        ours, wanted = set(self._numbers.values()), self._preferred.get(name)
        candidates = [*([wanted] if wanted else []), *random.sample(RANGE, 1000)]
        return next(port for port in candidates if port not in ours and is_free(port))


def is_free(port: int) -> bool:
    """Whether nobody listens on the port (a closing connection of an earlier run does not count)."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
