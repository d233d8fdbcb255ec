"""Mail: letters handed to a real mail server, which takes them, asks for patience, or refuses them for good."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from services.chassis.definition import TryAgain
from services.chassis.settings import SettingMissing
from services.notifications import reactions
from services.notifications.domain.letter import Draft, Letter
from services.notifications.domain.notice import RecordFailed, RecordSent
from services.notifications.outside import Letterbox, Mail, Undeliverable
from tests.unit.notifications.stories import out
from tests.unit.notifications.test_letter import a_draft

LETTER = Letter(subject="[남구 물품공유센터] 대여 영수증", body="안녕하세요.\n")


class Office:
    """A mail server's mind: what it answers to each recipient, and what it took."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answers = {"gone@example.org": "550 no such user", "later@example.org": "451 come back later"}
        if address not in answers:
            envelope.rcpt_tos.append(address)
        return answers.get(address, "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def mail(office: Office) -> Iterator[Mail]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    yield Mail(f"smtp://127.0.0.1:{port}", "나눔 <nanum@example.org>")
    controller.stop()


def test_a_letter_arrives_as_it_was_written(mail: Mail, office: Office) -> None:
    mail.send("gwangju-namgu.n1", "nanum@example.org", LETTER)
    (message,) = office.taken
    assert message["Subject"] == LETTER.subject
    assert message["To"] == "nanum@example.org"
    assert message["Message-ID"] == "<gwangju-namgu.n1@example.org>"
    assert message.get_content().replace("\r\n", "\n") == LETTER.body


def test_a_repeat_is_recognisable(mail: Mail, office: Office) -> None:
    for _ in range(2):
        mail.send("gwangju-namgu.n1", "nanum@example.org", LETTER)
    assert len({message["Message-ID"] for message in office.taken}) == 1


def test_a_last_word_is_a_failure_without_the_address(mail: Mail) -> None:
    with pytest.raises(Undeliverable) as refused:
        mail.send("c.n1", "gone@example.org", LETTER)
    assert refused.value.reason == "smtp_550"


def test_a_busy_server_is_asked_again(mail: Mail) -> None:
    with pytest.raises(TryAgain, match="451"):
        mail.send("c.n1", "later@example.org", LETTER)


def test_a_server_that_is_away_is_asked_again() -> None:
    with pytest.raises(TryAgain, match="away"):
        Mail("smtp://127.0.0.1:9", "nanum@example.org").send("c.n1", "nanum@example.org", LETTER)


@pytest.mark.parametrize("address", ["two@example.org, more@example.org", "a@b\r\nBcc: c@d", ""])
def test_an_address_that_is_none_is_a_failure(mail: Mail, office: Office, address: str) -> None:
    with pytest.raises(Undeliverable, match="address"):
        mail.send("c.n1", address, LETTER)
    assert office.taken == []


@pytest.mark.parametrize(("url", "sender"), [("http://x", "a@b"), ("smtp://", "a@b"), ("smtp://x", "nobody")])
def test_wrong_settings_stop_the_start(url: str, sender: str) -> None:
    with pytest.raises(SettingMissing, match="must be"):
        Mail(url, sender)


class Prepared(Letterbox):
    """A letterbox whose drafts are at hand."""

    def __init__(self, mail: Mail, draft: Draft | None) -> None:
        super().__init__(None, mail)  # type: ignore[arg-type]
        self._draft = draft

    def draft(self, notice_id: str) -> Draft | None:
        return self._draft


def send(mail: Mail, **changed: Any) -> list[Any]:
    return list(reactions.send(Prepared(mail, a_draft(out(), "receipt", **changed)), {"notice_id": "c.n1"}))


def test_what_was_taken_is_sent(mail: Mail, office: Office) -> None:
    assert send(mail) == [RecordSent(notice_id="c.n1", channel="email")]
    assert "캠핑 매트" in office.taken[0].get_content()


def test_who_has_no_address_is_not_written_to(mail: Mail, office: Office) -> None:
    assert send(mail, email=None) == [RecordFailed(notice_id="c.n1", reason="no_address")]
    assert office.taken == []


def test_what_was_refused_for_good_failed(mail: Mail) -> None:
    assert send(mail, email="gone@example.org") == [RecordFailed(notice_id="c.n1", reason="smtp_550")]


def test_what_was_sent_already_is_not_sent_again(mail: Mail, office: Office) -> None:
    assert send(mail, state="sent") == []
    assert office.taken == []


def test_a_letter_about_an_unheard_rental_waits(mail: Mail) -> None:
    with pytest.raises(TryAgain):
        list(reactions.send(Prepared(mail, None), {"notice_id": "c.n1"}))
