"""Brings a service's database up to date; again changes nothing.

Migrations are SQL files, first the chassis's, then the service's, each run once, in order, by the database's owner; the
app role gets what it needs and no more: it can append to the log, by the function for that, but never change it.
"""

import hashlib
from pathlib import Path

from psycopg import sql

from services.chassis.foundation import database
from services.chassis.foundation.settings import SettingMissing

SERVICES = Path(__file__).resolve().parents[2]


# What the app writes through functions of their owner alone, or not at all.
_KEPT = [sql.Identifier(name) for name in ("event", "event_type", "outcome", "job_done", "log", "migration")]
_PERSONAL = (
    "SELECT c.relname FROM pg_class c JOIN pg_description d ON d.objoid = c.oid WHERE d.description = 'personal'"
)


class MigrationChanged(Exception):
    """A migration that was applied has another content now; write a new one instead."""


def files(service: str) -> list[tuple[str, Path]]:
    """(name, path) of a service's migrations in order."""
    own = SERVICES / service / "sql" / "migrations"
    if not own.is_dir():
        raise SettingMissing(f"there is no service {service}")
    shared = SERVICES / "chassis" / "eventstore" / "sql"
    return [
        (f"{origin}/{p.name}", p)
        for origin, where in (("chassis", shared), (service, own))
        for p in sorted(where.glob("*.sql"))
    ]


def migrate(service: str, url: str) -> list[str]:
    """Apply what is missing; returns the names. Two that start at once wait for each other."""
    applied = []
    with database.connect(url, patience=None) as conn, conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(7203040179)")
        conn.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz DEFAULT now())"
        )
        done = dict(conn.execute("SELECT name, digest FROM migration").fetchall())
        for name, path in files(service):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if done.get(name, digest) != digest:
                raise MigrationChanged(f"{name} was changed after it was applied; write a new migration instead")
            if name not in done:
                conn.execute(database.text(path.read_text()))
                conn.execute("INSERT INTO migration (name, digest) VALUES (%s, %s)", (name, digest))
                applied.append(name)
        grant(conn, service)
    return applied


def grant(conn: database.Connection, service: str) -> None:
    """Give the app and the reader of a service what they need, and no more."""
    app, reader = sql.Identifier(f"{service}_app"), sql.Identifier(f"{service}_ro")
    for statement in (
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {0}, {1}").format(app, reader),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {0}").format(app),
        sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {1} FROM {0}").format(app, sql.SQL(", ").join(_KEPT)),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}").format(reader),
        sql.SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC"),
        sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {0}").format(app),
    ):
        conn.execute(statement)
    for (table,) in conn.execute(_PERSONAL).fetchall():  # a reader of reports has no business with names
        conn.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.Identifier(table), reader))
