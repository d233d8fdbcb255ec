"""The way to people: what a letter is made of, read from our own database, and the mail server that takes it.

An errand sees nothing of the views, and a job must hold nothing personal; so a letter is put together here, at the
moment it is sent, and nothing of it is kept.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from services.chassis import database
from services.chassis.codec import decode, shape
from services.chassis.definition import TryAgain
from services.chassis.settings import SettingMissing, required
from services.notifications.domain.contact import Contact
from services.notifications.domain.letter import Draft, Letter, compose
from services.notifications.queries import DRAFT

TIMEOUT = 10.0  # seconds, for each answer of the mail server
SCHEMES = ("smtp", "smtps", "smtp+starttls")
_DRAFT = database.text(DRAFT)


class Undeliverable(Exception):
    """This letter will never be taken; ``reason`` is a code that names nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Letterbox:
    """Drafts from the database of ``pool``, letters in the words of the templates, post by ``mail``."""

    def __init__(self, pool: database.Pool, mail: Mail) -> None:
        self._pool, self._mail = pool, mail
        self._templates = read_templates()

    def draft(self, notice_id: str) -> Draft | None:
        """What the letter of a notice is made of; None while the rental that it is about is unknown here."""
        with self._pool.connection() as conn:
            row = conn.execute(_DRAFT, {"notice_id": notice_id}).fetchone()
        return shape(decode(row[0]), Draft) if row else None

    def letter(self, draft: Draft, to: Contact) -> Letter:
        """The letter, in the language of whom it is for."""
        return compose(self._templates[to.language, draft.notice.kind], draft, to)

    def post(self, notice_id: str, address: str, letter: Letter) -> None:
        """Hand a letter over. Raises :class:`Undeliverable` or :class:`TryAgain`."""
        self._mail.send(notice_id, address, letter)


class Mail:
    """A mail server: ``smtp://``, ``smtps://`` or ``smtp+starttls://``, with ``user:password@`` where it wants them."""

    def __init__(self, url: str, sender: str) -> None:
        at = urlsplit(url)
        if at.scheme not in SCHEMES or not at.hostname:
            raise SettingMissing("NANUM_SMTP_URL must be an address, as smtp://127.0.0.1:1025")
        if "@" not in sender:
            raise SettingMissing("NANUM_MAIL_FROM must be a mail address, as nanum@example.org")
        self._at, self._sender = at, sender
        self._domain = sender.rpartition("@")[2].rstrip("> ")

    def send(self, notice_id: str, address: str, letter: Letter) -> None:
        """Send once more or for the first time: the Message-ID is the notice's, so a repeat is recognisable."""
        message = self._message(notice_id, address, letter)
        try:
            with _connect(self._at) as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            raise _refusal(max(code for code, _ in refused.recipients.values())) from None
        except smtplib.SMTPNotSupportedError:
            raise Undeliverable("address_not_supported") from None
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as away:
            raise TryAgain(f"the mail server does not let us in: {away.smtp_code}", after=30.0) from None
        except smtplib.SMTPResponseException as refused:
            raise _refusal(refused.smtp_code) from None
        except (OSError, smtplib.SMTPException) as away:
            raise TryAgain(f"the mail server is away: {type(away).__name__}", after=5.0) from None

    def _message(self, notice_id: str, address: str, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=address)
        except Exception:  # the parser of addresses raises whatever it stumbles over
            raise Undeliverable("address_unusable") from None
        message["From"] = self._sender
        message["Subject"] = letter.subject
        message["Message-ID"] = f"<{notice_id}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"  # no holiday replies, please
        message.set_content(letter.body, charset="utf-8")
        return message


def _connect(at: SplitResult) -> smtplib.SMTP:
    host = at.hostname or ""
    if at.scheme == "smtps":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, at.port or 465, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, at.port or 25, timeout=TIMEOUT)
    if at.scheme == "smtp+starttls":
        server.starttls(context=ssl.create_default_context())
    if at.username:
        server.login(unquote(at.username), unquote(at.password or ""))
    return server


def _refusal(code: int) -> Exception:
    """5xx is the server's last word, anything else isn't. Its text is left behind, as it may repeat the address."""
    if code >= 500:
        return Undeliverable(f"smtp_{code}")
    return TryAgain(f"the mail server asks for patience: {code}", after=60.0)


def read_templates() -> dict[tuple[str, str], str]:
    """The templates by language and kind."""
    files = Path(__file__).with_name("templates").glob("*/*.txt")
    return {(path.parent.name, path.stem): path.read_text(encoding="utf-8") for path in files}


def outside() -> Letterbox:
    """The letterbox that the environment describes. Raises :class:`SettingMissing`."""
    mail = Mail(required(os.environ, "NANUM_SMTP_URL"), required(os.environ, "NANUM_MAIL_FROM"))
    return Letterbox(database.Pool(required(os.environ, "NANUM_DATABASE_URL"), size=2), mail)
