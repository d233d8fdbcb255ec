"""Deciding commands, a batch at a time, in one unit of work: the core of every service.

One transaction: take the log's lock; return the stored outcome of any command seen before; look up what the batch
reads; decide each command (pure); append the events, write the views, store the outcomes and jobs; commit.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import structlog

from services.chassis.domain import OtherCentre, Refused
from services.chassis.eventstore.records import Savepoint
from services.chassis.eventstore.store import Store
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.foundation.codec import Malformed, canonical, convert, encode
from services.chassis.service import CommandHandler, Service
from services.contracts import refusals
from services.contracts.base import Actor, RequestId, centre_of

log = structlog.get_logger()
Clock = Callable[[], datetime]
# Refusals that say nothing about the command itself: sent again, after another reading or later, it is decided anew.
NOT_KEPT = (refusals.STALE, refusals.UNAVAILABLE)


class UnknownCommand(Refused):
    """This service takes no command {name}."""

    kind = refusals.INVALID
    ko = "이 서비스에는 {name} 명령이 없습니다."


class CommandMalformed(Refused):
    """The command does not have its shape: {problem}."""

    kind = refusals.INVALID
    ko = "명령의 형식이 올바르지 않습니다: {problem}"


class IdempotencyKeyReused(Refused):
    """This Idempotency-Key was used for another request; send a new key with a new request."""

    kind = refusals.INVALID
    ko = "이미 다른 요청에 사용한 Idempotency-Key입니다. 새 요청에는 새 키를 사용하세요."


class VersionMismatch(Refused):
    """It has changed meanwhile: its version is {version} now. Read it again, then send."""

    kind = refusals.STALE
    ko = "그사이에 변경되었습니다. 현재 버전은 {version}입니다. 다시 읽고 보내세요."


class ValueNotStorable(Refused):
    """A number, date or text of this command is beyond what can be stored; the API's pages say the bounds."""

    kind = refusals.INVALID
    ko = "저장할 수 있는 범위를 벗어난 숫자, 날짜 또는 글이 있습니다. API 문서의 범위에 맞게 다시 보내세요."


class CommandFailed(Refused):
    """The command could not be carried out because of a fault of ours; it was logged, and nothing was changed."""

    kind = "fault"
    ko = "시스템 오류로 처리하지 못했습니다. 변경된 내용은 없습니다."


@dataclass(frozen=True)
class Metadata:
    """Who sends a command and why. ``expected_version``: the versions that its aggregate may have, any when empty."""

    actor: Actor | None = None
    correlation_id: RequestId | None = None
    causation_id: RequestId | None = None
    expected_version: tuple[int, ...] = ()


@dataclass(frozen=True)
class CommandMessage:
    """A command as it arrives: ``id`` names it and makes a repetition safe, ``data`` is the contract's fields."""

    id: UUID
    name: str
    data: Mapping[str, Any]
    meta: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True)
class Command:
    """A command that was understood. Without a fingerprint nobody waits for its outcome, so none is stored.

    ``centre`` is whose things it may touch: the actor's; a policy has that of its event, a job that of the event that
    wanted it.
    """

    id: UUID
    handler: CommandHandler
    data: Any
    meta: Metadata
    fingerprint: str = ""
    centre: str | None = None


def understood(service: Service, message: CommandMessage, key: bytes) -> Command:
    """The command in a message. Raises :class:`Refused` when the service takes none of that name or shape, or when an
    id in it is of another centre than its sender.

    The fingerprint tells when an id is used for another content. It is keyed, as the content may be personal: the
    database alone can't confirm a guess by it.
    """
    handler = service.accepted.get(message.name)
    if handler is None:
        raise UnknownCommand(name=message.name)
    try:
        data: Any = convert(message.data, handler.command)
        content = message.name.encode() + b"\0" + canonical(message.data)
    except Malformed as wrong:
        raise CommandMalformed(problem=str(wrong)) from None
    centre = message.meta.actor.get("centre") if message.meta.actor else None
    if any(centre_of(id) != centre for id in handler.ids(data)):
        raise OtherCentre()
    return Command(message.id, handler, data, message.meta, hmac.digest(key, content, "sha256").hex(), centre)


def follow_up(service: Service, cause: UUID, label: str, data: Any, meta: Metadata) -> Command:
    """A command that the service itself makes, under an id derived from its cause: made twice, it takes effect once."""
    centre = meta.actor.get("centre") if meta.actor else None
    return Command(uuid5(cause, label), service.handler_of[type(data)], data, meta, centre=centre)


def execute(store: Store, service: Service, batch: Sequence[CommandMessage], now: datetime) -> list[bytes]:
    """Carry out a batch of commands; returns each one's outcome as JSON, in order.

    An outcome is ``{id, position, version, result}`` or ``{id, refused: {code, kind, en, ko, details}}``. Raises only
    what the store raises: then nothing was done, and the same batch may be sent again.
    """
    made: list[Command | bytes] = []
    for message in batch:
        try:
            made.append(understood(service, message, store.fingerprint_key))
        except Refused as refused:
            made.append(refusal(message.id, refused))
    commands = [each for each in made if isinstance(each, Command)]
    outcomes = iter(_in_one_unit(store, commands, now) if commands else ())
    return [next(outcomes) if isinstance(each, Command) else each for each in made]


def _in_one_unit(store: Store, commands: Sequence[Command], now: datetime) -> list[bytes]:
    """Carry out commands together. What the database can't take because of one of them, that one alone is refused."""
    outcomes: list[bytes] = []
    metrics.BATCH.observe(len(commands))
    try:
        with metrics.UNIT_OF_WORK.time(), store.begin([c.id for c in commands], reads_of(commands)) as uow:
            known = uow.known_outcomes
            for command in commands:
                fingerprint, outcome = known.get(command.id, (command.fingerprint, b""))
                if fingerprint != command.fingerprint:
                    outcome = refusal(command.id, IdempotencyKeyReused())
                elif not outcome:
                    outcome = decide(uow, command, now)
                    known[command.id] = command.fingerprint, outcome
                outcomes.append(outcome)
            failpoints.reach("execute.before_commit")
            uow.commit()
            failpoints.reach("execute.after_commit")
    except Exception as error:
        if isinstance(error, database.UNAVAILABLE) and not isinstance(error, database.NOT_STORABLE):
            raise  # no fault of a command: the whole batch is sent again
        if len(commands) > 1:
            return [outcome for command in commands for outcome in _in_one_unit(store, [command], now)]
        log.exception("command_not_stored", command=commands[0].handler.name, command_id=str(commands[0].id))
        fault = ValueNotStorable() if isinstance(error, database.NOT_STORABLE) else CommandFailed()
        return [refusal(commands[0].id, fault)]
    return outcomes


def reads_of(commands: Iterable[Command]) -> list[Any]:
    """Everything that the decisions of these commands read, and the rows that answer them."""
    found: list[Any] = []
    for command in commands:
        found += command.handler.reads(command.data)
        if command.handler.answer:
            found.append((command.handler.answer, command.handler.answer_key(command.data)))
    return found


def decide(uow: UnitOfWork, command: Command, now: datetime) -> bytes:
    """Decide one command and append what comes of it; returns its outcome. A fault of ours is a refusal too."""
    try:
        outcome = _decided(uow, command, now)
    except Refused as refused:
        metrics.COMMANDS.labels(command.handler.name, refused.code()).inc()
        outcome = refusal(command.id, refused)
        if refused.kind in NOT_KEPT:
            return outcome
    except database.UNAVAILABLE:
        raise  # no fault of the command: the whole batch is sent again
    except Exception:
        uow.undo()
        log.exception("command_failed", command=command.handler.name, command_id=str(command.id))
        return refusal(command.id, CommandFailed())
    uow.outcomes.append((command.id, command.fingerprint, outcome))
    return outcome


def decide_own(
    uow: UnitOfWork, command: Command, now: datetime, waits: Sequence[str] = (refusals.UNAVAILABLE,)
) -> Refused | None:
    """Decide a command that a policy, job or effect made: nobody waits for its outcome.

    A refusal of a kind that ``waits`` is raised, to be tried again, as is a fault; any other is logged and returned.
    """
    try:
        _decided(uow, command, now)
    except Refused as refused:
        metrics.COMMANDS.labels(command.handler.name, refused.code()).inc()
        if refused.kind in waits:
            raise
        log.warning(
            "own_command_refused", command=command.handler.name, code=refused.code(), command_id=str(command.id)
        )
        return refused
    return None


def _decided(uow: UnitOfWork, command: Command, now: datetime) -> bytes:
    handler, meta = command.handler, command.meta
    uow.centre, uow.savepoint = command.centre, Savepoint(len(uow.events), len(uow.jobs))
    if meta.expected_version and handler.answer:
        row: Any = uow(handler.answer, handler.answer_key(command.data))
        if row is None or row.version not in meta.expected_version:
            raise VersionMismatch(version=row.version if row else 0)
    parts = handler.decide(command.data, uow, now)
    kept = {"actor": meta.actor, "correlation_id": meta.correlation_id, "causation_id": meta.causation_id}
    happened = uow.append(parts, command.id, kept, now) if parts else False
    metrics.COMMANDS.labels(handler.name, "accepted").inc()
    if not command.fingerprint:
        return b""
    position = uow.head + len(uow.events) if happened else None
    row = uow(handler.answer, handler.answer_key(command.data)) if handler.answer else None
    result = row if row is None or not handler.view else convert(row, handler.view, from_attributes=True)
    return encode({"id": command.id, "position": position, "version": getattr(row, "version", None), "result": result})


def refusal(id: UUID, refused: Refused) -> bytes:
    """The outcome of a command that was refused."""
    return encode({"id": id, "refused": refused.document()})
