"""Backup and restore of a whole installation: all databases as of one instant, and a new epoch after a restore.

A backup holds the locks of all logs for the moment in which the snapshots are taken: no service's cursor can then be
ahead of the log that it reads. A restore gives every log a new epoch, so that readers of the old ones notice. The
services' own cursors were restored with the logs and get the new epochs; the broker is emptied, as its messages may
tell of events that the restored logs do not have.

Both work as the owner of each database, who may do nothing outside of it: a file that somebody tampered with can hold
any SQL, and functions that run again later.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from deploy.local import programs
from deploy.local.archive import KEYS, opened, packed
from deploy.local.config import Config, Progress
from deploy.local.postgres import find_programs
from deploy.local.problems import InstallationError
from services.contracts import SERVICES

LOCK_PATIENCE = "10s"  # until a log's lock must be ours; the desk waits as long
HOLDER = (
    "SELECT a.pid, a.usename FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
    " AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid::bigint << 32 | l.objid::bigint = log_key() AND a.pid <> pg_backend_pid()"
)


def backup(config: Config, file: Path, progress: Progress) -> None:
    """Write everything that must not be lost into one file, readable by its owner alone; the desk goes on meanwhile.

    Raises InstallationError when a log's lock can't be had in time, or the file can't be written.
    """
    with tempfile.TemporaryDirectory(dir=config.home) as there, contextlib.ExitStack() as stack:
        parts = Path(there)
        connections = {s: stack.enter_context(_owner(config, s)) for s in SERVICES}
        for service, connection in connections.items():
            _lock(service, connection)
        snapshots, heads = {}, {}
        for service, connection in connections.items():
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot(), coalesce(max(position), 0) FROM event").fetchone()
            snapshots[service], heads[service] = row if row else ("", 0)
        for connection in connections.values():
            connection.execute("SELECT pg_advisory_unlock(log_key())")
        for service, snapshot in snapshots.items():
            dump = ["--format=custom", f"--snapshot={snapshot}", "--file", str(parts / f"{service}.dump")]
            _run(config, service, "pg_dump", *dump)
            progress(f"{service}: {heads[service]} events")
        (parts / KEYS).write_text(json.dumps({name: config.secrets.value(name) for name in kept_secrets()}))
        packed(parts, file, {"made_at": datetime.now(UTC).isoformat(), "heads": heads})


def kept_secrets() -> tuple[str, ...]:
    """The secrets without which the data would mean something else: they are restored with it."""
    return ("pseudonym", *(f"fingerprint-{service}" for service in SERVICES))


def restore(config: Config, file: Path, progress: Progress) -> None:
    """Put a backup in the place of all data, under new epochs. The programs must be down.

    Raises InstallationError, before anything is changed, when the file is not a whole backup.
    """
    with opened(file, config.home) as (parts, manifest):
        for name, value in json.loads((parts / KEYS).read_text()).items():
            if name in kept_secrets():
                config.secrets.replace(name, value)
        for service in SERVICES:
            with config.postgres.session() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS nanum_{service} WITH (FORCE)")
            config.postgres.create_databases((service,))
            # The schema is there already, and what it may be used for; the dump's own is nothing of the owner's.
            _run(config, service, "pg_restore", "--exit-on-error", "--no-owner", str(parts / f"{service}.dump"))
            progress(f"{service}: {manifest['heads'][service]} events")
    epochs = {service: _new_epoch(config, service) for service in SERVICES}
    for service in SERVICES:
        with _owner(config, service) as connection:
            for source, epoch in epochs.items():
                connection.execute("UPDATE subscription SET epoch = %s WHERE source = %s", (epoch, source))
    programs.migrate(config, list(SERVICES))


def _owner(config: Config, service: str) -> psycopg.Connection:
    return psycopg.connect(config.dsn(service, "owner"), autocommit=True, connect_timeout=3)


def _new_epoch(config: Config, service: str) -> object:
    with _owner(config, service) as connection:
        row = connection.execute("SELECT new_epoch()").fetchone()
        return row[0] if row else None


def _lock(service: str, connection: psycopg.Connection) -> None:
    connection.execute(f"SET lock_timeout = '{LOCK_PATIENCE}'")
    try:
        connection.execute("SELECT pg_advisory_lock(log_key())")
    except psycopg.errors.LockNotAvailable:
        holders = ", ".join(f"process {pid} of {user}" for pid, user in connection.execute(HOLDER)) or "somebody"
        raise InstallationError(
            f"The log of {service} was held by {holders} for {LOCK_PATIENCE}: try again, or end that session."
        ) from None


def _run(config: Config, service: str, program: str, *arguments: str) -> None:
    """Run a program of Postgres as the database's owner; the password is in a file, for all see a command line."""
    to = ["--host=127.0.0.1", f"--port={config.ports['postgres']}", f"--username={service}_owner", "--no-password"]
    to.append(f"--dbname=nanum_{service}")
    password = config.private.write(f"{service}-owner", {"PGPASS": config.postgres.passfile(service)})["PGPASS_FILE"]
    env = {"PATH": "/usr/bin:/bin", "PGPASSFILE": password}
    command = [str(find_programs() / program), *to, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise InstallationError(f"{program} failed: {done.stderr.strip()[-1500:]}")
