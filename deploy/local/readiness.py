"""How to tell that a process answers: one check per protocol, each raising `NotReady` with the reason."""

import http.client
import json
import socket
import urllib.error
import urllib.request

import amqp
import psycopg

from deploy.local.problems import NotReady

PATIENCE = 2.0  # seconds one check may take


def tcp(port: int, *, say: bytes = b"", hear: bytes) -> None:
    """Something listens on the port and, after we `say` that, answers in bytes that begin with `hear`."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(say)
            if connection.recv(len(hear)) != hear:
                raise NotReady(f"port {port} answers in another protocol")
    except OSError as error:
        raise NotReady(f"port {port}: {error.strerror or error}") from None


def http_ok(url: str) -> None:
    """GET answers 200; the reason otherwise is the body that the program gave."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise NotReady(f"answers {error.code}: {_short(error.read())}") from None
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(getattr(error, "reason", error))) from None


def postgres(dsn: str) -> None:
    """The server accepts a connection and answers a query."""
    try:
        with psycopg.connect(dsn, connect_timeout=int(PATIENCE)) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise NotReady(str(error).strip().splitlines()[-1]) from None


def broker(host: str, user: str, password: str, vhost: str, exchanges: list[str], ssl: bool = False) -> None:
    """The node lets the user in, and has the exchanges of the definitions."""
    connection = amqp.Connection(
        host, user, password, virtual_host=vhost, connect_timeout=PATIENCE, read_timeout=PATIENCE, ssl=ssl
    )
    try:
        with connection:
            for exchange in exchanges:
                connection.channel().exchange_declare(exchange, "topic", passive=True)
    except (OSError, amqp.AMQPError) as error:
        raise NotReady(str(error)) from None


def _short(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)[:300]
    except ValueError:
        return text[:300]
