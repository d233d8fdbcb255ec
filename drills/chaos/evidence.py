"""What is found afterwards: every log, outcome, cursor, view, the terminal's books, the mailbox, the dead letters."""

import re
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import amqp
from psycopg import sql

from drills.chaos.centre import LATER, SOURCES, Centre
from services.chassis.foundation.codec import decode
from services.contracts import SERVICES

MARK = "x-chaos"  # a header on everything that the drill itself puts on the wire
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^@>]+)@", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a log."""

    position: int
    id: str
    stream: str
    version: int
    type: str
    schema: int
    data: dict[str, Any]
    meta: dict[str, Any]
    at: datetime


@dataclass
class Evidence:
    """Everything that the checkers look at, keyed by service."""

    logs: dict[str, list[Event]] = field(default_factory=dict)
    outcomes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    relayed: dict[str, int] = field(default_factory=dict)
    taken_in: dict[tuple[str, str], int] = field(default_factory=dict)  # by (consumer, source)
    parked: list[tuple[str, str, int, str]] = field(default_factory=list)
    views: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    waiting_jobs: dict[str, int] = field(default_factory=dict)
    terminal: dict[str, dict[str, Any]] = field(default_factory=dict)
    mails: Counter[str] = field(default_factory=Counter)
    dead: list[str] = field(default_factory=list)  # dead letters that are not the drill's own

    def of_type(self, service: str, *types: str) -> list[Event]:
        """The events of these types, in order."""
        return [event for event in self.logs[service] if event.type in types]


def gather(centre: Centre, views: dict[str, list[str]]) -> Evidence:
    """Read everything. ``views`` names the tables of each service."""
    found = Evidence()
    for service in SERVICES:
        _read_service(centre, service, views[service], found)
    found.terminal = _terminal(centre.home / "terminal/payments.sqlite")
    found.mails = _mails(centre.home / "mail")
    found.dead = [letter for consumer in SOURCES for letter in _dead_letters(centre, consumer)]
    return found


def _read_service(centre: Centre, service: str, views: list[str], found: Evidence) -> None:
    with centre.sql(service) as conn, conn.cursor(name="log") as log, conn.transaction():
        log.itersize = 5000
        columns = "position, id::text, stream, version, type, schema, data, meta, at"
        log.execute(f"SELECT {columns} FROM event ORDER BY position")
        found.logs[service] = [Event(*row) for row in log]
        rows = conn.execute("SELECT id::text, outcome::text FROM outcome")
        found.outcomes[service] = {id: decode(outcome) for id, outcome in rows}
        found.relayed[service] = _one(conn, "SELECT position FROM relay_cursor")
        for source, position in conn.execute("SELECT source, position FROM subscription"):
            found.taken_in[service, source] = position
        for source, position, why in conn.execute("SELECT source, position, error FROM parked"):
            found.parked.append((service, source, position, why))
        left = "SELECT count(*) FROM job WHERE NOT name = ANY(%s)"
        found.waiting_jobs[service] = _one(conn, left, LATER)
        found.views[service] = {view: _rows(conn, view) for view in views}


def _one(conn: Any, statement: str, *parameters: object) -> Any:
    return conn.execute(statement, parameters).fetchone()[0]


def _rows(conn: Any, view: str) -> list[dict[str, Any]]:
    rows = conn.execute(sql.SQL("SELECT to_json(v)::text FROM {} v").format(sql.Identifier(view)))
    return [decode(row) for (row,) in rows]


def _terminal(path: Path) -> dict[str, dict[str, Any]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return {row["id"]: dict(row) for row in db.execute("SELECT * FROM answer")}


def _mails(directory: Path) -> Counter[str]:
    mails: Counter[str] = Counter()
    for file in (directory / "new").glob("*") if (directory / "new").exists() else ():
        found = MESSAGE_ID.search(file.read_bytes()[:4096])
        mails[found[1].decode() if found else f"without Message-ID: {file.name}"] += 1
    return mails


def _dead_letters(centre: Centre, consumer: str) -> list[str]:
    """The dead letters of a consumer that the drill did not make."""
    for left in reversed(range(10)):  # a quorum queue may need a while until it has a leader again
        found: list[str] = []
        try:
            with centre.amqp(read_timeout=15) as channel:
                while (message := channel.basic_get(f"{consumer}.dead", no_ack=False)) is not None:
                    if MARK not in (message.headers or {}):
                        found.append(f"{consumer}: {message.properties}"[:200])
            return found
        except (OSError, amqp.AMQPError) as away:
            if not left:
                return [f"the dead letters of {consumer} can't be read: {away}"]
            time.sleep(1)
    return []
