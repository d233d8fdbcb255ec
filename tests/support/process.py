"""A service as a process of its own, on a database of the test and the servers of the run."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from services.contracts import SERVICES
from tests.support.centre import CENTRE, category_data
from tests.support.waiting import wait_for

SECRET = "internal-secret-of-the-process-tests-0123456789"


@dataclass
class ServiceProcess:
    """One running service."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    output: Any
    env: dict[str, str]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **params: Any) -> requests.Response:
        """Ask it, with the internal secret."""
        return requests.get(
            f"{self.url}{path}", params=params, headers={"Authorization": f"Bearer {SECRET}"}, timeout=60
        )

    def ready(self) -> dict[str, Any]:
        """What it says of itself."""
        answer: dict[str, Any] = requests.get(f"{self.url}/readyz", timeout=10).json()
        return answer

    def metric(self, name: str) -> float:
        """A metric, by its name with labels; 0 when it is not there."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def tool(self, *words: str, owner: str = "") -> str:
        """Run an operator's command with its settings; what it prints. ``owner`` is the owner's database."""
        argv = [sys.executable, "-m", "services.chassis.cli", *words]
        done = subprocess.run(
            argv, env=self.env | {"NANUM_OWNER_DATABASE_URL": owner}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def said(self) -> str:
        """Its output so far."""
        self.output.flush()
        with open(self.output.name, encoding="utf-8") as file:
            return file.read()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def service_process(
    name: str,
    database_url: str,
    amqp_url: str,
    sources: dict[str, str] | None = None,
    open_files: int | None = None,
    wait: bool = True,
) -> Iterator[ServiceProcess]:
    """A service that runs; ended at the end. ``sources`` maps other services to their addresses."""
    port = free_port()
    addresses = dict.fromkeys(SERVICES, "http://127.0.0.1:9") | (sources or {})
    with tempfile.TemporaryDirectory() as home, tempfile.NamedTemporaryFile("wb") as output:
        env = _environment(port, home) | {
            "NANUM_DATABASE_URL": database_url,
            "NANUM_AMQP_URL": amqp_url,
            "NANUM_SOURCES": " ".join(f"{service}={url}" for service, url in addresses.items()),
        }
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))) if open_files else None
        argv = [sys.executable, "-m", "services.chassis.process.main", name]
        process = subprocess.Popen(argv, env=env, stdout=output, stderr=subprocess.STDOUT, preexec_fn=limit)
        made = ServiceProcess(name, port, process, output, env)
        try:
            if wait:
                wait_for(lambda: _answers(made))
            yield made
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(port: int, home: str) -> dict[str, str]:
    """What does not depend on the test; each secret is a file in ``home``."""
    env = {
        **os.environ,
        "NANUM_LISTEN": f"127.0.0.1:{port}",
        "NANUM_TERMINAL_URL": "http://127.0.0.1:9",
        "NANUM_SMTP_URL": "smtp://127.0.0.1:9",
    }
    for setting in ("INTERNAL_SECRET", "FINGERPRINT_KEY", "TERMINAL_SECRET"):
        path = os.path.join(home, setting)
        with open(path, "w", encoding="utf-8") as file:
            file.write(SECRET)
        env[f"NANUM_{setting}_FILE"] = path
    return env


def _answers(made: ServiceProcess) -> bool:
    assert made.process.poll() is None, made.said()
    try:
        return bool(made.ready()["ready"])
    except requests.RequestException:
        return False


def describe(service: ServiceProcess, *codes: str, manual: str = "Unfold and sit.") -> None:
    """Have inventory describe categories: an event each."""
    answered = asked(service, *codes, manual=manual)
    assert all("result" in outcome for outcome in answered.json()["outcomes"]), answered.text


def asked(service: ServiceProcess, *codes: str, manual: str = "Unfold and sit.") -> requests.Response:
    """The answer of inventory that was asked to describe categories."""
    commands = [
        {
            "id": str(uuid4()),
            "name": "describe_category",
            "data": {**category_data(code), "manual_en": manual},
            "meta": {"actor": {"role": "manager", "subject": f"a-{0:024x}", "centre": CENTRE}},
        }
        for code in codes
    ]
    return requests.post(
        f"{service.url}/commands",
        json={"commands": commands},
        headers={"Authorization": f"Bearer {SECRET}"},
        timeout=60,
    )
