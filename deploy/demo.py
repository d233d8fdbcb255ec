"""Plays the main job of a sharing centre over HTTP, and tells it with the events that each step caused."""

from __future__ import annotations

import time
import uuid
from typing import Any

import requests
from rich.console import Console

SERVICES = ("inventory", "rentals", "billing", "notifications")
PATIENCE = 60.0  # seconds until the events of a step have to be there
out = Console(highlight=False, soft_wrap=True)


class Told(Exception):
    """The story can't go on; the message says why."""


class Centre:
    """The centre as its desk and its manager use it: HTTP alone."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self._url, self._tokens = url, tokens
        self._session = requests.Session()
        self._session.trust_env = False
        self._after = {service: self._head(service) for service in SERVICES}

    def call(self, method: str, path: str, body: Any = None, *, role: str = "desk", **headers: str) -> Any:
        """One request. Raises :class:`Told` with the problem's own words when it is refused."""
        headers = {"Authorization": f"Bearer {self._tokens[role]}", **headers}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        answer = self._session.request(method, self._url + path, json=body, headers=headers, timeout=40)
        if not answer.ok:
            raise Told(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def get(self, path: str, **parameters: Any) -> Any:
        """A read by the desk."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return self.call("GET", f"{path}?{query}" if query else path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """A request of the desk that changes something."""
        return self.call("POST", path, body if body is not None else {}, **headers)

    def events(self, *awaited: str) -> list[dict[str, Any]]:
        """What was published since the last look, once everything ``awaited`` is among it."""
        seen: list[dict[str, Any]] = []
        until = time.monotonic() + PATIENCE
        while not set(awaited) <= {event["type"] for event in seen}:
            if time.monotonic() > until:
                raise Told(f"waited in vain for {sorted(set(awaited) - {e['type'] for e in seen})}")
            for service in SERVICES:
                page = self.call("GET", f"/v1/events/{service}?after={self._after[service]}&limit=500", role="analyst")
                for event in page["data"]:
                    self._after[service] = event["pos"]
                    seen.append({**event, "service": service})
            time.sleep(0.05)
        return sorted(seen, key=lambda event: event["at"])

    def _head(self, service: str) -> int:
        head: int = self.call("GET", f"/v1/events/{service}?after=0&limit=1", role="analyst")["head"]
        return head


def main(url: str, tokens: dict[str, str]) -> int:
    """Tell the story; 0 when it came to its good end."""
    try:
        tell(Centre(url, tokens))
    except (Told, requests.RequestException) as why:
        out.print(f"[red]The story ends here:[/] {why}")
        return 1
    return 0


def tell(centre: Centre) -> None:
    """From a new resident at the desk to a mended item with its manual on the notice board."""
    resident_id = joins(centre)
    chair, lantern = chooses(centre)
    rental = borrows(centre, resident_id, [chair, lantern])
    repair_id = brings_back(centre, rental, chair, lantern)
    is_mended(centre, lantern, repair_id)
    centre.post(f"/v1/items/{chair}/ready")
    step("Cleaned", f"{chair} is wiped and back on the shelf.", centre.events("item.ready"))


def joins(centre: Centre) -> str:
    """A resident registers and shows an identity card."""
    email = f"resident-{uuid.uuid4().hex[:8]}@nanum.localhost"
    person = {"name": "김나눔", "phone": "010-1234-5678", "email": email}
    resident_id: str = centre.post("/v1/residents", person)["resident_id"]
    centre.post(f"/v1/residents/{resident_id}/verification", {"method": "id_card"})
    events = centre.events("contact.registered", "resident.joined", "resident.verified")
    step(
        "A resident joins",
        "김나눔 registers and shows an identity card. The events carry an id, never the name.",
        events,
    )
    return resident_id


def chooses(centre: Centre) -> tuple[str, str]:
    """The resident looks for a chair and a lantern."""
    found = []
    for code in ("C10", "C26"):
        category = centre.get(f"/v1/categories/{code}")
        ready = centre.get("/v1/items", category=code, state="ready")["data"]
        if not ready:
            raise Told(f"every {category['name_en']} is out at the moment; take one back first")
        out.print(f"  {category['name_ko']} ({category['name_en']}): {category['free']} of {category['total']} free")
        found.append(ready[0]["barcode"])
    return found[0], found[1]


def borrows(centre: Centre, resident_id: str, barcodes: list[str]) -> dict[str, Any]:
    """The desk scans both, the resident pays by card."""
    quote = centre.get("/v1/quotes", barcodes=",".join(barcodes), nights=2, resident_id=resident_id)
    order = {
        "resident_id": resident_id,
        "barcodes": barcodes,
        "nights": 2,
        "payment": {"method": "card_terminal"},
        "manual_acknowledged": True,
    }
    rental: dict[str, Any] = centre.post("/v1/rentals", order, Prefer="wait=20")
    if rental["state"] != "out":
        raise Told(f"the rental is {rental['state']} ({rental['cancelled_because']})")
    events = centre.events("rental.requested", "payment.captured", "rental.started", "notice.sent")
    told = f"{' and '.join(barcodes)} for {quote['fee_krw']:,} won, due {rental['due_on']}. The receipt is in the mail."
    step("Lent", told, events)
    return rental


def brings_back(centre: Centre, rental: dict[str, Any], chair: str, lantern: str) -> str:
    """One unit is fine, the other was broken by inexperience."""
    found = [
        {"barcode": chair, "condition": "good"},
        {"barcode": lantern, "condition": "damaged", "cause": "inexperience"},
    ]
    centre.post(f"/v1/rentals/{rental['rental_id']}/return", {"items": found})
    events = centre.events("rental.returned", "charge.waived", "repair.opened", "item.cleaning")
    step(
        "Brought back", f"{lantern} was broken by inexperience: the resident pays nothing, a repair is opened.", events
    )
    opened = next(event for event in events if event["type"] == "repair.opened")
    repair_id: str = opened["data"]["repair_id"]
    return repair_id


def is_mended(centre: Centre, barcode: str, repair_id: str) -> None:
    """To the maker and back, at the district's cost; ready, and announced with its manual."""
    centre.post(f"/v1/repairs/{repair_id}/sent", {"maker": "Prism A/S"})
    centre.post(f"/v1/repairs/{repair_id}/returned", {"mended": True, "cost_krw": 12000})
    step(
        "Mended",
        "The maker repaired it; the district bears 12,000 won.",
        centre.events("repair.sent", "repair.returned"),
    )
    centre.post(f"/v1/items/{barcode}/ready")
    events = centre.events("item.ready", "announcement.published")
    newest = centre.get("/v1/announcements", limit=1)["data"][0]
    step("Announced", f"{newest['name_ko']}: {newest['manual_ko']}", events)


def step(title: str, told: str, events: list[dict[str, Any]]) -> None:
    """One step of the story."""
    out.print(f"\n[bold]{title}.[/] {told}")
    for event in events:
        out.print(f"  [dim]{event['service']:>13} {event['pos']:>5}[/]  [cyan]{event['type']}[/]")
