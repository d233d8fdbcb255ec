"""Residents: who they are (notifications keeps that) and what they may do (rentals keeps that)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway.api.views import AnswerWarning, Registered, RegisterResident, Resident
from gateway.http.auth import DESK, MANAGER, RESIDENT, STAFF, only
from gateway.http.paging import page
from gateway.http.problems import Problem
from gateway.http.request import RequestContext, or_none
from gateway.http.request_parsing import invalid
from gateway.http.response import Response
from gateway.http.route import Routes
from services.contracts.notifications.commands import CorrectContact, ForgetContact, RegisterContact
from services.contracts.notifications.queries import Contact, Contacts
from services.contracts.notifications.views import ContactStatus
from services.contracts.rentals.commands import JoinResident, ReinstateResident, SuspendResident, VerifyResident
from services.contracts.rentals.queries import Membership
from services.contracts.rentals.views import Membership as MembershipView

routes = Routes("residents", thing="resident")
NO_CONTACT = AnswerWarning(
    code="contact_unavailable",
    ko="연락처 서비스가 응답하지 않아 이름과 연락처를 표시하지 못했습니다.",
    en="The service that keeps contacts does not answer, so name and phone are missing.",
)


@routes.post("/v1/residents", who=STAFF, body=RegisterResident, fills=["resident_id"], answer=Registered, status=201)
async def register_resident(context: RequestContext) -> Response:
    """Register a resident at this centre, not yet verified.

    Two services take part. Repeated with the same `Idempotency-Key`, a registration that broke off is completed.
    """
    centre, resident_id, contact = context.caller.centre, context.new_id("resident"), dict(context.body)
    if contact.pop("center", None) not in (None, centre):
        raise Problem("token_of_another_centre", details={"centre": centre})
    await context.send(RegisterContact, "contact", resident_id=resident_id, **contact)
    membership = await context.send(JoinResident, "membership", resident_id=resident_id)
    response = Response.json({"resident_id": resident_id, "state": membership.peek(dict[str, Any])["state"]})
    response.location = f"/v1/residents/{resident_id}"
    return response


@routes.get("/v1/residents", who=STAFF, query=Contacts)
async def find_residents(context: RequestContext) -> Response:
    """Find residents by phone or by the beginning of the name; one of the two has to be given."""
    if not {"phone", "name"} & context.query.keys():
        raise invalid("query", {"phone": ["Give phone or name."]})
    return await page(context, Contacts)


@routes.get("/v1/residents/{id}", who=only(RESIDENT, DESK, MANAGER), query=Membership, answer=Resident)
async def show_resident(context: RequestContext) -> Response:
    """Show a resident: membership and contact. A resident sees themselves only.

    When the service that keeps contacts is down, `contact` is null and `warnings` says so: the desk can go on lending.
    """
    resident_id, caller = context.path_id("resident"), context.caller
    if caller.role == RESIDENT and resident_id != caller.subject:
        raise Problem("not_found", details={"what": "resident"})
    membership, contact = await asyncio.gather(
        context.ask(Membership, resident_id=resident_id), _contact(context, resident_id)
    )
    return Response.json({**membership.peek(dict[str, Any]), **contact})


async def _contact(context: RequestContext, resident_id: str) -> dict[str, Any]:
    try:
        contact = await or_none(context.ask(Contact, resident_id=resident_id))
    except Problem as problem:
        if problem.status != 503:
            raise
        return {"contact": None, "warnings": [NO_CONTACT]}
    return {"contact": None if contact is None else msgspec.Raw(contact.body)}


routes.command(
    "/v1/residents/{id}/contact",
    CorrectContact,
    """Correct how a resident is reached: the whole contact as it is from now on.

    With `If-Match` only while the contact still has that version, else 412.
    """,
    who=STAFF,
    headers=("If-Match",),
    answer=ContactStatus,
)
routes.command(
    "/v1/residents/{id}/contact",
    ForgetContact,
    """Forget how a resident is reached: name, phone, address and birth date are deleted for good.

    The membership, the rentals and all totals stay, without a name. Letters that are still to come are not sent.
    """,
    method="DELETE",
    who=only(MANAGER),
    answer=ContactStatus,
)
routes.command(
    "/v1/residents/{id}/verification",
    VerifyResident,
    "Record that staff saw the resident's identity and residence.",
    who=STAFF,
    answer=MembershipView,
)
routes.command(
    "/v1/residents/{id}/suspension",
    SuspendResident,
    "Stop lending to a resident up to and including a day.",
    who=STAFF,
    answer=MembershipView,
)
routes.command(
    "/v1/residents/{id}/suspension",
    ReinstateResident,
    "End a suspension early.",
    method="DELETE",
    who=STAFF,
    answer=MembershipView,
)
