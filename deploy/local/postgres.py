"""Our own Postgres cluster, or a server that the operator gave: its settings, databases and roles."""

import os
import pwd
import re
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from deploy.local import directories, readiness
from deploy.local.problems import InstallationError
from deploy.local.secrets import Secrets, write_private

ROLES = ("owner", "app", "ro")
SUPERUSER = "nanum"
MEMORY = {"local": "128MB", "test": "32MB"}

SETTINGS = """\
# Written by every start of Nanum.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 120
shared_buffers = {memory}
password_encryption = 'scram-sha-256'
# An acknowledged command is never lost: these three are not to be traded for speed.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
max_wal_size = '2GB'
checkpoint_timeout = '15min'
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
logging_collector = off
"""

ACCESS = """\
# Written by every start of Nanum: everyone has a password, nobody comes from outside.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class Postgres:
    """The server, whoever runs it, with one database and three roles (owner, app, read-only) per service."""

    def __init__(self, home: Path, secrets: Secrets, port: int, profile: str, given_url: str | None) -> None:
        self._link = home / "postgres"
        self._secrets = secrets
        self._port = port
        self._profile = profile
        self.given_url = given_url
        self.user = "postgres" if os.geteuid() == 0 and not given_url else None

    def superuser_dsn(self, database: str = "postgres") -> str:
        if self.given_url:
            return urlunsplit(urlsplit(self.given_url)._replace(path=f"/{database}"))
        return self._dsn(SUPERUSER, self._secrets.value("postgres-superuser"), database)

    def dsn(self, service: str, role: str) -> str:
        """URL of a service's database for its `owner`, `app` or `ro` role."""
        if role not in ROLES:
            raise InstallationError(f"There is no database role {role!r}: use {', '.join(ROLES)}.")
        return self._dsn(f"{service}_{role}", self._secrets.value(f"postgres-{service}_{role}"), f"nanum_{service}")

    def _dsn(self, user: str, password: str, database: str) -> str:
        if not self.given_url:
            return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"
        given = urlsplit(self.given_url)
        where = given.netloc.rpartition("@")[2]
        return urlunsplit(given._replace(netloc=f"{user}:{quote(password)}@{where}", path=f"/{database}"))

    def check(self) -> None:
        readiness.postgres(self.superuser_dsn())

    # The cluster: only when the server is our own.

    @property
    def argv(self) -> tuple[str, ...]:
        return (str(self.programs / "postgres"), "-D", str(self._link.resolve() / "data"))

    @property
    def programs(self) -> Path:
        """Where initdb and postgres are; an existing cluster asks for its own version."""
        version_file = self._link / "data" / "PG_VERSION"
        wanted = version_file.read_text().strip() if version_file.exists() else None
        return find_programs(wanted)

    def prepare(self) -> None:
        """Make the cluster if there is none, and write its settings."""
        top = directories.place(self._link, user=self.user, longest_socket="socket/.s.PGSQL.65535.lock")
        if not (top / "data" / "PG_VERSION").exists():
            self._initdb(top)
        socket = top / "socket"
        socket.mkdir(mode=0o700, exist_ok=True)
        directories.give(socket, self.user)
        text = SETTINGS.format(port=self._port, socket=socket, memory=MEMORY[self._profile])
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", ACCESS)):
            if write_private(top / "data" / name, content):
                directories.give(top / "data" / name, self.user)

    def _initdb(self, top: Path) -> None:
        password = top / "initial-password"
        write_private(password, self._secrets.value("postgres-superuser"))
        directories.give(password, self.user)
        command = [str(self.programs / "initdb"), "-D", str(top / "data"), "-U", SUPERUSER, "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}"]
        who = pwd.getpwnam(self.user) if self.user else None
        as_user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
        try:
            made = subprocess.run(command, capture_output=True, text=True, cwd=top, **as_user)  # type: ignore[call-overload]
        finally:
            password.unlink()
        if made.returncode:
            raise InstallationError(f"The Postgres cluster could not be made in {top}: {made.stderr.strip()}")

    def remove(self) -> None:
        directories.remove(self._link)

    # Databases and roles: on any server.

    def create_databases(self, services: tuple[str, ...]) -> None:
        """Make what is missing, and set the roles' passwords to those of this installation. Idempotent."""
        with psycopg.connect(self.superuser_dsn(), autocommit=True) as connection:
            for service in services:
                self._create_database(connection, service)
        for service in services:
            with psycopg.connect(self.superuser_dsn(f"nanum_{service}"), autocommit=True) as connection:
                connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
                owner = sql.Identifier(f"{service}_owner")
                connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner))

    def _create_database(self, connection: psycopg.Connection, service: str) -> None:
        names = {role: sql.Identifier(f"{service}_{role}") for role in ROLES}
        database = sql.Identifier(f"nanum_{service}")
        for role in ROLES:
            self._create_role(connection, f"{service}_{role}")
        exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [f"nanum_{service}"]).fetchone()
        if exists is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, names["owner"]))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        grant = sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}, {}")
        connection.execute(grant.format(database, names["app"], names["ro"]))
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(names["ro"]))

    def _create_role(self, connection: psycopg.Connection, name: str) -> None:
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("CREATE ROLE" if exists is None else "ALTER ROLE")
        # Hashed on this side: a password in clear would be seen in the server's log when the statement fails.
        password = self._secrets.value(f"postgres-{name}")
        hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(hashed)))

    def drop_databases(self, services: tuple[str, ...]) -> None:
        """Forget everything of ours on a given server."""
        with psycopg.connect(self.superuser_dsn(), autocommit=True) as connection:
            for service in services:
                database = sql.Identifier(f"nanum_{service}")
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
                for role in ROLES:
                    name = sql.Identifier(f"{service}_{role}")
                    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))


def find_programs(version: str | None = None) -> Path:
    """The directory of Postgres' server programs: the newest, or that of `version`."""
    given = os.environ.get("NANUM_POSTGRES_BIN")
    found = [Path(given)] if given else list(Path("/usr/lib/postgresql").glob(f"{version or '*'}/bin"))
    found = [directory for directory in found if (directory / "initdb").exists()]
    if not found and given:
        raise InstallationError(f"There is no initdb in NANUM_POSTGRES_BIN={given}: correct it, or unset it.")
    if not found:
        package = f"postgresql-{version}" if version else "postgresql"
        raise InstallationError(f"Postgres is not installed: run `apt-get install {package}` as root.")
    return max(found, key=lambda directory: [int(digits) for digits in re.findall(r"\d+", str(directory))])
