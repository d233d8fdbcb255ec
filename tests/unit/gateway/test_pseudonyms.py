"""Analysts see pseudonyms of their own instead of residents' ids; managers see what was published."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.api import ROUTES
from gateway.http.auth import ANALYST, Caller
from gateway.http.pseudonyms import Pseudonyms
from gateway.http.response import ServiceDocument
from services.contracts.base import PERSONS, within
from services.contracts.catalogue import contracts
from tests.unit.gateway.conftest import CENTRE, PSEUDONYM_SECRET, RESIDENT_ID, Client, Gateway, token
from tests.unit.gateway.services import Stage

SAMPLES = Path(__file__).parents[2] / "contract" / "samples"
BARE = within(RESIDENT_ID)


def event(type: str = "resident.joined", **changes: Any) -> dict[str, Any]:
    """An event in the feed."""
    return {
        "source": "rentals",
        "epoch": "e1",
        "position": 9,
        "previous": 8,
        "id": "05cff4dc-f219-5c7c-a167-746f1ebb07d0",
        "type": type,
        "stream": f"resident-{RESIDENT_ID}",
        "version": 1,
        "at": "2026-11-23T01:00:00Z",
        "data": {"centre": CENTRE, "resident_id": RESIDENT_ID},
        "correlation_id": f"joining-{RESIDENT_ID}",
        "causation_id": None,
        "schema": 1,
        **changes,
    }


def pseudonyms(subject: str = "ana", centre: str = CENTRE, secret: str = PSEUDONYM_SECRET) -> Pseudonyms:
    return Pseudonyms(secret, Caller("analyst", subject, centre))


def test_an_analyst_never_sees_a_residents_id(analyst: Client, stage: Stage) -> None:
    stage.published = [event()]
    answer = analyst.get("/v1/events/rentals")
    assert BARE not in answer.text
    [seen] = answer.json()["data"]
    pseudonym = seen["data"]["resident_id"]
    assert pseudonym.startswith(f"{CENTRE}.p-") and len(pseudonym) == len(f"{CENTRE}.p-") + 32
    assert seen["stream"] == f"resident-{pseudonym}"
    assert {**seen, "data": 0, "stream": 0, "correlation_id": 0} == {
        **event(),
        "data": 0,
        "stream": 0,
        "correlation_id": 0,
    }


def test_a_manager_sees_what_was_published(manager: Client, stage: Stage) -> None:
    stage.published = [event()]
    assert manager.get("/v1/events/rentals").json()["data"] == [event()]


def test_each_analyst_sees_another_name_and_always_the_same(gateway: Gateway, stage: Stage) -> None:
    stage.published = [event(), event("rental.started", stream="rental-1")]

    def seen(subject: str) -> set[str]:
        page = Client(gateway.url, token("analyst", subject)).get("/v1/events/rentals").json()
        return {each["data"]["resident_id"] for each in page["data"]}

    assert len(seen("ana")) == 1
    assert seen("ana") == seen("ana") != seen("ben")


def test_a_large_page_holds_nobody_up(analyst: Client, stranger: Client, stage: Stage) -> None:
    data = {"centre": CENTRE, "resident_id": RESIDENT_ID, "rules": {str(n): [{"days": n}] * 20 for n in range(5000)}}
    stage.published = [event(data=data)]
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(analyst.get, "/v1/events/rentals")
        slowest = 0.0
        while not reading.done():
            began = time.perf_counter()
            assert stranger.get("/livez").status_code == 200
            slowest = max(slowest, time.perf_counter() - began)
    assert BARE not in reading.result().text
    assert slowest < 0.5


def test_the_name_hangs_on_the_person_the_analyst_the_centre_and_the_secret() -> None:
    names = {
        pseudonyms().of(RESIDENT_ID),
        pseudonyms().of(f"{CENTRE}.{'c' * 32}"),
        pseudonyms("ben").of(RESIDENT_ID),
        pseudonyms(centre="seoul-mapo").of(RESIDENT_ID),
        pseudonyms(secret=PSEUDONYM_SECRET[::-1]).of(RESIDENT_ID),
    }
    assert len(names) == 5


def test_a_person_is_found_at_any_depth() -> None:
    deep = event(data={"held": [{"by": {"resident_id": RESIDENT_ID}}], "resident_id": None})
    [seen] = pseudonymized(deep)
    assert seen["data"] == {"held": [{"by": {"resident_id": pseudonyms().of(RESIDENT_ID)}}], "resident_id": None}


def test_what_belongs_together_stays_together() -> None:
    first, second, other = pseudonymized(event(), event(position=10), event(correlation_id="else"))
    assert first["correlation_id"] == second["correlation_id"] != other["correlation_id"]


def test_analysts_are_let_in_nowhere_else() -> None:
    """Whoever opens another route to them has to see to pseudonyms there, and then adds it here."""
    routes = {route.path for route in ROUTES if route.who and ANALYST in route.who.roles and not route.who.public}
    assert routes == {"/v1/events/{service}", "/v1/items", "/v1/items/{barcode}"}


@pytest.mark.parametrize("kind", [each for events in contracts().values() for each in events], ids=lambda e: e.TYPE)
def test_no_published_event_names_a_person_to_an_analyst(kind: Any) -> None:
    sample = json.loads((SAMPLES / f"{kind.TYPE}.v{kind.VERSION}.json").read_text(encoding="utf-8"))
    persons = {within(id) for name, id in sample["data"].items() if name in PERSONS}
    assert bool(persons) == bool(PERSONS & {field.name for field in fields(kind)})
    [seen] = pseudonymized(event(kind.TYPE, stream=sample["headers"]["cloudEvents_subject"], data=sample["data"]))
    assert not [person for person in persons if person in json.dumps(seen)]
    assert msgspec.convert(seen["data"], kind)  # a pseudonym fits where the id was


def pseudonymized(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """What an analyst sees of these."""
    feed = ServiceDocument(json.dumps({"data": events}).encode())
    seen: list[dict[str, Any]] = pseudonyms().feed(feed).peek(dict[str, Any])["data"]
    return seen
