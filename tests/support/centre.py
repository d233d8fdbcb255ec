"""A small centre for tests of the chassis: rentals with stock, a verified resident, and the commands they take."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import yaml

from services.chassis.commands.handler import CommandMessage, Metadata, decide_own, execute, follow_up, reads_of
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation.codec import decode
from services.chassis.foundation.signals import Signal
from services.chassis.jobs.queue import PostgresJobQueue
from services.chassis.jobs.worker import Worker
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page
from services.chassis.messaging.subscriber import Subscriber
from services.contracts.base import centre_of
from services.rentals.checkout.model import StartRental
from services.rentals.service import SERVICE
from tests.support.neighbours import CENTRE, NEIGHBOURS, moved, of_own_centre, watch

DESK = "a-0123456789abcdef01234567"
MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EPOCH = "00000000-0000-4000-8000-000000000001"
RULES = json.loads(
    json.dumps(yaml.safe_load((Path(__file__).parents[2] / "deploy/seed/house_rules.yaml").read_text()), default=str)
)


def new_id(centre: str = CENTRE) -> str:
    """An id that carries the centre."""
    return f"{centre}.{uuid4().hex}"


def send(name: str, id: UUID | None = None, **data: Any) -> CommandMessage:
    """A command of the desk, of the centre that the data name first."""
    named = data.get("centre") or next((value for field, value in data.items() if field.endswith("_id")), CENTRE)
    actor = {"role": "desk", "subject": DESK, "centre": centre_of(str(named))}
    id = id or uuid4()
    return CommandMessage(id, name, data, Metadata(actor, str(id)))


def lend(resident_id: str, *barcodes: str, id: UUID | None = None, rental_id: str | None = None) -> CommandMessage:
    """The command to lend some items for two nights."""
    return send(
        "request_rental",
        id,
        rental_id=rental_id or new_id(centre_of(resident_id)),
        resident_id=resident_id,
        barcodes=list(barcodes),
        nights=2,
        payment={"method": "card_terminal"},
        manual_acknowledged=True,
    )


def category_data(code: str = "C10", fee_krw: int = 600, centre: str = CENTRE) -> dict[str, Any]:
    """What inventory publishes of a category."""
    return {
        "centre": centre,
        "code": code,
        "group": "camping",
        "name_ko": "캠핑 의자",
        "name_en": "Camping chair",
        "purchase_price_krw": 30000,
        "fee_krw": fee_krw,
        "max_nights": 4,
        "hazard": "none",
        "briefing_required": False,
        "manual_ko": "펴서 앉으세요.",
        "manual_en": "Unfold and sit.",
        "parts": [{"ko": "의자", "en": "chair", "qty": 1}],
    }


NEW = {"reason": "new", "after_rental": None, "repair_id": None}


class Source:
    """The published events of inventory as a test makes them up: numbered, chained, and readable as a feed."""

    def __init__(self, name: str = "inventory", epoch: str = EPOCH) -> None:
        self.name, self.epoch = name, epoch
        self.messages: list[Message] = []
        self.types: dict[str, int] = {}  # where each type first occurs
        self.reads = self.rewinds = 0

    def publishes(self, type: str, stream: str, **data: Any) -> Message:
        """The next event."""
        position = (self.messages[-1].position if self.messages else 0) + 1
        message = Message(
            source=self.name,
            epoch=self.epoch,
            position=position,
            previous=position - 1,
            id=str(uuid5(UUID(self.epoch), f"{position}{'.' * self.rewinds}")),
            type=type,
            stream=stream,
            version=1,
            at=MONDAY,
            data=data,
            previous_id=self.messages[-1].id if self.messages else None,
            previous_at=self.messages[-1].at if self.messages else None,
        )
        self.messages.append(message)
        return message

    def stock(self, *barcodes: str, code: str = "C10", fee_krw: int = 600, centre: str = CENTRE) -> list[Message]:
        """A category and ready items of it."""
        category = category_data(code, fee_krw, centre)
        made = [self.publishes("category.described", f"category-{centre}.{code}", **category)]
        for barcode in barcodes:
            about = {"centre": centre, "barcode": barcode, "category": code}
            made.append(self.publishes("item.registered", f"item-{centre}.{barcode}", **about))
            made.append(
                self.publishes(
                    "item.made_ready",
                    f"item-{centre}.{barcode}",
                    **about,
                    reason="new",
                    after_rental=None,
                    repair_id=None,
                )
            )
        return made

    def rewind(self, position: int) -> None:
        """The log goes back, and keeps its name."""
        self.messages = [m for m in self.messages if m.position <= position]
        self.rewinds += 1

    def becomes(self, messages: list[Message]) -> None:
        """Another log is in its place."""
        self.messages, self.epoch = messages, messages[0].epoch

    def read_feed(self, after: int) -> Page:
        """The feed."""
        self.reads += 1
        behind = [m for m in self.messages if m.position > after]
        before = [(m.position, m.id, m.at) for m in self.messages if m.position <= after][-1:] or [(0, None, None)]
        return Page(
            self.epoch, self.messages[-1].position if self.messages else 0, behind[:500], *before[0], types=self.types
        )


class Desk:
    """Rentals on a fresh database."""

    def __init__(self, url: str) -> None:
        self.url, self.store = url, PostgresStore(SERVICE, url)
        self.inventory = Source()
        self.subscriber = Subscriber(SERVICE, "inventory", self.store, self.inventory.read_feed, lambda: MONDAY)

    def do(self, *batch: CommandMessage, at: datetime = MONDAY) -> list[dict[str, Any]]:
        """Carry out a batch."""
        return [decode(outcome) for outcome in self.raw(*batch, at=at)]

    def raw(self, *batch: CommandMessage, at: datetime = MONDAY) -> list[bytes]:
        """Carry out a batch; the outcomes as bytes."""
        return execute(self.store, SERVICE, list(batch), at)

    def own(self, *commands: Any, at: datetime = MONDAY) -> None:
        """Decide commands that the service itself makes."""
        made = [follow_up(SERVICE, uuid4(), "test", command, Metadata({"role": "service"})) for command in commands]
        with self.store.begin(reads=reads_of(made)) as uow:
            for command in made:
                decide_own(uow, command, at)
            uow.commit()

    def opened(self, *barcodes: str, **stock: Any) -> Desk:
        """Open the centre, beside its neighbours: house rules and stock."""
        for neighbour in NEIGHBOURS:
            self._open(neighbour, *barcodes[:2], **{**stock, "fee_krw": 700})  # they have prices of their own
            self._have_out(neighbour, *barcodes[:1])
        watch(self.url)
        return self._open(CENTRE, *barcodes, **stock)

    def _open(self, centre: str, *barcodes: str, **stock: Any) -> Desk:
        self.do(send("adopt_house_rules", centre=centre, rules=moved(RULES, centre)))
        self.subscriber.receive(self.inventory.stock(*barcodes, centre=centre, **stock))
        return self

    def _have_out(self, centre: str, *barcodes: str) -> None:
        """A rental of these items that has long been due, with no job left."""
        before = MONDAY - timedelta(days=7)
        lent = lend(self.resident(centre), *barcodes)
        (outcome,) = self.do(lent, at=before)
        self.own(StartRental(rental_id=outcome["result"]["rental_id"], payment_id=f"{centre}.p"), at=before)
        worker = Worker(SERVICE, self.store, PostgresJobQueue(self.store.pool), lambda: MONDAY, Signal())
        while worker.step():
            pass

    def resident(self, centre: str = CENTRE) -> str:
        """A verified resident."""
        resident_id = new_id(centre)
        self.do(
            send("join_resident", resident_id=resident_id, centre=centre),
            send("verify_resident", resident_id=resident_id, method="id_card"),
        )
        return resident_id

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a query finds in the service's database, as if there were no neighbours."""
        with self.store.pool.connection() as conn:
            return list(conn.execute(of_own_centre(statement), parameters))


def barcodes(count: int, code: str = "C10") -> list[str]:
    """So many barcodes."""
    return [f"NG-{code}-{n:05d}" for n in range(1, count + 1)]


def refusals(outcomes: Iterable[dict[str, Any]]) -> list[str | None]:
    """The code of each refusal, None where it was accepted."""
    return [o["refused"]["code"] if "refused" in o else None for o in outcomes]
