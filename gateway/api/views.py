"""What the gateway adds to the services' contracts: bodies and queries of its own, and answers that it composes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from services.contracts.base import Barcode, command, query, value, view
from services.contracts.inventory import views as inventory
from services.contracts.notifications import views as notifications
from services.contracts.notifications.commands import RegisterContact
from services.contracts.rentals import views as rentals
from services.contracts.rentals.words import MembershipState


@command
class RegisterResident(RegisterContact):
    """A resident as the desk enters them: how they are reached. ``center``: the token's own, if given at all."""

    center: str | None = None


@view
class Registered:
    """A resident who was just registered."""

    resident_id: str
    state: MembershipState


@view
class AnswerWarning:
    """What is missing from an answer, and why."""

    code: str
    ko: str
    en: str


@view
class Resident(rentals.Membership):
    """A membership with the contact. When the contact can't be read now, it is null and ``warnings`` says so."""

    contact: notifications.Contact | None
    warnings: tuple[AnswerWarning, ...] = ()


@value
class Scan:
    """A barcode as the scanner read it."""

    barcode: Barcode


@view
class Scanned:
    """What a scanned barcode is, who has it, and what can be done with it next."""

    item: inventory.Item
    category: inventory.Category | None
    holder: rentals.Holder | None
    actions: tuple[str, ...]


@view
class HistoryEvent:
    """One event of a rental's history; ``data`` is the event's own."""

    position: int
    type: Annotated[str, Meta(examples=["rental.started"])]
    version: int
    at: datetime
    data: dict[str, Any]
    actor: dict[str, Any] | None
    correlation_id: str | None


@query(HistoryEvent, paged=True)
class History:
    """Every event of one stream, in order. Every service answers it."""

    stream: str


@view
class PublishedEvent:
    """One event that ``source`` published; ``previous``, ``previous_id`` and ``previous_at`` are of the one before."""

    source: str
    epoch: str
    position: int
    previous: int
    id: str
    type: Annotated[str, Meta(examples=["rental.started"])]
    stream: str
    version: Annotated[int, Meta(description="its number in its stream")]
    schema: Annotated[int, Meta(description="the version of the contract of `data`")]
    at: datetime
    data: dict[str, Any]
    correlation_id: str | None
    causation_id: str | None
    previous_id: str | None
    previous_at: datetime | None


@view
class FeedPage:
    """A page of the feed; ``epoch`` names the log, ``head`` its last position, ``next`` where to go on.

    ``previous``, ``previous_id`` and ``previous_at`` are of the last published event at or before ``after``: when they
    are not of the one that was read last, the log went back. ``types`` says where each type first occurs.
    """

    epoch: str
    head: int
    previous: int
    previous_id: str | None
    previous_at: datetime | None
    types: dict[str, int]
    data: tuple[PublishedEvent, ...]
    next: int | None


@query(FeedPage)
class Feed:
    """Where to go on reading a service's published events, and how much at once. Every service answers it."""

    after: Annotated[int, Meta(ge=0, description="the last position that was read")] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


@view
class ProblemDocument:
    """Why a request came to nothing (RFC 9457)."""

    type: Annotated[str, Meta(examples=["/problems/invalid_request"])]
    title: str
    status: int
    detail: str
    code: Annotated[str, Meta(description="stable; decide by this")]
    title_ko: str
    detail_ko: str
    title_en: str
    detail_en: str
    details: dict[str, Any]
    request_id: str
    errors: Annotated[
        tuple[dict[str, str], ...],
        Meta(description="what is wrong, each with `in`, a JSON `pointer` and a `message`"),
    ] = ()
