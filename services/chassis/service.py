"""What a service is, as data: a sum of capabilities, each with its commands, projections, policies, queries and jobs.

Everything that the chassis does, it does by reading a :class:`Service`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any

from services.chassis.domain import Lane, RunEffect, ScheduledCommand
from services.chassis.foundation.codec import Decoder
from services.contracts.base import Upcast, is_contract, is_integration_event, snake
from services.contracts.centres import ids_of

Jobs = Callable[[Any], Iterable[ScheduledCommand | RunEffect]]
Row = Any
Event = Any
Keys = Callable[[Any], str | Iterable[str]]  # the key of the one row that an event touches, or the keys of many
FoldStep = tuple[type, Keys, Callable[..., Any], bool]  # row type, keys, evolve, keyed
OWN = "self"


@dataclass(frozen=True)
class CommandHandler:
    """A command, the decision about it, and the state whose row answers it."""

    command: type
    decide: Callable[..., list[Any]]
    answer: type | None = None

    @cached_property
    def name(self) -> str:
        """The wire name: the command's class in snake case."""
        return snake(self.command.__name__)

    @cached_property
    def reads(self) -> Callable[[Any], Iterable[Any]]:
        """What the decision reads, given the command."""
        declared: Callable[[Any], Iterable[Any]] = getattr(self.decide, "reads", lambda _: ())
        return declared

    @cached_property
    def answer_key(self) -> Callable[[Any], str]:
        """The key of the row that answers, given the command."""
        return attrgetter(self.answer.KEY)  # type: ignore[union-attr]

    @cached_property
    def ids(self) -> Callable[[Any], Iterable[str]]:
        """Every id in the command: each must be of its sender's centre."""
        return ids_of(self.command)

    @cached_property
    def view(self) -> type | None:
        """The view contract that the answer is cut down to; None when the state has no fields beyond it."""
        if self.answer is None:
            return None
        contract = next((base for base in self.answer.__mro__ if is_contract(base)), None)
        if contract is None or {f.name for f in fields(contract)} == {f.name for f in fields(self.answer)}:
            return None
        return contract


@dataclass(frozen=True)
class Projection:
    """A state, the fold that makes its rows, and which keys each event touches.

    ``events`` lists the events that change its rows, all from one log: own events, or another service's contracts. Each
    has the row's key as an attribute named as the state's (``rental_id``); or ``events`` maps it to what finds the key.
    ``evolve`` takes the row and the event. Where one event changes many rows it is ``keyed``: the attribute is the
    plural (``item_ids``), and ``evolve`` takes the row's key before the row. ``unread``: no decision reads this view,
    so its rows are written without being looked up; ``evolve`` is then given None, and a row that it returns is new.
    """

    row_type: type
    evolve: Callable[..., Row | None]
    events: Mapping[type, Keys] | Sequence[type]
    keyed: bool = False
    unread: bool = False

    @cached_property
    def on(self) -> Mapping[type, Keys]:
        """For each event the keys of the rows that it changes."""
        if isinstance(self.events, Mapping):
            return self.events
        key: str = self.row_type.KEY  # type: ignore[attr-defined]
        return dict.fromkeys(self.events, attrgetter(f"{key}s" if self.keyed else key))

    @cached_property
    def source(self) -> str:
        """The log that the view is folded from: ``self``, another service, or "" for a mutable table."""
        sources = {e.SOURCE if is_integration_event(e) else OWN for e in self.on}  # type: ignore[attr-defined]
        if len(sources) > 1:
            raise TypeError(f"{self.row_type.__name__} is folded from several logs: {', '.join(sorted(sources))}")
        return sources.pop() if sources else ""

    @cached_property
    def decoder(self) -> Decoder:
        """Decodes this view's rows."""
        return Decoder(self.row_type)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The view's columns: the fields of its state."""
        return tuple(f.name for f in fields(self.row_type))


def mutable_table(row_type: type) -> Projection:
    """A table that no event carries: what must be forgettable. Decisions alone change it, by Upsert and Delete."""
    return Projection(row_type, lambda row, _: row, {})


@dataclass(frozen=True)
class Policy:
    """Turns an integration event, given as its contract, into commands of this service."""

    event: type
    react: Callable[[Any], Iterable[Any]]


@dataclass(frozen=True)
class Schedule:
    """Turns an own event into jobs, enqueued with it."""

    event: type
    jobs: Jobs


@dataclass(frozen=True)
class Effect:
    """A job that calls out through an adapter and comes back with commands. It must be safe to run twice.

    ``run(adapter, data)`` gets what ``adapter()`` made at the start of the process.
    """

    run: Callable[..., Iterable[Any]]
    adapter: Callable[[], Any]
    lane: Lane = "normal"

    @property
    def name(self) -> str:
        """The name of its jobs."""
        return self.run.__name__


class RetryLater(Exception):
    """An effect found its counterpart busy or away. It is run again after about ``after`` seconds, then after twice as
    long each time, up to ``at_most`` seconds. ``alarm``: somebody has to look at it at once.
    """

    def __init__(self, why: str, after: float = 1.0, at_most: float = 300.0, alarm: bool = False) -> None:
        super().__init__(why)
        self.after, self.at_most, self.alarm = after, at_most, alarm


@dataclass(frozen=True)
class SqlQuery:
    """A named read of own views: ``sql`` yields one JSON document; ``contract`` holds its parameters.

    Where the text depends on which parameters are given, ``sql`` makes it of them.

    With an ``aggregate`` the read is of one row of that state; it can then be waited for, and read as of an instant.
    """

    contract: type
    sql: str | Callable[[Mapping[str, Any]], str]
    aggregate: type | None = None


@dataclass(frozen=True)
class ComputedQuery:
    """A named read that the domain computes: ``answer(params, read, now)``, reading only what ``@reads`` names."""

    contract: type
    answer: Callable[..., Any]


@dataclass(frozen=True)
class Capability:
    """What one part of a service can do."""

    name: str
    commands: Sequence[CommandHandler] = ()
    projections: Sequence[Projection] = ()
    policies: Sequence[Policy] = ()
    schedules: Sequence[Schedule] = ()
    effects: Sequence[Effect] = ()
    queries: Sequence[SqlQuery | ComputedQuery] = ()
    upcasts: Mapping[tuple[str, int], Upcast] = field(default_factory=dict)


class Service:
    """A whole service: the sum of its capabilities. See ``services/rentals/service.py`` for one."""

    def __init__(self, name: str, *capabilities: Capability) -> None:
        self.name, self.capabilities = name, capabilities
        self.commands = list(chain.from_iterable(c.commands for c in capabilities))
        self.projections = list(chain.from_iterable(c.projections for c in capabilities))
        self.policies = list(chain.from_iterable(c.policies for c in capabilities))
        self.queries = list(chain.from_iterable(c.queries for c in capabilities))
        self.schedule_of = {s.event: _jobs_of(s.event, capabilities) for c in capabilities for s in c.schedules}
        self.effect_of = {e.name: e for c in capabilities for e in c.effects}
        self.upcasts = {k: v for c in capabilities for k, v in c.upcasts.items()}
        self.handler_of = {h.command: h for h in self.commands}
        self.handler_named = {h.name: h for h in self.commands}
        self.accepted = {h.name: h for h in self.commands if is_contract(h.command)}
        self.projection_of = {p.row_type: p for p in self.projections}
        self.query_named = {snake(q.contract.__name__): q for q in self.queries}

    @cached_property
    def projections_of(self) -> dict[type, list[Projection]]:
        """Which views an event changes, by its class."""
        table: dict[type, list[Projection]] = {}
        for projection in self.projections:
            for event in projection.on:
                table.setdefault(event, []).append(projection)
        return table

    @cached_property
    def fold_steps(self) -> dict[type, list[FoldStep]]:
        """For each event class how it changes the views."""
        return {
            event: [(p.row_type, p.on[event], p.evolve, p.keyed) for p in projections]
            for event, projections in self.projections_of.items()
        }

    @cached_property
    def unread(self) -> frozenset[type]:
        """The states whose rows are written without being looked up."""
        return frozenset(p.row_type for p in self.projections if p.unread)

    @cached_property
    def events(self) -> dict[str, type]:
        """Own events by type: all that any own view folds, or that jobs are scheduled from."""
        own = [event for event in (*self.projections_of, *self.schedule_of) if not is_integration_event(event)]
        return {event.TYPE: event for event in own}  # type: ignore[attr-defined]

    @cached_property
    def event_decoder(self) -> dict[str, Decoder]:
        """What decodes each own event of the current schema, by type."""
        return {name: Decoder(event) for name, event in self.events.items()}

    @cached_property
    def aggregate_of(self) -> dict[type, type]:
        """The aggregate that each own event belongs to: the state with the event's stream."""
        row_types: list[Any] = [p.row_type for p in self.projections]
        by_prefix = {t.STREAM.partition("{")[0]: t for t in row_types if getattr(t, "STREAM", None)}
        table: dict[type, type] = {}
        for event in self.events.values():
            prefix = event.STREAM.partition("{")[0]  # type: ignore[attr-defined]
            if prefix not in by_prefix:
                raise TypeError(
                    f"{event.__name__} has the stream {prefix}..., but no state of {self.name} has that stream"
                )
            table[event] = by_prefix[prefix]
            if by_prefix[prefix] not in {step[0] for step in self.fold_steps.get(event, ())}:
                raise TypeError(f"{event.__name__} is folded into no {by_prefix[prefix].__name__}, whose stream it has")
        return table

    @cached_property
    def published(self) -> dict[type, type]:
        """The contract of each own event that leaves the service: the one that it extends."""
        own = self.events.values()
        return {event: base for event in own for base in event.__mro__ if is_integration_event(base)}

    @cached_property
    def published_types(self) -> dict[str, type]:
        """The contract of each event that leaves the service, by type."""
        return {e.TYPE: contract for e, contract in self.published.items()}  # type: ignore[attr-defined]

    @cached_property
    def subscribed(self) -> dict[tuple[str, str], type]:
        """The contracts of what other services publish and this one takes in, by (source, type)."""
        contracts: list[Any] = [*(p.event for p in self.policies), *filter(is_integration_event, self.projections_of)]
        return {(c.SOURCE, c.TYPE): c for c in contracts}

    @cached_property
    def policies_of(self) -> dict[type, list[Callable[[Any], Iterable[Any]]]]:
        """The policies of each integration event."""
        table: dict[type, list[Callable[[Any], Iterable[Any]]]] = {}
        for policy in self.policies:
            table.setdefault(policy.event, []).append(policy.react)
        return table

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The services that this one subscribes to."""
        return tuple(sorted({source for source, _ in self.subscribed}))


def _jobs_of(
    event: type, capabilities: Iterable[Capability]
) -> Callable[[Any], Iterable[ScheduledCommand | RunEffect]]:
    """What all capabilities schedule from an event, in their order."""
    found = [schedule.jobs for c in capabilities for schedule in c.schedules if schedule.event is event]
    return found[0] if len(found) == 1 else lambda event: chain.from_iterable(jobs(event) for jobs in found)
