"""One request as a route's handler sees it: who asks, for what, and whom the handler may turn to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
from marshmallow import Schema

from gateway.answer import Row
from gateway.auth import RESIDENT, Caller
from gateway.house import House
from gateway.problems import Problem
from services.contracts.schema import snake

# The root of every id that the gateway derives. It never changes: a repeated request must give the same ids.
NAMESPACE = UUID("5b0d7b32-6f0e-5c7e-9f43-1f5b0a6f9a77")


class Owned(msgspec.Struct):
    """Whose a row is."""

    centre: str | None = None
    resident_id: str | None = None


def command_id(caller: Caller, route: str, key: str | None) -> UUID:
    """The same for the same caller, route and Idempotency-Key; without a key a new one every time."""
    if key is None:
        return uuid4()
    return uuid5(NAMESPACE, f"{caller.centre}:{caller.subject}:{route}:{key}")


@functools.cache
def _address(contract: type[Schema]) -> tuple[str, str]:
    """The service and the wire name of a contract: ``StartRental`` -> ``("rentals", "start_rental")``."""
    return contract.__module__.rpartition(".")[2], snake(contract.__name__)


@dataclass(slots=True)
class Ask:
    """A request, read and allowed.

    ``path``, ``query``, ``body`` are checked and as they were sent; ``id`` is the command id of this request.
    """

    who: Caller
    path: Mapping[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    header: Callable[[str], str | None]
    id: UUID
    request_id: str
    house: House

    async def command(self, contract: type[Schema], part: str = "", /, **data: Any) -> Row:
        """Have a command done by the service that owns it; ``part`` tells several commands of one request apart."""
        service, name = _address(contract)
        return await self.house.services[service].command(
            {
                "id": str(uuid5(self.id, part) if part else self.id),
                "name": name,
                "data": data,
                "meta": {
                    "actor": {"role": self.who.role, "subject": self.who.subject},
                    "correlation_id": self.request_id,
                },
            }
        )

    async def query_for(self, contract: type[Schema], **params: Any) -> Row:
        """Ask a query of the service that owns it."""
        service, name = _address(contract)
        return await self.house.services[service].query(name, params)

    async def query_or_none(self, contract: type[Schema], **params: Any) -> Row | None:
        """Ask a query; None when the thing is not there."""
        service, name = _address(contract)
        return await self.house.services[service].query_or_none(name, params)

    async def newer(self, contract: type[Schema], than: int, wait: float, **params: Any) -> Row | None:
        """Wait for a version greater than ``than``; None when too many wait already."""
        service, name = _address(contract)
        return await self.house.services[service].newer(name, params, than, wait)

    def new_id(self, kind: str) -> str:
        """The id of the ``kind`` of thing that this request makes; a repeated request gives the same."""
        return f"{self.who.centre}.{uuid5(self.id, kind).hex}"

    def of_this_centre(self, thing_id: str, what: str) -> str:
        """The id, when it belongs to the caller's centre; every id carries its centre in front of its last dot."""
        if thing_id.rpartition(".")[0] != self.who.centre:
            raise Problem("not_found", facts={"what": what})
        return thing_id

    def here(self, row: Row, what: str) -> Row:
        """The row, when its centre is the caller's; else it is not there."""
        if row.peek(Owned).centre not in (None, self.who.centre):
            raise Problem("not_found", facts={"what": what})
        return row

    def own(self, row: Row, what: str) -> Row:
        """The row, when it is of this centre, and for a resident when it is their own; else it is not there."""
        if self.who.role == RESIDENT and row.peek(Owned).resident_id != self.who.subject:
            raise Problem("not_found", facts={"what": what})
        return self.here(row, what)

    def own_only(self) -> None:
        """Narrow a list to the resident who asks; staff see what they ask for."""
        if self.who.role != RESIDENT:
            return
        if self.query.get("resident_id", self.who.subject) != self.who.subject:
            raise Problem("not_yours")
        self.query["resident_id"] = self.who.subject
