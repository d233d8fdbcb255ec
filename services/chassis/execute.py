"""Deciding commands, a batch at a time, in the log's one turn: the heart of every service.

One transaction: take the log's lock; give back the stored outcome of any command seen before; look up what the batch
needs; decide each command (pure); append the facts, write the views, store the outcomes and jobs; commit.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import structlog

from services.chassis import crash, metrics
from services.chassis.codec import Malformed, canonical, decode, encode, shape
from services.chassis.definition import Command, Service
from services.chassis.kernel import Forget, Keep, Refused
from services.chassis.store import Changes, Store, Stored, Turn
from services.chassis.world import World
from services.contracts import refusals

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


class CommandFailed(Refused):
    """The command could not be carried out because of a fault of ours; it was logged, and nothing was changed."""

    kind = "fault"
    ko = "시스템 오류로 처리하지 못했습니다. 변경된 내용은 없습니다."


@dataclass(frozen=True)
class Asked:
    """One command as it arrived: ``id`` names it for ever, ``data`` is its intent, ``meta`` says who and why."""

    id: UUID
    name: str
    data: Mapping[str, Any]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self, secret: bytes) -> str:
        """Equal for equal content, so that an id used for something else is noticed.

        Keyed, as the content may be personal: who has the database alone can't confirm a guess by it.
        """
        return hmac.new(secret, self.name.encode() + b"\0" + canonical(self.data), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Meant:
    """A command whose intent was understood."""

    id: UUID
    command: Command
    intent: Any
    meta: Mapping[str, Any]
    fingerprint: str = ""


def understand(service: Service, asked: Asked, secret: bytes) -> Meant:
    """The intent of a command. Raises :class:`Refused` when there is none of that name or shape."""
    command = service.by_name.get(asked.name)
    if command is None:
        raise UnknownCommand(name=asked.name)
    try:
        intent: Any = shape(asked.data, command.intent)
    except Malformed as wrong:
        raise CommandMalformed(problem=str(wrong)) from None
    return Meant(asked.id, command, intent, asked.meta, asked.fingerprint(secret))


def execute(store: Store, service: Service, batch: Sequence[Asked], now: datetime) -> list[bytes]:
    """Carry out a batch of commands; returns each one's outcome as JSON, in order.

    An outcome is ``{id, pos, version, result}`` or ``{id, refused: {code, kind, en, ko, facts}}``. Raises only what
    the store raises: then nothing was done, and the same batch may be sent again.
    """
    answers: dict[UUID, bytes] = {}
    meant: list[Meant] = []
    for asked in batch:
        try:
            meant.append(understand(service, asked, store.secret))
        except Refused as refused:
            answers[asked.id] = _refusal(asked.id, refused)
    if meant:
        try:
            answers |= _execute(store, service, meant, now)
        except store.Violation:
            for one in meant:
                answers |= _alone(store, service, one, now)
    return [answers[asked.id] for asked in batch]


def _alone(store: Store, service: Service, one: Meant, now: datetime) -> dict[UUID, bytes]:
    """A batch broke a guard of the database: find out whose command it was, and spare the others."""
    try:
        return _execute(store, service, [one], now)
    except store.Violation as violation:
        log.error("guard_broken", command=one.command.name, guard=str(violation))
        return {one.id: _refusal(one.id, CommandFailed())}


def _execute(store: Store, service: Service, batch: Sequence[Meant], now: datetime) -> dict[UUID, bytes]:
    answers: dict[UUID, bytes] = {}
    metrics.BATCH.observe(len(batch))
    with metrics.TURN.time(), store.turn([m.id for m in batch], wanted(service, batch)) as turn:
        changes = Changes(base=turn.head)
        for m in batch:
            answers[m.id] = answers.get(m.id) or _seen(turn, m) or decide_one(service, turn, m, now, changes)
        changes.writes = turn.world.writes()
        crash.point("execute.before_commit")
        turn.commit(changes)
        crash.point("execute.after_commit")
    return answers


def wanted(service: Service, batch: Iterable[Meant]) -> list[Any]:
    """Everything that the decisions of a batch will look at, and the rows that answer them."""
    needs: dict[Any, None] = {}
    for m in batch:
        needs.update(dict.fromkeys(m.command.needs(m.intent)))
        if m.command.answers:
            needs[m.command.answers, m.command.answer_key(m.intent)] = None
    return list(needs)


def _seen(turn: Turn, m: Meant) -> bytes | None:
    known = turn.seen.get(m.id)
    if known is None:
        return None
    fingerprint, outcome = known
    return outcome if fingerprint == m.fingerprint else _refusal(m.id, IdempotencyKeyReused())


def decide_one(
    service: Service, turn: Turn, m: Meant, now: datetime, changes: Changes, *, strict: bool = False
) -> bytes:
    """Decide one command in a turn, add its facts, jobs and outcome to ``changes``, and return the outcome.

    A refusal is an outcome. A fault of ours is one too, unless ``strict``: then it is raised, for whoever can park it.
    """
    try:
        parts = m.command.decide(m.intent, turn.world, now)
        applied = turn.world.apply(p for p in parts if not isinstance(p, Keep | Forget))
        turn.world.keep(p for p in parts if isinstance(p, Keep | Forget))
    except Refused as refused:
        metrics.COMMANDS.labels(m.command.name, refused.code()).inc()
        if strict:
            _reaction_refused(m, refused)
        outcome = _refusal(m.id, refused)
        if m.fingerprint:  # somebody holds the id and may ask again; a reaction's refusal needs no memory
            changes.outcomes.append((m.id, m.fingerprint, outcome))
        return outcome
    except Exception:
        if strict:
            raise
        log.exception("command_failed", command=m.command.name, command_id=str(m.id))
        return _refusal(m.id, CommandFailed())
    metrics.COMMANDS.labels(m.command.name, "accepted").inc()
    for i, (fact, stream, version) in enumerate(applied):
        _append(service, changes, m, fact, uuid5(m.id, str(i)), stream, version, now)
    outcome = _accepted(m, turn.world, turn.head + len(changes.events) if applied else None)
    if m.fingerprint:
        changes.outcomes.append((m.id, m.fingerprint, outcome))
    return outcome


def _reaction_refused(m: Meant, refused: Refused) -> None:
    """A reaction has nobody to hear its "no". What only lacks something is raised, to be tried again."""
    if refused.kind == refusals.UNAVAILABLE:
        raise refused
    log.warning("reaction_refused", command=m.command.name, code=refused.code(), command_id=str(m.id))


def _append(
    service: Service, changes: Changes, m: Meant, fact: Any, id: UUID, stream: str, version: int, now: datetime
) -> None:
    meta = {**m.meta, "command_id": str(m.id)}
    changes.events.append(Stored(id, stream, version, fact.TYPE, fact.SCHEMA, fact, meta, now))
    follow_up = {"correlation_id": meta.get("correlation_id"), "causation_id": str(id)}
    for n, later in enumerate(service.schedule[type(fact)](fact) if type(fact) in service.schedule else ()):
        changes.jobs.append((uuid5(id, f"job.{n}"), later.kind, later.due or now, later.data, follow_up))


def _accepted(m: Meant, world: World, pos: int | None) -> bytes:
    row = world(m.command.answers, m.command.answer_key(m.intent) or "") if m.command.answers else None
    return encode({"id": m.id, "pos": pos, "version": getattr(row, "version", None), "result": row})


def _refusal(id: UUID, refused: Refused) -> bytes:
    return encode({"id": id, "refused": refused.say()})


def read_batch(body: bytes) -> list[Asked]:
    """The commands in a body ``{"commands": [{id, name, data, meta}]}``. Raises ValueError when it isn't one."""
    try:
        return shape(decode(body), _Body).commands
    except Exception as wrong:
        raise ValueError(str(wrong)) from None


@dataclass(frozen=True)
class _Body:
    commands: list[Asked]
