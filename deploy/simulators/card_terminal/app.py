"""The terminal over HTTP, for whoever knows its secret. Amounts are whole won.

POST   /payments {id, amount_krw}    take an amount, once for each id -> {id, state, approval_number?, reason?}
GET    /payments/{id}                what came of it; 404 when it was never seen
POST   /payments/{id}/cancel         end it for good and give back what was taken -> {state, refunded_krw}
GET    /payments?since=&after=       what is new or changed since an instant -> {payments: [...], next}
GET    /totals                       approved_krw, cancelled_krw, net_krw, and how many in each state
PUT    /behaviour {amount_krw, outcome, after_seconds}    outcome: approve, decline, late, never, lose_reply;
                                     for one amount, or for all of them when amount_krw is null
DELETE /behaviour                    approve everything at once again
GET    /livez
"""

from __future__ import annotations

import hmac
import sqlite3
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import falcon
import msgspec
from falcon import Request, Response
from msgspec import Meta
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from deploy.simulators.card_terminal.payment_store import AmountDiffers, PaymentStore, ReplyLost

LARGEST_BODY = 4096  # bytes
Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")]
Won = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Body = TypeVar("Body")


class Payment(msgspec.Struct):
    """An amount to be taken under an id."""

    id: Id
    amount_krw: Won


class Behaviour(msgspec.Struct):
    """The outcome from now on, of one amount or of all."""

    outcome: Literal["approve", "decline", "late", "never", "lose_reply"]
    amount_krw: Won | None = None
    after_seconds: Annotated[float, Meta(ge=0, le=86400)] = 2


class Terminal:
    """The resources of one terminal; the suffix of a method names its route."""

    def __init__(self, payments: PaymentStore) -> None:
        self._payments = payments

    def on_get_livez(self, _request: Request, response: Response) -> None:
        """That it runs."""
        response.media = {"alive": True}

    def on_get_payments(self, request: Request, response: Response) -> None:
        """A page of what is new or changed since an instant."""
        since = request.get_param_as_datetime("since", "%Y-%m-%dT%H:%M:%S%z", required=True)
        payments, following = self._payments.since(since.timestamp(), request.get_param_as_int("after", default=0))
        response.media = {"payments": payments, "next": following}

    def on_get_totals(self, _request: Request, response: Response) -> None:
        """The totals."""
        response.media = self._payments.totals()

    def on_post_payments(self, request: Request, response: Response) -> None:
        """Take an amount under an id."""
        asked = _body(request, Payment)
        response.media = self._payments.pay(asked.id, asked.amount_krw)

    def on_get_payment(self, _request: Request, response: Response, id: str) -> None:
        """What came of an id."""
        response.media = self._payments.payment(id)
        if response.media is None:
            raise falcon.HTTPNotFound(description=f"no payment {id} was ever asked for")

    def on_post_cancel(self, _request: Request, response: Response, id: str) -> None:
        """End an id for good."""
        response.media = self._payments.cancel(msgspec.convert(id, Id))

    def on_put_behaviour(self, request: Request, response: Response) -> None:
        """Show an outcome from now on."""
        asked = _body(request, Behaviour)
        self._payments.behave(asked.amount_krw, asked.outcome, asked.after_seconds)
        response.media = msgspec.to_builtins(asked)

    def on_delete_behaviour(self, _request: Request, response: Response) -> None:
        """Approve everything again."""
        self._payments.behave_as_usual()
        response.media = {"outcome": "approve"}


class Guard:
    """Lets in who knows the secret; ``/livez`` is open."""

    def __init__(self, secret: str) -> None:
        self._expected = f"Bearer {secret}".encode()

    def process_request(self, request: Request, _response: Response) -> None:
        """Refuse before anything else is looked at."""
        given = (request.get_header("Authorization") or "").encode()
        if request.path != "/livez" and not hmac.compare_digest(given, self._expected):
            raise falcon.HTTPUnauthorized(description="this terminal wants its secret: Authorization: Bearer SECRET")


class Quiet(WSGIRequestHandler):
    """Logs nothing: the services log what they asked and what came of it. Ends a connection whose reply is lost."""

    def connection_dropped(self, _error: BaseException, _environ: Any = None) -> None:
        """Nothing was answered, and nothing more will come."""
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


def server(host: str, port: int, payments: PaymentStore, secret: str) -> BaseWSGIServer:
    """A server of the terminal, bound to the address; port 0 takes a free one, its ``port`` says which."""
    terminal, app = Terminal(payments), falcon.App(middleware=[Guard(secret)])
    app.add_route("/livez", terminal, suffix="livez")
    app.add_route("/payments", terminal, suffix="payments")
    app.add_route("/totals", terminal, suffix="totals")
    app.add_route("/payments/{id}", terminal, suffix="payment")
    app.add_route("/payments/{id}/cancel", terminal, suffix="cancel")
    app.add_route("/behaviour", terminal, suffix="behaviour")
    app.set_error_serializer(_tell)
    for error in (msgspec.DecodeError, AmountDiffers, sqlite3.Error, ReplyLost):
        app.add_error_handler(error, _refuse)
    return make_server(host, port, app, threaded=True, request_handler=Quiet)


def _tell(_request: Request, response: Response, error: falcon.HTTPError) -> None:
    response.media = {"error": error.description or error.title}


def _refuse(_request: Request, _response: Response, error: Exception, _params: Any) -> NoReturn:
    if isinstance(error, msgspec.DecodeError):
        raise falcon.HTTPBadRequest(description=str(error))
    if isinstance(error, AmountDiffers):
        raise falcon.HTTPConflict(description=str(error))
    if isinstance(error, sqlite3.Error):
        raise falcon.HTTPServiceUnavailable(description=f"the terminal's memory is away: {error}")
    raise error  # the server closes the connection


def _body(request: Request, kind: type[Body]) -> Body:
    """The object in a request's body, whatever its content type says."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise falcon.HTTPContentTooLarge(description=f"a body has at most {LARGEST_BODY} bytes")
    return msgspec.json.decode(request.bounded_stream.read() or b"{}", type=kind)
