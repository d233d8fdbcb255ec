"""Plays the main job of a sharing centre over HTTP, and shows the events that each step caused."""

from __future__ import annotations

import time
import uuid
from typing import Any

import requests
from rich.console import Console

from services.contracts import SERVICES

PATIENCE = 60.0  # seconds until the events of a step have to be there
out = Console(highlight=False, soft_wrap=True)


class DemoFailed(Exception):
    """The demonstration can't go on; the message says why."""


class Centre:
    """The centre as its desk and an analyst use it: HTTP alone."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self._url, self._tokens = url, tokens
        self._session = requests.Session()
        self._session.trust_env = False
        self._after = {service: self._feed(service, 0, limit=1)["head"] for service in SERVICES}

    def get(self, path: str, role: str = "desk", **parameters: Any) -> Any:
        """A read. Raises :class:`DemoFailed` with the problem document when it is refused."""
        return self._call("GET", path, role, params=parameters)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """A request of the desk that changes something. Raises :class:`DemoFailed` when it is refused."""
        headers["Idempotency-Key"] = str(uuid.uuid4())
        return self._call("POST", path, "desk", headers, json=body or {})

    def tell(self, title: str, summary: str, *awaited: str) -> list[dict[str, Any]]:
        """Show a step and what was published since the last one, once everything ``awaited`` is among it."""
        seen: list[dict[str, Any]] = []
        until = time.monotonic() + PATIENCE
        while missing := set(awaited) - {event["type"] for event in seen}:
            if time.monotonic() > until:
                raise DemoFailed(f"these events did not come within {PATIENCE:.0f} s: {', '.join(sorted(missing))}")
            for service in SERVICES:
                for event in self._feed(service, self._after[service])["data"]:
                    self._after[service] = event["position"]
                    seen.append({**event, "service": service})
            time.sleep(0.05)
        out.print(f"\n[bold]{title}.[/] {summary}")
        for event in sorted(seen, key=lambda event: event["at"]):
            out.print(f"  [dim]{event['service']:>13} {event['position']:>5}[/]  [cyan]{event['type']}[/]")
        return seen

    def _feed(self, service: str, after: int, limit: int = 500) -> Any:
        return self.get(f"/v1/events/{service}", "analyst", after=after, limit=limit)

    def _call(self, method: str, path: str, role: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._tokens[role]}", **(headers or {})}
        answer = self._session.request(method, self._url + path, headers=headers, timeout=40, **more)
        if not answer.ok:
            raise DemoFailed(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def main(url: str, tokens: dict[str, str]) -> int:
    """Play all steps, from a new resident to a mended item on the notice board; 0 when they succeeded."""
    try:
        centre = Centre(url, tokens)
        resident_id = joins(centre)
        chair, lantern = chooses(centre, "C10"), chooses(centre, "C26")
        rental = borrows(centre, resident_id, [chair, lantern])
        repair_id = brings_back(centre, rental, chair, lantern)
        is_mended(centre, lantern, repair_id)
        centre.post(f"/v1/items/{chair}/ready")
        centre.tell("Cleaned", f"{chair} is clean and can be lent again.", "item.made_ready")
    except (DemoFailed, requests.RequestException) as why:
        out.print(f"[red]The demonstration ends here:[/] {why}")
        return 1
    return 0


def joins(centre: Centre) -> str:
    """A resident registers and shows an identity card."""
    email = f"resident-{uuid.uuid4().hex[:8]}@nanum.localhost"
    person = {"name": "김나눔", "phone": "010-1234-5678", "email": email}
    resident_id: str = centre.post("/v1/residents", person)["resident_id"]
    centre.post(f"/v1/residents/{resident_id}/verification", {"method": "id_card"})
    summary = "김나눔 registers and shows an identity card. The events carry an id, never the name."
    centre.tell("A resident joins", summary, "contact.registered", "resident.joined", "resident.verified")
    return resident_id


def chooses(centre: Centre, code: str) -> str:
    """The resident looks for an item of a category."""
    category = centre.get(f"/v1/categories/{code}")
    ready = centre.get("/v1/items", category=code, state="ready")["data"]
    if not ready:
        raise DemoFailed(f"every {category['name_en']} is out at the moment; take one back first")
    out.print(f"  {category['name_ko']} ({category['name_en']}): {category['free']} of {category['total']} free")
    barcode: str = ready[0]["barcode"]
    return barcode


def borrows(centre: Centre, resident_id: str, barcodes: list[str]) -> Any:
    """The desk scans both, the resident pays by card."""
    quote = centre.get("/v1/quotes", barcodes=",".join(barcodes), nights=2, resident_id=resident_id)
    lent = {"resident_id": resident_id, "barcodes": barcodes, "nights": 2}
    order = {**lent, "payment": {"method": "card_terminal"}, "manual_acknowledged": True}
    rental = centre.post("/v1/rentals", order, Prefer="wait=20")
    if rental["state"] != "out":
        raise DemoFailed(f"the rental is {rental['state']} ({rental['cancelled_because']})")
    summary = f"{' and '.join(barcodes)} for {quote['fee_krw']:,} won, due {rental['due_on']}."
    awaited = ("rental.requested", "payment.captured", "rental.started", "notice.sent")
    centre.tell("Lent", f"{summary} The receipt is in the mail.", *awaited)
    return rental


def brings_back(centre: Centre, rental: dict[str, Any], chair: str, lantern: str) -> str:
    """One item is fine, the other was broken by inexperience."""
    damaged = {"barcode": lantern, "condition": "damaged", "cause": "inexperience"}
    found = {"items": [{"barcode": chair, "condition": "good"}, damaged]}
    centre.post(f"/v1/rentals/{rental['rental_id']}/return", found)
    summary = f"{lantern} was broken by inexperience: the resident pays nothing, a repair is opened."
    awaited = ("rental.returned", "charge.waived", "repair.opened", "item.cleaning_started")
    events = centre.tell("Brought back", summary, *awaited)
    repair_id: str = next(event["data"]["repair_id"] for event in events if event["type"] == "repair.opened")
    return repair_id


def is_mended(centre: Centre, barcode: str, repair_id: str) -> None:
    """To the maker and back, at the district's cost; ready, and announced with its manual."""
    centre.post(f"/v1/repairs/{repair_id}/sent", {"maker": "prism"})
    centre.post(f"/v1/repairs/{repair_id}/returned", {"mended": True, "cost_krw": 12000})
    centre.tell("Mended", "The maker repaired it; the district bears 12,000 won.", "repair.sent", "repair.returned")
    centre.post(f"/v1/items/{barcode}/ready")
    centre.tell("Announced", "It is back, and its manual is shown.", "item.made_ready", "announcement.published")
    newest = centre.get("/v1/announcements", limit=1)["data"][0]
    out.print(f"  {newest['name_ko']}: {newest['manual_ko']}")
