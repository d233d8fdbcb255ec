"""The drill itself: the installation, the processes of its releases, and what must hold at the end."""

import time
from pathlib import Path

import psycopg

from deploy.local import Installation
from deploy.local.config import CENTRE
from drills.chaos.proxy import Proxies
from drills.releases.desk import Desk
from drills.releases.process import Process, tool
from drills.releases.tree import release
from services.contracts import SERVICES

ROLLED = ("rentals", "inventory")  # who takes events in is upgraded before who makes them
CLERKS, ITEMS = 4, 40
SIDE_BY_SIDE, ALONE = 1.0, 1.0  # seconds
SETTLED = 60.0  # seconds until every job and event has to be through


class Drill:
    """Releases of inventory and rentals behind proxies, which say which process serves."""

    def __init__(self, home: Path) -> None:
        self._home, self._proxies = home, Proxies()
        self._installation = Installation(home / "nanum", profile="test")
        self._running: dict[str, Process] = {}

    def run(self, times: int) -> list[str]:
        """Upgrade, roll back and forward so many times; returns what is wrong at the end."""
        self._up()
        desk = self._desk()
        desk.open(CLERKS)
        wrong: list[str] = []
        for number in range(1, times + 1):
            for service in ROLLED:
                wrong += self._upgrade(service, number)
            print(f"release {number}: {sum(desk.answers.values())} answers, {dict(desk.answers)}", flush=True)
        time.sleep(ALONE)
        desk.close()
        return wrong + desk.failures + self._unlike(desk, times)

    def close(self) -> None:
        """Stop everything."""
        for process in self._running.values():
            process.stop()
        self._installation.remove()
        self._proxies.close()

    # -- life --

    def _up(self) -> None:
        installation = self._installation
        installation.home.mkdir(parents=True)
        installation.ports.settle()
        links = {service: self._proxies.add(service, installation.ports[service]) for service in SERVICES}
        sources = " ".join(f"{service}=http://127.0.0.1:{port}" for service, port in links.items())
        installation.extra_env = {name: {"NANUM_SOURCES": sources} for name in (*SERVICES, "gateway")}
        installation.up()
        for service in ROLLED:
            self._replace(service, Process(installation, self._tree(0), service))
            installation.stop(service)

    def _desk(self) -> Desk:
        with self._sql("inventory") as conn:
            ready = "SELECT barcode FROM item WHERE centre = %s AND state = 'ready' ORDER BY barcode LIMIT %s"
            barcodes = [barcode for (barcode,) in conn.execute(ready, (CENTRE, ITEMS))]
        return Desk(self._installation.url, self._installation.token("desk"), CENTRE, barcodes)

    def _tree(self, number: int) -> Path:
        tree = self._home / f"release-{number}"
        if not tree.exists():
            release(number, tree)
        return tree

    # -- one upgrade --

    def _upgrade(self, service: str, number: int) -> list[str]:
        """To release ``number``: side by side, rolled back, rolled forward; returns what went wrong."""
        old, tree = self._running[service], self._tree(number)
        migrated = tool(self._installation, tree, "migrate", service)
        if migrated.returncode:
            return [f"release {number} of {service} can't migrate: {migrated.stderr[-500:]}"]
        new = Process(self._installation, tree, service)
        new.wait_ready()
        self._replace(service, new)  # both run; clients go to the new one, the log has two writers and two relays
        time.sleep(SIDE_BY_SIDE)
        old.stop()
        return self._roll_back(service, number)

    def _roll_back(self, service: str, number: int) -> list[str]:
        self._running[service].stop()
        older = Process(self._installation, self._tree(number - 1), service)
        self._proxies.links[service].target = older.port
        said = older.refusal()
        older.stop()
        forward = Process(self._installation, self._tree(number), service)
        forward.wait_ready()
        self._replace(service, forward)
        time.sleep(ALONE)
        if not said:
            return [f"release {number - 1} of {service} started on a log that is newer than it"]
        return [] if "release" in said else [f"release {number - 1} of {service} does not say why it ended: {said}"]

    def _replace(self, service: str, process: Process) -> None:
        process.wait_ready()
        self._running[service] = process
        self._proxies.links[service].target = process.port

    # -- at the end --

    def _unlike(self, desk: Desk, newest: int) -> list[str]:
        """What differs from what was acknowledged, in inventory and in rentals."""
        wrong = self._unsettled(newest)
        with self._sql("inventory") as conn:
            sent = conn.execute("SELECT stream, schema FROM event WHERE type = 'repair.sent'").fetchall()
        schemas = {stream.removeprefix("repair-"): schema for stream, schema in sent}
        wrong += [f"{len(sent) - len(schemas)} repairs were sent twice"] if len(sent) > len(schemas) else []
        wrong += [f"{repair} was acknowledged and is lost" for repair in desk.sent - schemas.keys()]
        for service in ROLLED:
            with self._sql(service) as conn:
                for number in range(1, newest + 1):
                    made = {each for (each,) in conn.execute(f"SELECT repair_id FROM promise_{number}")}
                    wanted = {repair for repair, schema in schemas.items() if schema > number}
                    if made != wanted:
                        few, many = len(wanted - made), len(made - wanted)
                        wrong.append(f"{service}: of promises {number} {few} are missing, {many} are too many")
        for service in SERVICES:
            verified = tool(self._installation, self._tree(newest), "verify", service)
            wrong += [] if verified.returncode == 0 else [verified.stdout[-500:] + verified.stderr[-500:]]
        return wrong

    def _unsettled(self, newest: int) -> list[str]:
        """Wait until every due job is done and rentals has what inventory published; what is left of it."""
        until = time.monotonic() + SETTLED
        while time.monotonic() < until:
            with self._sql("inventory") as conn:
                due = _count(conn, "job WHERE name LIKE 'make_promise_%'")
                made = [_count(conn, f"promise_{n}") for n in range(1, newest + 1)]
            with self._sql("rentals") as conn:
                seen = [_count(conn, f"promise_{n}") for n in range(1, newest + 1)]
            if not due and made == seen:
                return []
            time.sleep(0.3)
        return [f"after {SETTLED:g} s {due} jobs wait; promises made {made}, seen by rentals {seen}"]

    def _sql(self, service: str) -> psycopg.Connection:
        return self._installation.postgres.session(f"nanum_{service}")


def _count(conn: psycopg.Connection, rows: str) -> int:
    found = conn.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(found[0]) if found else 0
