"""The card terminal, asked over HTTP by billing's own client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.simulators.card_terminal.app import server
from deploy.simulators.card_terminal.payment_store import AmountDiffers, PaymentStore
from services.billing.adapters.card_terminal import Terminal
from services.chassis.service import RetryLater

SECRET = "the secret of the terminal in these tests"


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path, clock: Clock) -> Iterator[str]:
    payments = PaymentStore(tmp_path / "terminal.sqlite", clock)
    serving = server("127.0.0.1", 0, payments, SECRET)
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{serving.port}"
    serving.shutdown()
    thread.join()
    payments.close()


@pytest.fixture
def terminal(url: str) -> Terminal:
    return Terminal(url, SECRET)


def call(method: str, url: str, **request: Any) -> requests.Response:
    return requests.request(method, url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=5, **request)


def behave(url: str, outcome: str, amount_krw: int | None = None, after_seconds: float = 2) -> None:
    body = {"amount_krw": amount_krw, "outcome": outcome, "after_seconds": after_seconds}
    assert call("PUT", f"{url}/behaviour", json=body).status_code == 200


def net(url: str) -> int:
    return int(call("GET", f"{url}/totals").json()["net_krw"])


def test_it_approves_at_once_and_once(terminal: Terminal, url: str) -> None:
    first, again = terminal.ask("c.1", 4700), terminal.ask("c.1", 4700)
    assert first.state == "approved"
    assert first == again
    assert first.approval_number
    assert net(url) == 4700


def test_another_amount_under_the_same_id_is_a_conflict(terminal: Terminal, url: str) -> None:
    terminal.ask("c.1", 4700)
    assert call("POST", f"{url}/payments", json={"id": "c.1", "amount_krw": 1}).status_code == 409
    with pytest.raises(RetryLater, match="409"):
        terminal.ask("c.1", 1)


def test_it_declines_an_amount_and_approves_the_others(terminal: Terminal, url: str) -> None:
    behave(url, "decline", 1300)
    assert terminal.ask("c.1", 1300).state == "declined"
    assert terminal.ask("c.1", 1300).reason == "card_declined"
    assert terminal.ask("c.2", 1400).state == "approved"
    assert call("DELETE", f"{url}/behaviour").status_code == 200
    assert terminal.ask("c.3", 1300).state == "approved"
    assert terminal.ask("c.1", 1300).state == "declined", "what came of an id stays"


def test_an_amount_of_its_own_wins_over_all(terminal: Terminal, url: str) -> None:
    behave(url, "decline")
    behave(url, "approve", 500)
    assert terminal.ask("c.1", 500).state == "approved"
    assert terminal.ask("c.2", 501).state == "declined"


def test_it_answers_late(terminal: Terminal, url: str, clock: Clock) -> None:
    behave(url, "late", after_seconds=30)
    assert terminal.ask("c.1", 4700).state == "pending"
    clock.now += 29
    assert terminal.ask("c.1", 4700).state == "pending"
    clock.now += 1
    assert terminal.ask("c.1", 4700).state == "approved"
    assert net(url) == 4700


def test_it_never_answers_until_it_is_cancelled(terminal: Terminal, url: str, clock: Clock) -> None:
    behave(url, "never")
    assert terminal.ask("c.1", 4700).state == "pending"
    clock.now += 1e9
    assert terminal.ask("c.1", 4700).state == "pending"
    assert terminal.cancel("c.1").refunded_krw == 0
    assert terminal.ask("c.1", 4700).state == "cancelled"
    assert net(url) == 0


def test_a_lost_reply_is_found_out_by_asking_again(terminal: Terminal, url: str) -> None:
    behave(url, "lose_reply")
    with pytest.raises(RetryLater, match="ConnectionError"):
        terminal.ask("c.1", 4700)
    assert terminal.ask("c.1", 4700).state == "approved"
    assert net(url) == 4700


def test_cancelling_gives_back_once_and_for_good(terminal: Terminal, url: str) -> None:
    approved = terminal.ask("c.1", 4700)
    first, again = terminal.cancel("c.1"), terminal.cancel("c.1")
    assert (first.state, first.refunded_krw, first.approval_number) == ("cancelled", 4700, approved.approval_number)
    assert first == again
    assert terminal.ask("c.1", 4700).state == "cancelled"
    totals = call("GET", f"{url}/totals").json()
    assert (totals["approved_krw"], totals["cancelled_krw"], totals["net_krw"]) == (4700, 4700, 0)


def test_cancelling_while_it_is_late_prevents_the_approval(terminal: Terminal, url: str, clock: Clock) -> None:
    behave(url, "late", after_seconds=2)
    terminal.ask("c.1", 4700)
    assert terminal.cancel("c.1").refunded_krw == 0
    clock.now += 10
    assert terminal.ask("c.1", 4700).state == "cancelled"


def test_what_was_cancelled_unseen_is_never_approved(terminal: Terminal, url: str) -> None:
    assert terminal.cancel("c.1").refunded_krw == 0
    assert terminal.ask("c.1", 4700).state == "cancelled"
    assert net(url) == 0


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "terminal.sqlite"
    payments = PaymentStore(path)
    payments.behave(1300, "decline", 0)
    taken = payments.pay("c.1", 4700)
    payments.close()
    again = PaymentStore(path)
    assert again.pay("c.1", 4700) == taken
    assert again.pay("c.2", 1300)["state"] == "declined"
    with pytest.raises(AmountDiffers):
        again.pay("c.1", 1)
    again.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/payments", b'{"id": "c.1"}', 400),
        ("POST", "/payments", b'{"id": "c.1", "amount_krw": 0}', 400),
        ("POST", "/payments", b'{"id": "c.1", "amount_krw": true}', 400),
        ("POST", "/payments", b'{"id": "no spaces", "amount_krw": 1}', 400),
        ("POST", "/payments", b"[1]", 400),
        ("POST", "/payments", b"{", 400),
        ("POST", "/payments", b" " * 5000, 413),
        ("PUT", "/behaviour", b'{"outcome": "explode"}', 400),
        ("PUT", "/behaviour", b'{"outcome": "late", "after_seconds": -1}', 400),
        ("GET", "/payments/c.9", b"", 404),
        ("GET", "/elsewhere", b"", 404),
        ("GET", "/livez", b"", 200),
    ],
)
def test_bad_requests_are_told_why(url: str, method: str, path: str, body: bytes, status: int) -> None:
    reply = call(method, url + path, data=body)
    assert reply.status_code == status
    assert status == 200 or reply.json()["error"]


def test_a_terminal_that_is_away_is_asked_again_later() -> None:
    with pytest.raises(RetryLater, match="does not answer"):
        Terminal("http://127.0.0.1:9", SECRET, timeout=0.5).ask("c.1", 4700)


@pytest.mark.parametrize("path", ["/payments", "/payments/c.1/cancel", "/behaviour", "/totals", "/elsewhere"])
@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer \u00e9".encode()}])
def test_who_does_not_know_its_secret_gets_nothing(url: str, path: str, given: dict[str, Any]) -> None:
    reply = requests.post(url + path, json={"id": "c.1", "amount_krw": 4700}, headers=given, timeout=5)
    assert reply.status_code == 401 and "secret" in reply.json()["error"]
    assert requests.get(f"{url}/livez", timeout=5).status_code == 200
    assert net(url) == 0


def test_a_wrong_secret_is_a_failure_that_is_tried_again(url: str) -> None:
    with pytest.raises(RetryLater, match="401"):
        Terminal(url, "another").ask("c.1", 4700)


def test_no_proxy_of_the_machine_comes_between(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Terminal(url, SECRET).ask("c.1", 4700).state == "approved"


def test_its_answer_names_the_payment_and_the_amount(terminal: Terminal) -> None:
    terminal.ask("c.1", 4700)
    for answer in (terminal.ask("c.1", 4700), terminal.cancel("c.1")):
        assert (answer.id, answer.amount_krw) == ("c.1", 4700)
    assert terminal.cancel("c.unseen").amount_krw is None


def test_all_payments_that_are_new_or_changed_since_an_instant(terminal: Terminal, url: str, clock: Clock) -> None:
    for n in range(1203):
        terminal.ask(f"c.{n}", 100)
    behave(url, "late", after_seconds=50)
    terminal.ask("c.late", 200)
    clock.now = 1100.0
    terminal.cancel("c.7")
    terminal.ask("c.new", 300)

    def since(seconds: float) -> dict[str, str]:
        return {p.id: p.state for p in terminal.payments(datetime.fromtimestamp(seconds, UTC))}

    assert len(since(1000)) == 1205
    assert since(1100) == {"c.7": "cancelled", "c.new": "pending"}
    assert since(1050) == {"c.7": "cancelled", "c.new": "pending", "c.late": "approved"}
    assert since(1101) == {}
