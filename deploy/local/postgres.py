"""Our own Postgres cluster: its settings, databases and roles."""

from __future__ import annotations

from pathlib import Path

import psycopg

from deploy.local import directories
from deploy.local.ports import Ports
from deploy.local.problems import InstallationError, NotReady
from deploy.local.secrets import Secrets, write_private
from deploy.local.users import Users, own_directory, run_as

ROLES = ("owner", "app", "ro")
SUPERUSER = "nanum"
MEMORY = {"local": "128MB", "test": "32MB"}

SETTINGS = """\
# Written by every start of Nanum.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
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
host all all 127.0.0.1/32 scram-sha-256
"""


class Postgres:
    """The server, with one database and three roles (owner, app, read-only) per service."""

    def __init__(self, home: Path, secrets: Secrets, ports: Ports, profile: str, users: Users) -> None:
        self._directory = home / "postgres"
        self._secrets = secrets
        self._ports = ports
        self._profile = profile
        self._users = users

    def superuser_dsn(self, database: str = "postgres") -> str:
        return self._dsn(SUPERUSER, self._secrets.value("postgres-superuser"), database)

    def dsn(self, service: str, role: str) -> str:
        """URL of a service's database for its `owner`, `app` or `ro` role."""
        if role not in ROLES:
            raise InstallationError(f"There is no database role {role!r}: use {', '.join(ROLES)}.")
        return self._dsn(f"{service}_{role}", self._secrets.value(f"postgres-{service}_{role}"), f"nanum_{service}")

    def _dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self._ports['postgres']}/{database}"

    def passfile(self, service: str) -> str:
        """How libpq is told the password of a database's owner (PGPASSFILE)."""
        port, role = self._ports["postgres"], f"{service}_owner"
        return f"127.0.0.1:{port}:nanum_{service}:{role}:{self._secrets.value(f'postgres-{role}')}\n"

    def session(self, database: str = "postgres") -> psycopg.Connection:
        """The superuser's connection to a database; each statement is a transaction."""
        return psycopg.connect(self.superuser_dsn(database), autocommit=True, connect_timeout=3)

    def check(self) -> None:
        """The server accepts a connection. Raises NotReady."""
        try:
            self.session().close()
        except psycopg.Error as error:
            raise NotReady(str(error).strip().splitlines()[-1]) from None

    @property
    def argv(self) -> tuple[str, ...]:
        data = self._directory.resolve() / "data"
        version = data / "PG_VERSION"  # an existing cluster asks for its own
        programs = find_programs(version.read_text().strip() if version.exists() else None)
        return (str(programs / "postgres"), "-D", str(data))

    def prepare(self) -> None:
        """Make the cluster if there is none, and write its settings."""
        uid = self._users["postgres"]
        top = own_directory(self._directory, uid)
        if not (top / "data" / "PG_VERSION").exists():
            self._initdb(top, uid)
        text = SETTINGS.format(port=self._ports["postgres"], memory=MEMORY[self._profile])
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", ACCESS)):
            write_private(top / "data" / name, content, uid)

    def _initdb(self, top: Path, uid: int | None) -> None:
        password = top / "initial-password"
        write_private(password, self._secrets.value("postgres-superuser"), uid)
        command = [str(find_programs() / "initdb"), "-D", str(top / "data"), "-U", SUPERUSER, "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}"]
        try:
            made = run_as(uid, command, cwd=top)
        finally:
            password.unlink()
        if made.returncode:
            raise InstallationError(f"The Postgres cluster could not be made in {top}: {made.stderr.strip()}")

    def create_databases(self, services: tuple[str, ...]) -> None:
        """Make what is missing, and set the roles' passwords to those of this installation. Idempotent."""
        for service in services:
            database, (owner, app, ro) = f"nanum_{service}", [f"{service}_{role}" for role in ROLES]
            with self.session() as connection:
                for role in (owner, app, ro):
                    self._create_role(connection, role)
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                    connection.execute(f"CREATE DATABASE {database} OWNER {owner}")
                connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
                connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}, {ro}")
                connection.execute(f"ALTER ROLE {ro} SET default_transaction_read_only = on")
            with self.session(database) as connection:
                connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
                connection.execute(f"ALTER SCHEMA public OWNER TO {owner}")

    def _create_role(self, connection: psycopg.Connection, name: str) -> None:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        # Hashed on this side: a password in clear would be seen in the server's log when the statement fails.
        password = self._secrets.value(f"postgres-{name}")
        hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(f"{'ALTER' if known else 'CREATE'} ROLE {name} LOGIN PASSWORD '{hashed}'")


def find_programs(version: str | None = None) -> Path:
    """The directory of Postgres' server programs: the newest, or that of `version`."""
    usual = Path("/usr/lib/postgresql").glob(f"{version or '*'}/bin")
    return directories.of_program(
        "initdb", "NANUM_POSTGRES_BIN", usual, f"postgresql-{version}" if version else "postgresql"
    )
