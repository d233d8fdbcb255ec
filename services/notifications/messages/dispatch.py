"""Sending a notice by a channel: its letter is made when it is sent, from views and the contact, and is not kept."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.chassis.foundation import database
from services.chassis.foundation.codec import Decoder
from services.chassis.foundation.settings import required
from services.chassis.service import RetryLater
from services.notifications.adapters.channel import Channel, Undeliverable
from services.notifications.messages.letters import Draft, Wording, compose
from services.notifications.messages.model import RecordFailed, RecordSent
from services.notifications.messages.queries import DRAFT


@dataclass(frozen=True)
class Dispatcher:
    """Sends notices by one channel. ``draft`` finds a notice's material by its id, or None while some is missing."""

    channel: Channel
    draft: Callable[[str], Draft | None]
    wordings: Mapping[str, Wording]

    def dispatch(self, notice_id: str) -> Iterable[RecordSent | RecordFailed]:
        """Send a notice with what is known now. Raises :class:`RetryLater` when it can't be sent yet."""
        draft = self.draft(notice_id)
        if draft is None:
            raise RetryLater("the rental that the notice is about is not known yet", after=5.0)
        if draft.notice.state != "queued":
            return
        address = self.channel.address(draft.contact) if draft.contact else None
        if not draft.contact or not address:
            yield RecordFailed(notice_id=notice_id, reason="no_address")
            return
        letter = compose(self.wordings[draft.contact.language], draft, draft.contact)
        try:
            self.channel.send(notice_id, address, letter)
        except Undeliverable as refused:
            yield RecordFailed(notice_id=notice_id, reason=refused.reason)
            return
        yield RecordSent(notice_id=notice_id, channel=self.channel.name)


def dispatcher(channel: Channel) -> Dispatcher:
    """The dispatcher of a channel, over the database that the environment names. Raises :class:`SettingMissing`."""
    pool, decoder = database.Pool(required("NANUM_DATABASE_URL"), size=2), Decoder(Draft)

    def draft(notice_id: str) -> Draft | None:
        with pool.connection() as conn:
            row = conn.execute(database.text(DRAFT), {"notice_id": notice_id}).fetchone()
        return decoder.one(row[0]) if row else None

    return Dispatcher(channel, draft, read_wordings())


def read_wordings() -> dict[str, Wording]:
    """The wording of each language in ``templates/``."""
    return {words.parent.name: _read_wording(words) for words in Path(__file__).parent.glob("templates/*/words.toml")}


def _read_wording(words: Path) -> Wording:
    templates = {path.stem: path.read_text(encoding="utf-8") for path in words.parent.glob("*.txt")}
    return Wording(language=words.parent.name, templates=templates, **tomllib.loads(words.read_text(encoding="utf-8")))
