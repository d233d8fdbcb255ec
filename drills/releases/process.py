"""One process of a service, of a release of its own, beside those of the installation."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from deploy.local import Installation, programs

PATIENCE = 60.0  # seconds until a process has to be ready, or to end


def of_tree(tree: Path, env: dict[str, str]) -> dict[str, str]:
    """The environment in which a program is run from the sources of a release."""
    return {**os.environ, **env, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def tool(installation: Installation, tree: Path, name: str, service: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of a service from a release: ``migrate``, ``verify``."""
    env = of_tree(tree, programs.tool_env(installation, service))
    command = [sys.executable, "-m", "services.chassis.cli", name, service]
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=300)


class Process:
    """A service of a release that listens on a free port. Start it, wait until it is ready or ends."""

    def __init__(self, installation: Installation, tree: Path, service: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        env = {**installation.env(service), "NANUM_LISTEN": f"127.0.0.1:{self.port}"}
        self.log = installation.home / "logs" / f"{service}-{tree.name}-{self.port}.log"
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", "services.chassis.process.main", service]
            self._process = subprocess.Popen(
                command, cwd=tree, env=of_tree(tree, env), stdout=output, stderr=output, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Wait until it serves. Raises RuntimeError with the end of its log when it ends or takes too long."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.log.name} does not get ready: {self.log.read_text()[-2000:]}")

    def refusal(self) -> str:
        """What it says when it refuses to start; "" when it serves."""
        try:
            self.wait_ready()
        except RuntimeError:
            return self.log.read_text().strip()
        return ""

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._process.wait(PATIENCE)
