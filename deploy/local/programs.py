"""The one-off programs of an installation: migrations and seed, run to their end before the others may work."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.problems import InstallationError
from deploy.local.processes import ROOT, python, sources

if TYPE_CHECKING:
    from deploy.local.installation import Installation

SOURCES = ("services", "gateway", "deploy", "requirements.lock")


def migrate(installation: "Installation", services: list[str]) -> None:
    """Bring the databases of the services to the schema of these sources, side by side."""
    jobs = {}
    for service in services:
        env = {"NANUM_OWNER_DATABASE_URL": installation.dsn(service, "owner")}
        jobs[f"migrate-{service}"] = (python("services.chassis.migrate", service), env)
    _run(installation, jobs)


def seed(installation: "Installation") -> None:
    """Give the running services the catalogue and the house rules."""
    env = {
        "NANUM_SOURCES": sources(installation),
        "NANUM_INTERNAL_SECRET_FILE": str(installation.secrets.path("internal")),
    }
    _run(installation, {"seed": (python("deploy.seed"), env)})


def tool(installation: "Installation", module: str, service: str, *args: str) -> int:
    """Run a tool of a service, with its output on ours; returns its exit code."""
    env = {
        **os.environ,
        **installation.env(service),
        "NANUM_OWNER_DATABASE_URL": installation.dsn(service, "owner"),
        **installation.extra_env.get(service, {}),
    }
    return subprocess.run(python(f"services.chassis.{module}", service, *args), cwd=ROOT, env=env).returncode


def fingerprint() -> str:
    """Changes with the sources that an installation runs: then its programs have to start anew."""
    digest = hashlib.sha256()
    for name in SOURCES:
        for file in _files(ROOT / name):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _files(top: Path) -> list[Path]:
    found = [top] if top.is_file() else [file for file in top.rglob("*") if file.is_file()]
    return sorted(file for file in found if "__pycache__" not in file.parts)


def _run(installation: "Installation", jobs: dict[str, tuple[tuple[str, ...], dict[str, str]]]) -> None:
    """Run the jobs together; each one's output is in a log of its name."""
    running = {}
    for name, (argv, env) in jobs.items():
        log = installation.home / "logs" / f"{name}.log"
        with log.open("wb") as output:
            env = {**os.environ, **env, **installation.extra_env.get(name, {})}
            running[name, log] = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=output)
    failed = [(name, log) for (name, log), process in running.items() if process.wait()]
    for name, log in failed:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise InstallationError(f"{name} failed; the end of {log}:\n{last}")
