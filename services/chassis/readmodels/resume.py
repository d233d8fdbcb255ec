"""Moves a halted subscriber on: its source's log went back, is another one, or has events that were passed.

Until the end the cursor says that a resume is under way, and the subscriber stands still. Broken off, it begins again.
What follows from events that the source has lost stays; nobody but a human can know what is right about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog

from services.chassis.commands.handler import decide_own
from services.chassis.eventstore.records import Cursor, PolicyRefusal
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page
from services.chassis.messaging.subscriber import ReadFeed, Subscriber
from services.chassis.readmodels.rebuild import rebuild
from services.chassis.readmodels.verify import table_of

log = structlog.get_logger()
END = 2**62  # behind every event
_MARKS = database.text(
    "SELECT position, event_id::text, event_at FROM subscription_mark WHERE source = %s AND position <= %s"
    " ORDER BY position DESC"
)
_BEGIN = database.text(
    "UPDATE subscription SET epoch = %s, position = %s, event_id = %s, event_at = %s, resume_from = %s"
    " WHERE source = %s"
)
_END = database.text("UPDATE subscription SET resume_from = NULL, types = %s WHERE source = %s")


class NothingToResume(Exception):
    """The source was never taken in."""


@dataclass(frozen=True)
class Resumed:
    """What a resume came to: the last common position, the new cursor, and the policies' commands decided again."""

    source: str
    common: int
    position: int
    views: list[str]
    commands: int

    def __str__(self) -> str:
        views = ", ".join(self.views) or "no view"
        return (
            f"{self.source}: common up to {self.common}, taken in up to {self.position}; rebuilt {views};"
            f" {self.commands} commands of policies decided again"
        )


def resume(subscriber: Subscriber, store: PostgresStore, owner_url: str, feeds: Mapping[str, ReadFeed]) -> Resumed:
    """Take in a source's log as it is now. Raises :class:`NothingToResume`, and what a rebuild raises."""
    source, cursor = subscriber.source, subscriber.cursor()
    if cursor.epoch is None:
        raise NothingToResume(f"{subscriber.service.name} has taken in nothing of {source}")
    common, end = _common(store, feeds[source], source, cursor), feeds[source](END)
    with store.pool.connection() as conn, conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(log_key())")
        conn.execute("DELETE FROM subscription_mark WHERE source = %s AND position > %s", (source, common))
        conn.execute("DELETE FROM parked WHERE source = %s AND position > %s", (source, common))
        conn.execute(_BEGIN, (end.epoch, end.previous, end.previous_id, end.previous_at, common, source))
    views = [table_of(p) for p in subscriber.service.projections if p.source == source]
    if views:
        rebuild(subscriber.service, owner_url, feeds, views)
    new = set(subscriber.types) - set(cursor.types or subscriber.types)
    commands = sum(
        _decide(subscriber, message)
        for message in _published(feeds[source], 0 if new else common, end.previous)
        if message.position > common or message.type in new
    )
    with store.pool.connection() as conn:
        conn.execute(_END, (list(subscriber.types), source))
    return Resumed(source, common, end.previous, views, commands)


def _common(store: PostgresStore, read_feed: ReadFeed, source: str, cursor: Cursor) -> int:
    """The last position that is known to be the same in the log as it was and as it is."""
    if cursor.resume_from is not None:
        return cursor.resume_from
    with store.reading.connection() as conn:
        marks = conn.execute(_MARKS, (source, cursor.position)).fetchall()
    for place in [(cursor.position, cursor.event_id, cursor.event_at), *marks]:
        page: Page = read_feed(place[0])
        if (page.previous, page.previous_id, page.previous_at) == place:
            return int(place[0])
    return 0


def _published(read_feed: ReadFeed, after: int, to: int) -> Iterator[Message]:
    while after < to:
        messages = [message for message in read_feed(after).messages if message.position <= to]
        yield from messages
        after = messages[-1].position if messages else to


def _decide(subscriber: Subscriber, message: Message) -> int:
    """Decide what policies make of an event whose rows are there already; what was done before is not done again."""
    incoming = subscriber.understood(message)
    done = 0
    for command in incoming.commands:
        try:
            with subscriber.store.begin(reads=subscriber.reads_of([incoming])) as uow:
                if refused := decide_own(uow, command, subscriber.clock(), waits=()):
                    place = (message.source, message.position, message.stream, command.handler.name)
                    uow.policy_refusals.append(PolicyRefusal(command.id, *place, refused.code(), refused.details))
                done += bool(uow.events)
                uow.commit()
        except database.Duplicate:
            log.info("done_before", command=command.handler.name, command_id=str(command.id))
    return done
