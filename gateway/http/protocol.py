"""HTTP/1.1 on one connection: uvicorn's, with bounds on bytes and seconds, and a problem document for every refusal."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.http.connections import Connections, wire
from gateway.http.problems import Problem

LARGEST_HEAD = 16 * 1024  # bytes of a request's line and headers
SLOWEST_HEAD = 10.0  # seconds, from a connection's or a head's first byte on; of a body that is not read any more, too
LONGEST_IDLE = 75.0  # seconds between an answer and the next request
SLOWEST_READER = 30.0  # seconds in which a client takes nothing of what is ready for it
PIECE = 2048  # bytes that are parsed at once: so many pipelined requests may be understood before the first is answered


class BoundedProtocol(HttpToolsProtocol):
    """One client's connection. Pipelined requests are served one after the other.

    While one is served and another is understood, nothing more is read.
    """

    def __init__(self, connections: Connections, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.address = ""
        self._all = connections
        self._serving: RequestResponseCycle | None = None
        self._in_head = self._in_message = False
        self._head = 0  # bytes of the present head
        self._unparsed = b""
        self._last_word: Problem | None = None  # the connection ends with it
        self._due = float("inf")  # the loop's second at which waiting for the client ends
        self._reader_due = float("inf")  # ... and waiting for it to take what is written

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.address = self.client[0] if self.client else ""
        self._due = self.loop.time() + SLOWEST_HEAD
        if not self._all.admit(self):
            self._refuse(Problem("too_many_connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and with it whoever waits to be served."""
        self._all.left(self)
        self.pipeline.clear()
        if self._serving is not None:
            self._serving.disconnected = True
            self._serving.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless a request waits already, or nothing more is wanted."""
        if self._last_word is not None:
            return
        if self.pipeline or self._unparsed:
            self._unparsed += data
            self.flow.pause_reading()
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        at = 0
        try:
            while at < len(data) and not self.pipeline:
                piece = data[at : at + min(PIECE, LARGEST_HEAD - self._head)]
                try:
                    self.parser.feed_data(piece)
                except httptools.HttpParserUpgrade as upgrade:  # it is not heeded: what follows is the next request
                    piece = piece[: upgrade.args[0]]
                at += len(piece)
                self._head += len(piece) if self._in_head else 0
                if self._head >= LARGEST_HEAD:
                    raise Problem("head_too_large", details={"limit": LARGEST_HEAD})
        except Problem as problem:
            self._refuse(problem)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(Problem("unknown_method"))
        except httptools.HttpParserError as wrong:
            found = wrong.__context__
            self._refuse(found if isinstance(found, Problem) else Problem("bad_request"))
        else:
            self._unparsed = data[at:]

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._due = self.loop.time() + SLOWEST_HEAD

    def on_headers_complete(self) -> None:
        """A head is complete. Raises Problem when HTTP itself forbids it."""
        self._in_head, self._head = False, 0
        version, method = self.parser.get_http_version(), self.parser.get_method()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1") or not self.url.isascii():
            raise Problem("bad_request")
        if method == b"CONNECT":
            raise Problem("unknown_method")
        self._all.works(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._in_message = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """A request is answered: go on with the next, or wait for it."""
        self._serving = None
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the waiting is counted here
        self._due = self.loop.time() + (SLOWEST_HEAD if self._in_message else LONGEST_IDLE)
        if self.transport.is_closing():
            return
        if not self.pipeline and self._unparsed:
            unparsed, self._unparsed = self._unparsed, b""
            self._parse(unparsed)
        if self._serving is None:
            self._all.waits(self)
            if self._last_word is not None:
                self._end(self._last_word)

    def pause_writing(self) -> None:
        """The client does not take what is written."""
        super().pause_writing()
        self._reader_due = self.loop.time() + SLOWEST_READER

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._reader_due = float("inf")

    def close(self) -> None:
        """Close the connection; what was written is lost when its client does not take it."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def check(self, now: float) -> None:
        """End the connection when its client has kept it waiting for too long."""
        if now >= self._reader_due:
            self.transport.abort()
        elif self._serving is None and now >= self._due:
            if self._in_head and self._last_word is None:
                self._refuse(Problem("head_too_slow", details={"seconds": int(SLOWEST_HEAD)}))
            else:
                self.close()

    def _refuse(self, problem: Problem) -> None:
        """End the connection with a problem document, after what is being answered."""
        self._last_word, self._unparsed = problem, b""
        self._all.refused(problem.code)
        self.flow.pause_reading()
        if self._serving is None:
            self._end(problem)

    def _end(self, problem: Problem) -> None:
        request_id = uuid4().hex
        response = problem.response(request_id, None)
        headers = [("Content-Type", response.media_type), ("X-Request-Id", request_id), *response.headers]
        self.transport.write(wire(problem.status, headers, response.body, self.server_state.default_headers))
        self.transport.close()
