"""The terminal over HTTP. Amounts are whole won.

POST   /payments {id, amount_krw}    take an amount, once for each id -> {id, state, approval_number?, reason?}
GET    /payments/{id}                what came of it; 404 when it was never seen
POST   /payments/{id}/cancel         end it for good and give back what was taken -> {state, refunded_krw}
GET    /payments                     totals: approved_krw, cancelled_krw, net_krw, and how many in each state
PUT    /behaviour {amount_krw, outcome, after_seconds}    outcome: approve, decline, late, never, lose_reply;
                                     for one amount, or for all of them when amount_krw is null
DELETE /behaviour                    approve everything at once again
GET    /livez
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from deploy.terminal.till import OUTCOMES, AmountDiffers, Till

LARGEST_BODY = 4096  # bytes
LARGEST_AMOUNT = 1_000_000_000  # won
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


class Wrong(Exception):
    """The request can't be carried out; the message says why and what to send instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Door(ThreadingHTTPServer):
    """Serves one till."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], till: Till) -> None:
        super().__init__(address, Handler)
        self.till = till


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open between requests."""

    server: Door
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 60.0

    def do_GET(self) -> None:
        """``/payments``, ``/payments/{id}``, ``/livez``."""
        self._serve(self._read)

    def do_POST(self) -> None:
        """``/payments``, ``/payments/{id}/cancel``."""
        self._serve(self._pay)

    def do_PUT(self) -> None:
        """``/behaviour``."""
        self._serve(self._behave)

    def do_DELETE(self) -> None:
        """``/behaviour``."""
        self._serve(self._behave_as_usual)

    def _serve(self, answer: Callable[[list[str], Any], dict[str, Any]]) -> None:
        try:
            body = self._body()  # read in any case, so that the next request of this connection begins where it should
            self._reply(200, answer([unquote(part) for part in self.path.strip("/").split("/")], body))
        except Wrong as wrong:
            self._reply(wrong.status, {"error": str(wrong)})
        except AmountDiffers as differs:
            self._reply(409, {"error": str(differs)})
        except sqlite3.Error as fault:
            self._reply(503, {"error": f"the terminal's memory is away: {fault}"})

    def _read(self, path: list[str], _: Any) -> dict[str, Any]:
        match path:
            case ["livez"]:
                return {"alive": True}
            case ["payments"]:
                return self.server.till.totals()
            case ["payments", id]:
                payment = self.server.till.payment(id)
                if payment is None:
                    raise Wrong(404, f"no payment {id} was ever asked for")
                return payment
            case _:
                raise self._nowhere()

    def _pay(self, path: list[str], body: Any) -> dict[str, Any]:
        match path:
            case ["payments"]:
                reply = self.server.till.pay(_id(body.get("id")), _amount(body.get("amount_krw")))
                if reply.lost:
                    raise ConnectionAbortedError("told to lose this reply")
                return reply.body
            case ["payments", id, "cancel"]:
                return self.server.till.cancel(_id(id))
            case _:
                raise self._nowhere()

    def _behave(self, path: list[str], body: Any) -> dict[str, Any]:
        if path != ["behaviour"]:
            raise self._nowhere()
        outcome, after, amount = body.get("outcome"), body.get("after_seconds", 2), body.get("amount_krw")
        if outcome not in OUTCOMES:
            raise Wrong(400, f"outcome must be one of: {', '.join(OUTCOMES)}")
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 86400:
            raise Wrong(400, "after_seconds must be a number from 0 to 86400")
        self.server.till.behave(None if amount is None else _amount(amount), outcome, float(after))
        return {"amount_krw": amount, "outcome": outcome, "after_seconds": after}

    def _behave_as_usual(self, path: list[str], _: Any) -> dict[str, Any]:
        if path != ["behaviour"]:
            raise self._nowhere()
        self.server.till.behave_as_usual()
        return {"outcome": "approve"}

    def _nowhere(self) -> Wrong:
        return Wrong(404, f"{self.command} {self.path} is nothing that this terminal does")

    def _body(self) -> Any:
        size = self.headers.get("Content-Length", "0")
        if not size.isdigit() or int(size) > LARGEST_BODY:
            self.close_connection = True
            raise Wrong(413, f"a body has at most {LARGEST_BODY} bytes and says its length")
        raw = self.rfile.read(int(size))
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            raise Wrong(400, "the body is no JSON") from None
        if not isinstance(body, dict):
            raise Wrong(400, 'the body must be an object, as {"id": "...", "amount_krw": 1000}')
        return body

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        """Serve the connection until either side ends it."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the services log what they asked and what came of it."""


def _id(value: Any) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise Wrong(400, "id must have letters, digits and . _ : - only, at most 100")
    return value


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_AMOUNT:
        raise Wrong(400, f"amount_krw must be a whole number of won from 1 to {LARGEST_AMOUNT}")
    return value
