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

from services.chassis.domain import Refused
from services.chassis.eventstore.store import Store
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.foundation.codec import Malformed, canonical, convert, encode
from services.chassis.service import CommandHandler, Service
from services.contracts import refusals
from services.contracts.base import Actor, RequestId

log = structlog.get_logger()
Clock = Callable[[], datetime]


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
    """A command that was understood. Without a fingerprint nobody waits for its outcome, so none is stored."""

    id: UUID
    handler: CommandHandler
    data: Any
    meta: Metadata
    fingerprint: str = ""


def understood(service: Service, message: CommandMessage, secret: bytes) -> Command:
    """The command in a message. Raises :class:`Refused` when the service takes none of that name or shape.

    The fingerprint tells when an id is used for another content. It is keyed, as the content may be personal: the
    database alone can't confirm a guess by it.
    """
    handler = service.accepted.get(message.name)
    if handler is None:
        raise UnknownCommand(name=message.name)
    try:
        data: Any = convert(message.data, handler.command)
    except Malformed as wrong:
        raise CommandMalformed(problem=str(wrong)) from None
    content = message.name.encode() + b"\0" + canonical(message.data)
    return Command(message.id, handler, data, message.meta, hmac.digest(secret, content, "sha256").hex())


def follow_up(service: Service, cause: UUID, label: str, data: Any, meta: Metadata) -> Command:
    """A command that the service itself makes, under an id derived from its cause: made twice, it takes effect once."""
    return Command(uuid5(cause, label), service.handler_of[type(data)], data, meta)


def execute(store: Store, service: Service, batch: Sequence[CommandMessage], now: datetime) -> list[bytes]:
    """Carry out a batch of commands; returns each one's outcome as JSON, in order.

    An outcome is ``{id, position, version, result}`` or ``{id, refused: {code, kind, en, ko, details}}``. Raises only
    what the store raises: then nothing was done, and the same batch may be sent again.
    """
    outcomes: dict[UUID, bytes] = {}
    commands: list[Command] = []
    for message in batch:
        try:
            commands.append(understood(service, message, store.secret))
        except Refused as refused:
            outcomes[message.id] = refusal(message.id, refused)
    if commands:
        try:
            outcomes |= _in_one_unit(store, commands, now)
        except store.Violation:
            for command in commands:
                outcomes |= _alone(store, command, now)
    return [outcomes[message.id] for message in batch]


def _alone(store: Store, command: Command, now: datetime) -> dict[UUID, bytes]:
    """A batch broke a guard of the database: find out whose command it was, and spare the others."""
    try:
        return _in_one_unit(store, [command], now)
    except store.Violation as violation:
        log.error("guard_broken", command=command.handler.name, guard=str(violation))
        return {command.id: refusal(command.id, CommandFailed())}


def _in_one_unit(store: Store, commands: Sequence[Command], now: datetime) -> dict[UUID, bytes]:
    outcomes: dict[UUID, bytes] = {}
    metrics.BATCH.observe(len(commands))
    with metrics.UNIT_OF_WORK.time(), store.begin([c.id for c in commands], reads_of(commands)) as uow:
        for command in commands:
            fingerprint, known = uow.known_outcomes.get(command.id, ("", b""))
            if known and fingerprint != command.fingerprint:
                known = refusal(command.id, IdempotencyKeyReused())
            outcomes[command.id] = outcomes.get(command.id) or known or decide(uow, command, now)
        failpoints.reach("execute.before_commit")
        uow.commit()
        failpoints.reach("execute.after_commit")
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
        if refused.kind == refusals.STALE:  # whoever has read again sends the same command with another version
            return outcome
    except database.UNAVAILABLE:
        raise  # no fault of the command: the whole batch is sent again
    except Exception:
        log.exception("command_failed", command=command.handler.name, command_id=str(command.id))
        return refusal(command.id, CommandFailed())
    uow.outcomes.append((command.id, command.fingerprint, outcome))
    return outcome


def decide_own(uow: UnitOfWork, command: Command, now: datetime) -> None:
    """Decide a command that a policy, job or effect made: nobody waits for its outcome.

    A refusal that only lacks something is raised, to be tried again, as is a fault; any other is logged.
    """
    try:
        _decided(uow, command, now)
    except Refused as refused:
        metrics.COMMANDS.labels(command.handler.name, refused.code()).inc()
        if refused.kind == refusals.UNAVAILABLE:
            raise
        log.warning(
            "own_command_refused", command=command.handler.name, code=refused.code(), command_id=str(command.id)
        )


def _decided(uow: UnitOfWork, command: Command, now: datetime) -> bytes:
    handler, meta = command.handler, command.meta
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
