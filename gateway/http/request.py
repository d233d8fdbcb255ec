"""One request as a route's handler sees it: who asks, for what, and the one way to the services."""

from __future__ import annotations

import asyncio
import functools
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from gateway.http.auth import DESK, MANAGER, RESIDENT, Caller
from gateway.http.preconditions import versions
from gateway.http.problems import Problem
from gateway.http.response import Response, ServiceDocument
from gateway.metrics import Metrics
from gateway.upstream.client import Services
from gateway.upstream.gate import Priority
from gateway.upstream.watcher import Waits
from services.contracts.base import centre_of, id_of, service_of, snake
from services.contracts.texts import ID

# The root of every id that the gateway derives. It never changes: a repeated request must give the same ids.
NAMESPACE = UUID("5b0d7b32-6f0e-5c7e-9f43-1f5b0a6f9a77")
_ID = re.compile(rf"{ID}\Z")
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?\Z")
# What is expected when If-Match names no version at all: no thing has it, as versions count from 1.
NO_VERSION = 0


class Address(NamedTuple):
    """Where a contract goes: its service, its wire name, whether it has a centre, and whether it asks ``whose``."""

    service: str
    name: str
    has_centre: bool
    asks_whose: bool


@functools.cache
def address_of(contract: type) -> Address:
    """``RequestRental`` -> ``("rentals", "request_rental", False, False)``."""
    names = {field.name for field in fields(contract)}
    return Address(service_of(contract), snake(contract.__name__), "centre" in names, "whose" in names)


def command_id(caller: Caller, route: str, key: str | None, *, required: bool) -> UUID:
    """The same for the same caller, route and Idempotency-Key; where none is heeded, a new one every time."""
    if key is None:
        if required:
            raise Problem("idempotency_key_missing")
        return uuid4()
    if not _KEY.match(key):
        raise Problem("idempotency_key_invalid")
    return uuid5(NAMESPACE, f"{caller.centre}:{caller.subject}:{route}:{key}")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What all requests share: services, metrics, the secret of pseudonyms; ``documents`` made once, by path; waits."""

    services: Services
    metrics: Metrics
    pseudonym_secret: str
    documents: Mapping[str, Response]
    waits: Waits


@dataclass(slots=True)
class RequestContext:
    """A request, read and allowed.

    ``path``, ``query``, ``body`` are checked and as they were sent; ``id`` is the command id of this request. Where the
    route heeds them, ``etags`` is what If-Match or If-None-Match names, and ``wait`` the seconds of ``Prefer: wait``.
    ``gone`` ends when the client has hung up; ``priority`` is what a busy service lets in first.
    """

    caller: Caller
    url: str
    path: Mapping[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    etags: Sequence[str] | None
    wait: int | None
    id: UUID
    request_id: str
    dependencies: Dependencies
    priority: Priority
    gone: Callable[[], Awaitable[None]]

    async def send(self, contract: type, part: str = "", /, **data: Any) -> ServiceDocument:
        """Have a command done by its service; the row that it leaves. The caller's centre is filled in.

        ``part`` tells several commands of one request apart. The service expects a version that If-Match names.
        """
        address = address_of(contract)
        if address.has_centre:
            data["centre"] = self.caller.centre
        caller, subject = self.caller, self.caller.subject
        if caller.role != RESIDENT or not _ID.match(subject):  # staff have names at the issuer of their tokens
            who = f"actor\0{caller.centre}\0{subject}"
            subject = f"a-{hmac.digest(self.dependencies.pseudonym_secret.encode(), who.encode(), 'sha256').hex()[:24]}"
        meta: dict[str, Any] = {
            "actor": {"role": caller.role, "subject": subject, "centre": caller.centre},
            "correlation_id": self.request_id,
        }
        if self.etags is not None and "*" not in self.etags:
            meta["expected_version"] = versions(self.etags) or [NO_VERSION]
        made_id = str(uuid5(self.id, part) if part else self.id)
        command = {"id": made_id, "name": address.name, "data": data, "meta": meta}
        return await self.dependencies.services[address.service].send(command, self.priority)

    async def ask(self, contract: type, service: str = "", /, **params: Any) -> ServiceDocument:
        """Ask a query of its service, for the caller's centre alone.

        ``service`` names the one of them that is meant where every service answers the query.
        """
        address = address_of(contract)
        params["centre"] = self.caller.centre
        if address.asks_whose:  # other people's rentals are told to staff alone
            params["whose"] = str(self.caller.role in (DESK, MANAGER)).lower()
        return await self.dependencies.services[service or address.service].ask(address.name, params, self.priority)

    def waiting(self) -> AbstractContextManager[None]:
        """A place among those who wait; none is needed when no wait is wished. Raises Problem (429)."""
        caller = self.caller
        return nullcontext() if self.wait is None else self.dependencies.waits.place((caller.centre, caller.subject))

    async def until(
        self, service: str, stream: str, look: Callable[[], Awaitable[ServiceDocument | None]]
    ) -> tuple[ServiceDocument | None, int | None]:
        """What ``look`` finds once the stream has grown, or None; and the wait that was heeded, None if it failed.

        Never a problem: what is known already can be answered, whatever becomes of the waiting.
        """
        watching = asyncio.create_task(self.dependencies.services[service].watcher.until(stream, look))
        gone = asyncio.ensure_future(self.gone())
        try:
            await asyncio.wait((watching, gone), timeout=self.wait, return_when=asyncio.FIRST_COMPLETED)
            return (watching.result() if watching.done() else None), self.wait
        except Problem:
            return None, None
        finally:
            watching.cancel()
            gone.cancel()

    def new_id(self, thing: str) -> str:
        """The id of the ``thing`` that this request makes; a repeated request gives the same."""
        return id_of(self.caller.centre, uuid5(self.id, thing).hex)

    def of_this_centre(self, thing_id: str, thing: str) -> str:
        """The id, when it belongs to the caller's centre; else there is no such ``thing``."""
        if centre_of(thing_id) != self.caller.centre:
            raise Problem("not_found", details={"what": thing})
        return thing_id

    def path_id(self, thing: str) -> str:
        """The id in the path, when it belongs to the caller's centre; else there is no such ``thing``."""
        return self.of_this_centre(self.path["id"], thing)

    def named(self, thing: str) -> dict[str, str]:
        """What the path names, by the contracts' names: its ``id`` is the ``thing_id``, of the caller's centre."""
        return {f"{thing}_id": self.path_id(thing)} if "id" in self.path else dict(self.path)

    def own_only(self) -> None:
        """Narrow a list to the resident who asks; staff see what they ask for."""
        if self.caller.role != RESIDENT:
            return
        if self.query.get("resident_id", self.caller.subject) != self.caller.subject:
            raise Problem("not_yours")
        self.query["resident_id"] = self.caller.subject


async def or_none(asked: Awaitable[ServiceDocument]) -> ServiceDocument | None:
    """What a query is answered with; None when the thing is not there."""
    try:
        return await asked
    except Problem as problem:
        if problem.status == 404:
            return None
        raise
