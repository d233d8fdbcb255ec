"""Residents: who they are (notifications keeps that) and what they may do (rentals keeps that)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from marshmallow import fields

from gateway import answers
from gateway.answer import Answer, Row
from gateway.ask import Ask
from gateway.auth import DESK, MANAGER, RESIDENT, STAFF, only
from gateway.pages import page
from gateway.problems import Problem
from gateway.reading import invalid, without
from gateway.route import Routes
from services.contracts.notifications import Contact, Contacts, RegisterContact
from services.contracts.rentals import JoinResident, ReinstateResident, Resident, SuspendResident, VerifyResident

routes = Routes("residents")
SILENT = {
    "code": "contact_unavailable",
    "ko": "연락처 서비스가 응답하지 않아 이름과 연락처를 표시하지 못했습니다.",
    "en": "The service that keeps contacts does not answer, so name and phone are missing.",
}
CENTER = fields.String(metadata={"description": "the token's own centre, if given at all"})


class Joined(msgspec.Struct):
    """What the answer to a registration shows of a membership."""

    state: str


@routes.post(
    "/v1/residents",
    who=STAFF,
    body=without(RegisterContact, "resident_id", "centre", center=CENTER),
    answer=answers.Registered,
    status=201,
)
async def register_resident(ask: Ask) -> Answer:
    """Register a resident at this centre, not yet verified.

    Two services take part. Repeated with the same `Idempotency-Key`, a registration that broke off is completed.
    """
    centre, resident_id, contact = ask.who.centre, ask.new_id("resident"), dict(ask.body)
    if contact.pop("center", centre) != centre:
        raise Problem("other_centre", facts={"centre": centre})
    await ask.command(RegisterContact, "contact", resident_id=resident_id, centre=centre, **contact)
    row = await ask.command(JoinResident, "membership", resident_id=resident_id, centre=centre)
    answer = Answer.made({"resident_id": resident_id, "state": row.peek(Joined).state})
    answer.headers.append(("Location", f"/v1/residents/{resident_id}"))
    return answer


@routes.get("/v1/residents", who=STAFF, query=without(Contacts, "centre"), answer=answers.Contact, many=True)
async def find_residents(ask: Ask) -> Answer:
    """Find residents by phone or by the beginning of the name; one of the two has to be given."""
    if not {"phone", "name"} & ask.query.keys():
        raise invalid("query", {"phone": ["Give phone or name."]})
    return page(ask, await ask.query_for(Contacts, centre=ask.who.centre, **ask.query), "/v1/residents")


@routes.get("/v1/residents/{id}", who=only(RESIDENT, DESK, MANAGER), answer=answers.Resident)
async def show_resident(ask: Ask) -> Answer:
    """Show a resident: membership and contact. A resident sees themselves only.

    When the service that keeps contacts is down, `contact` is null and `warnings` says so: the desk can go on lending.
    """
    resident_id = ask.of_this_centre(ask.path["id"], "resident")
    if ask.who.role == RESIDENT and resident_id != ask.who.subject:
        raise Problem("not_found", facts={"what": "resident"})
    membership, contact = await asyncio.gather(
        ask.query_for(Resident, resident_id=resident_id), _contact(ask, resident_id)
    )
    return Answer.made({**membership.peek(dict[str, Any]), **contact})


async def _contact(ask: Ask, resident_id: str) -> dict[str, Any]:
    try:
        row = await ask.query_or_none(Contact, resident_id=resident_id)
    except Problem as problem:
        if problem.status != 503:
            raise
        return {"contact": None, "warnings": [SILENT]}
    return {"contact": None if row is None else msgspec.Raw(row.body)}


@routes.post(
    "/v1/residents/{id}/verification",
    who=STAFF,
    body=without(VerifyResident, "resident_id"),
    answer=answers.Membership,
)
async def verify_resident(ask: Ask) -> Answer:
    """Record that staff saw the resident's identity and residence."""
    return await _membership(ask, VerifyResident)


@routes.post(
    "/v1/residents/{id}/suspension",
    who=STAFF,
    body=without(SuspendResident, "resident_id"),
    answer=answers.Membership,
)
async def suspend_resident(ask: Ask) -> Answer:
    """Stop lending to a resident up to and including a day."""
    return await _membership(ask, SuspendResident)


@routes.delete("/v1/residents/{id}/suspension", who=STAFF, answer=answers.Membership)
async def reinstate_resident(ask: Ask) -> Answer:
    """End a suspension early."""
    return await _membership(ask, ReinstateResident)


async def _membership(ask: Ask, contract: type) -> Answer:
    resident_id = ask.of_this_centre(ask.path["id"], "resident")
    row: Row = await ask.command(contract, resident_id=resident_id, **ask.body)
    return Answer.of(row)
