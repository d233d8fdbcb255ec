"""The socket of a service: how many may connect, how long a head may take, and who is let in.

A connection without the internal secret costs a socket and one head: neither its body is read nor a worker taken.
"""

import hmac
import resource
import socket
from functools import partial
from typing import Any

import eventlet
import structlog
from eventlet.wsgi import Server
from nameko.web.handlers import HttpRequestHandler
from nameko.web.server import HttpOnlyProtocol, WebServer

from services.chassis.foundation import metrics
from services.chassis.foundation.settings import Settings

log = structlog.get_logger()
OPEN = frozenset({"/livez", "/readyz", "/metrics"})  # answered without the secret
MOST = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)  # connections; the rest is for servers and files
BACKLOG = 1024  # connections that wait to be accepted; one that finds no place comes again after a second
HEAD = 5.0  # seconds for a head, from its first byte, and until a new connection has sent that
IDLE = 75.0  # seconds between two requests: more than the gateway keeps a connection that it does not use
WRITE = 30.0  # seconds for one read of a body, or one write of an answer
_DENIED = (
    b'{"error": "this port is for the gateway and for the services; send Authorization: Bearer <internal secret>"}'
)
_CLOSE = b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


class Protocol(HttpOnlyProtocol):  # type: ignore[misc]
    """One connection."""

    known = False  # whether the secret was given on this connection

    def _read_request_line(self) -> Any:
        with eventlet.Timeout(IDLE if self.known else HEAD, TimeoutError("no request came")):
            return super()._read_request_line()

    def parse_request(self) -> bool:
        """Read the rest of the head. Raises TimeoutError, which ends the connection."""
        with eventlet.Timeout(HEAD, TimeoutError("the head took too long")):
            parsed: bool = super().parse_request()
            return parsed

    def handle_one_response(self) -> None:
        """Answer, if the secret is right or the path is open; the body of a stranger is not read."""
        given = str(self.headers.get("Authorization", "")).encode(errors="surrogateescape")
        if hmac.compare_digest(given, self.server.bearer):
            self.known = True
        elif self.path.partition("?")[0] not in OPEN or self._has_body():
            metrics.HTTP_REFUSED.labels("no secret").inc()
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 401 Unauthorized\r\n" + _CLOSE % (len(_DENIED), _DENIED))
            return
        super().handle_one_response()

    def _has_body(self) -> bool:
        return "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0"


class BoundedWebServer(WebServer):  # type: ignore[misc]
    """nameko's web server with bounds. Nothing that a connection does ends the process."""

    def get_wsgi_server(self, sock: Any, wsgi_app: Any, protocol: Any = Protocol, debug: bool = False) -> Any:
        """The WSGI server; each of its waits has an end."""
        sock.listen(BACKLOG)
        server = Server(
            sock, sock.getsockname(), wsgi_app, protocol=protocol, debug=debug, log_output=False, socket_timeout=WRITE
        )
        server.bearer = f"Bearer {Settings.from_env().secret}".encode()
        return server

    def run(self) -> None:
        """Accept until told to stop; above the bound a new connection is closed at once."""
        self._connections = 0
        while self._is_accepting:
            try:
                connection, address = self._sock.accept()
            except OSError as error:  # as too many open files: those that end give some back
                log.error("connection_not_accepted", error=str(error))
                eventlet.sleep(0.1)
                continue
            if self._connections >= MOST:
                metrics.HTTP_REFUSED.labels("too many connections").inc()
                connection.close()
                continue
            self._connections += 1
            metrics.HTTP_CONNECTIONS.set(self._connections)
            self.container.spawn_managed_thread(partial(self._serve, connection, address), "connection")

    def _serve(self, connection: Any, address: Any) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a long answer waits 40 ms for an ack
            connection.settimeout(WRITE)
            self.process_request(connection, address)
        except OSError as error:
            log.debug("connection_lost", error=str(error))
        except Exception:
            log.exception("connection_failed")
        finally:
            connection.close()
            self._connections -= 1
            metrics.HTTP_CONNECTIONS.set(self._connections)


class Entry(HttpRequestHandler):  # type: ignore[misc]
    """An entrypoint of this server, carried out by a worker of the pool."""

    server = BoundedWebServer()


class Probe(Entry):
    """An entrypoint that answers where its connection is served: it waits for no worker."""

    def handle_request(self, request: Any) -> Any:
        """Call the method on a service of its own."""
        service = self.container.service_cls()
        for provider in self.container.dependencies:
            setattr(service, provider.attr_name, provider.get_dependency(None))
        return getattr(service, self.method_name)(request)


http, probe = Entry.decorator, Probe.decorator
