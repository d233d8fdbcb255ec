"""The desk of the drill: repairs of one item after the other, each request repeated until it is acknowledged."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import requests

from services.contracts.base import id_of

PATIENCE = 60.0  # seconds for one request, repetitions included


@dataclass
class Desk:
    """Clerks, each with items of their own. ``sent``: the repairs whose way to the maker was acknowledged."""

    url: str
    token: str
    centre: str
    barcodes: list[str]
    sent: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def open(self, clerks: int) -> None:
        """Begin to work."""
        for number in range(clerks):
            mine = self.barcodes[number::clerks]
            self._threads.append(threading.Thread(target=self._work, args=(mine,), daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """End after the request at hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE + 10)

    def _work(self, barcodes: list[str]) -> None:
        session, damages = requests.Session(), 0
        session.headers["Authorization"] = f"Bearer {self.token}"
        while not self._stopping.is_set():
            damages += 1
            for barcode in barcodes:
                if not self._stopping.is_set():
                    self._repair(session, barcode, damages)

    def _repair(self, session: requests.Session, barcode: str, number: int) -> None:
        repair_id, item = id_of(self.centre, f"{barcode}-{number}"), f"/v1/items/{barcode}"
        self._do(session, f"{item}/damage", {"cause": "wear"}, repair_id)
        self._do(session, f"/v1/repairs/{repair_id}/sent", {"maker": "kovea"}, repair_id)
        self.sent.add(repair_id)
        self._do(session, f"/v1/repairs/{repair_id}/returned", {"mended": True, "cost_krw": 0}, repair_id)
        self._do(session, f"{item}/ready", {}, repair_id)

    def _do(self, session: requests.Session, path: str, body: object, key: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                answer = session.post(self.url + path, json=body, headers={"Idempotency-Key": key}, timeout=30)
            except requests.RequestException as error:
                self.failures.append(f"{path}: {type(error).__name__}")
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.ok:
                return
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.failures.append(f"{path}: {answer.status_code} {answer.text[:300]}")
            time.sleep(0.1)
        raise TimeoutError(f"{path} was not acknowledged within {PATIENCE:g} s")
