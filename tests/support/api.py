"""The public API as tests use it: real HTTP against a fleet, with tokens of each role."""

from __future__ import annotations

import uuid
from typing import Any

import requests

from tests.support import answers
from tests.support.installation import Fleet
from tests.support.mirror import Mirror
from tests.support.waiting import wait_for


class Api:
    """One fleet's API. `call` gives the response; `get` and `post` want success and give the JSON. All is checked.

    A neighbouring centre does meanwhile what this one's staff does.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.url = fleet, fleet.url
        self._tokens: dict[str, str] = {}
        self.answered: set[str | None] = set()  # the routes whose answers kept their contracts
        self.session = requests.Session()
        self.session.trust_env = False
        self._mirror = Mirror(fleet, self.session)

    def token(self, role: str) -> str:
        """A token of the role; `resident:ID` is that resident, `desk@CENTRE` a desk of another centre."""
        if role not in self._tokens:
            name, _, centre = role.partition("@")
            name, _, subject = name.partition(":")
            self._tokens[role] = self.fleet.token(name, subject or None, centre or None)
        return self._tokens[role]

    def call(
        self, method: str, path: str, body: Any = None, *, role: str = "desk", **headers: str
    ) -> requests.Response:
        """One request; a POST gets a new Idempotency-Key unless it brings one (an empty one: none)."""
        sent = {"Authorization": f"Bearer {self.token(role)}"} if role else {}
        if method == "POST":
            sent["Idempotency-Key"] = str(uuid.uuid4())
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        response = self.session.request(method, self.url + path, headers=sent, timeout=60, **content)
        self.answered.add(answers.check(method, path, response))
        if method == "POST" and "Idempotency-Key" in sent:
            self._mirror.repeat(path, body, role, sent["Idempotency-Key"], response)
        return response

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of a read that must succeed."""
        answer = self.call("GET", path, **more)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a request that must succeed."""
        answer = self.call("POST", path, {} if body is None else body, **more)
        assert answer.ok, f"{answer.status_code} {answer.text}"
        return answer.json()

    # -- the desk's daily work --

    def resident(self, *, verified: bool = True, **person: Any) -> str:
        """A new resident; the id."""
        person = {"name": "김나눔", "phone": "010-1234-5678", "email": f"{uuid.uuid4().hex}@nanum.localhost", **person}
        resident_id = self.post("/v1/residents", person)["resident_id"]
        if verified:
            self.post(f"/v1/residents/{resident_id}/verification", {"method": "id_card"})
        return str(resident_id)

    def stock(self, count: int, code: str = "C10") -> list[str]:
        """So many new, ready items of a category, known to rentals; their barcodes."""
        barcodes = [f"TT-{code}-{uuid.uuid4().hex[:8].upper()}" for _ in range(count)]
        for barcode in barcodes:
            self.post("/v1/items", {"barcode": barcode, "category": code}, role="manager")
            self.post(f"/v1/items/{barcode}/ready", role="manager")
        wait_for(lambda: self.call("GET", f"/v1/quotes?barcodes={barcodes[-1]}&nights=1").ok)
        return barcodes

    def order(self, resident_id: str, *barcodes: str, nights: int = 2, **changes: Any) -> dict[str, Any]:
        """The body of a rental."""
        return {
            "resident_id": resident_id,
            "barcodes": list(barcodes),
            "nights": nights,
            "payment": {"method": "card_terminal"},
            "manual_acknowledged": True,
            **changes,
        }

    def lend(self, resident_id: str, *barcodes: str, **more: Any) -> dict[str, Any]:
        """Lend and wait for the payment."""
        rental: dict[str, Any] = self.post("/v1/rentals", self.order(resident_id, *barcodes), Prefer="wait=20", **more)
        return rental

    def take_back(self, rental: dict[str, Any], condition: str = "good", **found: Any) -> dict[str, Any]:
        """Return everything of a rental in one condition."""
        items = [{"barcode": i["barcode"], "condition": condition, **found} for i in rental["items"]]
        back: dict[str, Any] = self.post(f"/v1/rentals/{rental['rental_id']}/return", {"items": items})
        return back

    def events(self, service: str) -> list[dict[str, Any]]:
        """Every published event of a service."""
        events: list[dict[str, Any]] = []
        while True:
            after = events[-1]["position"] if events else 0
            page = self.get(f"/v1/events/{service}?after={after}&limit=500", role="manager")
            events += page["data"]
            if not page["data"]:
                return events

    def happened(self, service: str, type: str, **data: Any) -> dict[str, Any]:
        """Wait for an event with these data."""

        def found() -> Any:
            for event in self.events(service):
                if event["type"] == type and all(event["data"].get(k) == v for k, v in data.items()):
                    return event
            return None

        event: dict[str, Any] = wait_for(found)
        return event

    def terminal(self, outcome: str, amount_krw: int | None = None, after_seconds: float = 1.0) -> None:
        """Tell the card terminal how to behave."""
        body = {"amount_krw": amount_krw, "outcome": outcome, "after_seconds": after_seconds}
        self.at_terminal("PUT", "/behaviour", json=body)

    def terminal_approves(self) -> None:
        """The terminal approves everything again."""
        self.at_terminal("DELETE", "/behaviour")

    def at_terminal(self, method: str, path: str, **request: Any) -> Any:
        """What the card terminal answers."""
        secret = {"Authorization": f"Bearer {self.fleet.secrets.value('terminal')}"}
        url = f"http://127.0.0.1:{self.fleet.ports['terminal']}{path}"
        response = self.session.request(method, url, headers=secret, timeout=5, **request)
        response.raise_for_status()
        return response.json()
