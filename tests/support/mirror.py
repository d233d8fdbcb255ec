"""A neighbouring centre that does whatever a test's desks do: same keys, same barcodes, same numbers."""

from __future__ import annotations

from typing import Any

import requests

from tests.support.installation import Fleet
from tests.support.neighbours import NEIGHBOURS, moved

STAFF = ("desk", "manager")
NAMED = ("resident_id", "rental_id", "repair_id")  # ids in answers, which each centre gives as it likes
PERSON = {"name": "이웃", "phone": "010-0000-0001", "email": None}  # a test may look for its own person's data


class Mirror:
    """Repeats requests in a neighbouring centre. What becomes of them there must not matter to the test's centre."""

    def __init__(self, fleet: Fleet, session: requests.Session) -> None:
        self._fleet, self._session = fleet, session
        self._centre = NEIGHBOURS[0]
        self._tokens: dict[str, str] = {}
        self._there: dict[str, str] = {}  # what has another id there, by its id here

    def repeat(self, path: str, body: Any, role: str, key: str, answer: requests.Response) -> None:
        """Post there what was posted here, and was answered so."""
        if role not in STAFF or not isinstance(body, dict) or not answer.ok:
            return
        if role not in self._tokens:
            self._tokens[role] = self._fleet.token(role, centre=self._centre)
        if path == "/v1/residents":
            body = {**body, **PERSON}
        there = self._session.post(
            self._fleet.url + self._of_there(path),
            json=self._of_there(body),
            headers={"Authorization": f"Bearer {self._tokens[role]}", "Idempotency-Key": key},
            timeout=60,
        )
        assert there.status_code < 500 or there.status_code == 503, there.text
        if there.ok and answer.content:
            ours, theirs = answer.json(), there.json()
            self._there |= {ours[name]: theirs[name] for name in NAMED if ours.get(name) and theirs.get(name)}

    def _of_there(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._of_there(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._of_there(each) for each in value]
        if not isinstance(value, str):
            return value
        for ours, theirs in self._there.items():
            value = value.replace(ours, theirs)
        return moved(value, self._centre)
