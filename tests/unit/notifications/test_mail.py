"""Mail: letters handed to a real mail server, which takes them, asks to try again, or refuses them for good."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from services.chassis.foundation.settings import SettingMissing
from services.chassis.service import RetryLater
from services.notifications.adapters.channel import Channel, Letter, Undeliverable
from services.notifications.adapters.mail import Mail
from services.notifications.contacts.model import Contact
from services.notifications.messages.dispatch import Dispatcher
from services.notifications.messages.model import RecordFailed, RecordSent
from services.notifications.service import SERVICE
from tests.unit.notifications.stories import out
from tests.unit.notifications.test_letters import WORDINGS, a_draft

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
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
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


@pytest.mark.parametrize(
    ("address", "taken_for"),
    [
        ("kim@한국.kr", "kim@xn--3e0b707e.kr"),
        ("kim@XN--3E0B707E.kr", "kim@xn--3e0b707e.kr"),
        ("A@Example.ORG", "A@example.org"),
    ],
)
def test_a_letter_is_sent_to_the_address_as_mail_servers_know_it(
    mail: Mail, office: Office, address: str, taken_for: str
) -> None:
    mail.send("gwangju-namgu.n1", address, LETTER)
    assert [message["To"] for message in office.taken] == [taken_for]


def test_a_repeat_is_recognisable(mail: Mail, office: Office) -> None:
    for _ in range(2):
        mail.send("gwangju-namgu.n1", "nanum@example.org", LETTER)
    assert len({message["Message-ID"] for message in office.taken}) == 1


def test_a_last_word_is_a_failure_without_the_address(mail: Mail) -> None:
    with pytest.raises(Undeliverable) as refused:
        mail.send("c.n1", "gone@example.org", LETTER)
    assert refused.value.reason == "smtp_550"


def test_a_busy_server_is_asked_again(mail: Mail) -> None:
    with pytest.raises(RetryLater, match="451"):
        mail.send("c.n1", "later@example.org", LETTER)


def test_a_server_that_is_away_is_asked_again() -> None:
    with pytest.raises(RetryLater, match="away"):
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


def send(channel: Channel, **changed: Any) -> list[Any]:
    """Run the effect with a draft at hand."""
    draft = a_draft(out(), "receipt", **changed)
    dispatcher = Dispatcher(channel, lambda notice_id: draft, WORDINGS)
    return list(SERVICE.effect_of["send_mail"].run(dispatcher, {"notice_id": "c.n1"}))


def test_what_was_taken_is_sent(mail: Mail, office: Office) -> None:
    assert send(mail) == [RecordSent(notice_id="c.n1", channel="email")]
    assert "캠핑 매트" in office.taken[0].get_content()


def test_a_contact_without_an_address_is_not_written_to(mail: Mail, office: Office) -> None:
    assert send(mail, email=None) == [RecordFailed(notice_id="c.n1", reason="no_address")]
    assert office.taken == []


def test_what_was_refused_for_good_failed(mail: Mail) -> None:
    assert send(mail, email="gone@example.org") == [RecordFailed(notice_id="c.n1", reason="smtp_550")]


def test_what_was_sent_already_is_not_sent_again(mail: Mail, office: Office) -> None:
    assert send(mail, state="sent") == []
    assert office.taken == []


def test_a_letter_about_a_rental_that_is_not_known_yet_waits(mail: Mail) -> None:
    with pytest.raises(RetryLater):
        list(Dispatcher(mail, lambda notice_id: None, WORDINGS).dispatch("c.n1"))


class Texts:
    """Another channel: it reaches phones, and takes everything."""

    name = "sms"

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, Letter]] = []

    def address(self, contact: Contact) -> str | None:
        return contact.phone

    def send(self, notice_id: str, address: str, letter: Letter) -> None:
        self.taken.append((notice_id, address, letter))


def test_another_channel_sends_the_same_letter_to_its_own_address() -> None:
    texts = Texts()
    assert send(texts, email=None) == [RecordSent(notice_id="c.n1", channel="sms")]
    ((notice_id, address, letter),) = texts.taken
    assert (notice_id, address) == ("c.n1", "010-1234-5678")
    assert "캠핑 매트" in letter.body
