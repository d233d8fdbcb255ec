"""The one-off programs of an installation: migrations and seed, run to their end before the others may work."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from deploy.local.config import ROOT, Config
from deploy.local.problems import InstallationError, end_of
from deploy.local.processes import process_named, python

SOURCES = ("services", "gateway", "integrations", "deploy", "requirements.lock")


def migrate(config: Config, services: list[str]) -> None:
    """Bring the databases of the services to the schema of these sources, side by side."""
    program = "services.chassis.cli"
    jobs = {name: python(sys.executable, program, "migrate", name) for name in services}
    _run(config, {f"migrate-{name}": (argv, _owner_env(config, name)) for name, argv in jobs.items()})


def seed(config: Config) -> None:
    """Give the running services each centre's catalogue and house rules."""
    env = {"NANUM_SOURCES": config.sources, "NANUM_INTERNAL_SECRET_FILE": str(config.secrets.path("internal"))}
    env["NANUM_CENTRES"] = " ".join(config.centres)
    _run(config, {"seed": (python(sys.executable, "deploy.seed"), env)})


def tool_env(config: Config, service: str) -> dict[str, str]:
    """What a tool of a service reads from the environment: that of its process, and the owner's database URL."""
    return {**process_named(config, service).env, **_owner_env(config, service)}


def _owner_env(config: Config, service: str) -> dict[str, str]:
    return config.private.write(f"{service}-owner", {"NANUM_OWNER_DATABASE_URL": config.dsn(service, "owner")})


def is_current(config: Config) -> bool:
    """Whether the databases have the schema of these sources, and the programs were started from them."""
    applied = config.home / "applied"
    return applied.exists() and applied.read_text() == _fingerprint()


def mark_current(config: Config) -> None:
    """Remember that the programs were started from these sources."""
    (config.home / "applied").write_text(_fingerprint())


def _fingerprint() -> str:
    """Changes with the sources that an installation runs: then its programs have to start anew."""
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for top in (ROOT / name for name in SOURCES):
        for file in sorted((top, *top.rglob("*"))):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _run(config: Config, jobs: dict[str, tuple[tuple[str, ...], dict[str, str]]]) -> None:
    """Run the jobs together; each one's output is in a log of its name."""
    running = {}
    for name, (argv, env) in jobs.items():
        log = config.home / "logs" / f"{name}.log"
        with log.open("wb") as output:
            env = {**os.environ, **env, **config.extra_env.get(name, {})}
            running[name, log] = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=output)
    failed = [(name, log) for (name, log), process in running.items() if process.wait()]
    for name, log in failed:
        raise InstallationError(f"{name} failed. {end_of(log)}")
