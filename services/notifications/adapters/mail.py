"""The mail server that takes letters."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from services.chassis.foundation.settings import SettingMissing, required
from services.chassis.service import RetryLater
from services.contracts.notifications.addresses import ascii_address
from services.notifications.adapters.channel import Letter, Undeliverable
from services.notifications.contacts.model import Contact

TIMEOUT = 10.0  # seconds, for each answer of the mail server
SCHEMES = ("smtp", "smtps", "smtp+starttls")


class Mail:
    """A mail server: ``smtp://``, ``smtps://`` or ``smtp+starttls://``, with ``user:password@`` where it wants them."""

    name = "email"

    def __init__(self, url: str, sender: str) -> None:
        at = urlsplit(url)
        if at.scheme not in SCHEMES or not at.hostname:
            raise SettingMissing("NANUM_SMTP_URL must be an address, as smtp://127.0.0.1:1025")
        if "@" not in sender:
            raise SettingMissing("NANUM_MAIL_FROM must be a mail address, as nanum@example.org")
        self._at, self._sender = at, sender
        self._domain = sender.rpartition("@")[2].rstrip("> ")

    def address(self, contact: Contact) -> str | None:
        """The contact's mail address."""
        return contact.email

    def send(self, notice_id: str, address: str, letter: Letter) -> None:
        """Send a letter. The Message-ID is made of the notice's id, so a repeat after a crash is recognisable.

        Raises :class:`Undeliverable` or :class:`RetryLater`.
        """
        message = self._message(notice_id, address, letter)
        try:
            with _connect(self._at) as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            raise _refusal(max(code for code, _ in refused.recipients.values())) from None
        except smtplib.SMTPNotSupportedError:
            raise Undeliverable("address_not_supported") from None
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as error:
            raise RetryLater(f"the mail server does not accept the session: {error.smtp_code}", after=30.0) from None
        except smtplib.SMTPResponseException as refused:
            raise _refusal(refused.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            raise RetryLater(f"the mail server is away: {type(error).__name__}", after=5.0) from None

    def _message(self, notice_id: str, address: str, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=ascii_address(address))
        except Exception:  # the address parser raises errors of many types
            raise Undeliverable("address_unusable") from None
        message["From"] = self._sender
        message["Subject"] = letter.subject
        message["Message-ID"] = f"<{notice_id}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"  # asks mail programs not to send automatic replies
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
    """5xx is final, any other code is not. The server's text is left out, as it may repeat the address."""
    if code >= 500:
        return Undeliverable(f"smtp_{code}")
    return RetryLater(f"the mail server asks to try again later: {code}", after=60.0)


def mail() -> Mail:
    """The mail server that the environment names. Raises :class:`SettingMissing`."""
    return Mail(required("NANUM_SMTP_URL"), required("NANUM_MAIL_FROM"))
