"""How to tell that a process answers: one check per protocol, each raising `NotReady` with the reason."""

import socket

import requests

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
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=PATIENCE)
    except requests.RequestException as error:
        raise NotReady(f"{type(error).__name__}: nothing answers at {url}") from None
    if answer.status_code != 200:
        raise NotReady(f"answers {answer.status_code}: {answer.text[:300]}")
