"""What a service is, as data: the table of contents in its ``service.py`` is made of these words.

Everything that the chassis does, it does by reading a :class:`Service`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any

from marshmallow import Schema

from services.chassis.codec import Reader
from services.chassis.kernel import Heard
from services.contracts.schema import Published, Upcast, snake

Row = Any
Fact = Any
Intent = Any
OWN = "self"


@dataclass(frozen=True)
class Command:
    """An intent that may be asked for: its wire name, its decision, and the state whose row is the answer."""

    name: str
    intent: type
    decide: Callable[..., list[Any]]
    answers: type | None = None

    def needs(self, intent: Intent) -> Iterable[Any]:
        """What the decision will look at."""
        wanted = getattr(self.decide, "needs", None)
        return wanted(intent) if wanted else ()

    def answer_key(self, intent: Intent) -> str | None:
        """The key of the row that answers this intent."""
        return str(getattr(intent, self.answers.KEY)) if self.answers else None  # type: ignore[attr-defined]


def command(
    contract: type[Schema], intent: type, decide: Callable[..., list[Any]], answers: type | None = None
) -> Command:
    """Bind a contract to the intent of the same shape and to the decision about it."""
    asked, meant = set(contract().fields), {f.name for f in fields(intent)}
    if asked != meant:
        raise TypeError(f"{contract.__name__} and its intent differ in: {', '.join(sorted(asked ^ meant))}")
    optional = {name for name, wire in contract().fields.items() if not wire.required}
    without = sorted(f.name for f in fields(intent) if f.name in optional and _has_no_default(f))
    if without:
        raise TypeError(f"{contract.__name__} may leave out {', '.join(without)}, but its intent has no default for it")
    return Command(snake(contract.__name__), intent, decide, answers)


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@dataclass(frozen=True)
class View:
    """A state, the fold that makes its rows, and which keys each fact touches.

    ``on`` maps a fact's class (own facts) or its wire name (another service's) to the keys of the rows that it changes.
    ``source`` is the one log that the view is folded from: ``self`` or the name of another service. ``evolve`` takes
    the row and the fact; where one fact changes many rows it is ``keyed`` and takes the row's key before them.
    """

    kind: type
    evolve: Callable[..., Row | None]
    on: Mapping[Any, Callable[[Any], Iterable[str]]]
    source: str = OWN
    keyed: bool = False

    def fold(self, key: str, row: Row | None, fact: Any) -> Row | None:
        """The row of ``key`` after a fact; None when there is none."""
        return self.evolve(key, row, fact) if self.keyed else self.evolve(row, fact)

    @cached_property
    def reader(self) -> Reader:
        """Decodes this view's rows."""
        return Reader(self.kind)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The view's columns: the fields of its state."""
        return tuple(f.name for f in fields(self.kind))


def record(kind: type) -> View:
    """A table that no fact carries: what must be forgettable. It is kept and forgotten by decisions alone."""
    return View(kind, lambda row, _: row, {}, source="")


@dataclass(frozen=True)
class Later:
    """A job to do when ``due`` is reached (at once when None): ``kind`` names it, ``data`` is what it needs to know."""

    kind: str
    data: Mapping[str, Any]
    due: datetime | None = None


@dataclass(frozen=True)
class Timer:
    """A job that turns into an intent by itself when its time has come."""

    intent: Callable[[Mapping[str, Any]], Intent]


@dataclass(frozen=True)
class Errand:
    """A job that calls out (card terminal, mail) and comes back with intents. It must be safe to run twice."""

    run: Callable[[Any, Mapping[str, Any]], Iterable[Intent]]


class TryAgain(Exception):
    """An errand found its counterpart busy or away; ``after`` seconds is a good time to ask again."""

    def __init__(self, why: str, after: float = 1.0) -> None:
        super().__init__(why)
        self.after = after


@dataclass(frozen=True)
class Sql:
    """A named read of own views: ``text`` yields one JSON document; ``params`` is its contract.

    With ``key`` the read is of one aggregate of ``kind``; it can then be waited for (``newer_than``).
    """

    params: type[Schema]
    text: str
    kind: type | None = None


@dataclass(frozen=True)
class Ask:
    """A named read that the domain computes: ``answer(params, look, at)``, looking only at what ``needs`` names."""

    params: type[Schema]
    answer: Callable[..., Any]


@dataclass(frozen=True)
class Service:
    """A whole service. See ``services/rentals/service.py`` for one."""

    name: str
    commands: Sequence[Command]
    views: Sequence[View]
    queries: Sequence[Sql | Ask]
    publish: Mapping[type, type[Published]] = field(default_factory=dict)
    reactions: Mapping[tuple[str, str], Callable[[Heard], Iterable[Intent]]] = field(default_factory=dict)
    schedule: Mapping[type, Callable[[Fact], Iterable[Later]]] = field(default_factory=dict)
    jobs: Mapping[str, Timer | Errand] = field(default_factory=dict)
    hears: Mapping[tuple[str, str], type[Published]] = field(default_factory=dict)
    upcasts: Mapping[tuple[str, int], Upcast] = field(default_factory=dict)
    outside: Callable[[], Any] = lambda: None

    @cached_property
    def by_name(self) -> dict[str, Command]:
        """Commands by wire name."""
        return {c.name: c for c in self.commands}

    @cached_property
    def by_intent(self) -> dict[type, Command]:
        """Commands by intent."""
        return {c.intent: c for c in self.commands}

    @cached_property
    def view_of(self) -> dict[type, View]:
        """Views by state."""
        return {v.kind: v for v in self.views}

    @cached_property
    def touched_by(self) -> dict[Any, list[View]]:
        """Which views a fact changes: by class for own facts, by (source, wire name) for heard ones."""
        table: dict[Any, list[View]] = {}
        for view in self.views:
            for key in view.on:
                table.setdefault(key if view.source == OWN else (view.source, key), []).append(view)
        return table

    @cached_property
    def facts(self) -> dict[str, type]:
        """Own facts by wire name: all that any own view folds, or that is published or scheduled from."""
        own = [k for k in self.touched_by if isinstance(k, type)]
        return {f.TYPE: f for f in (*own, *self.publish, *self.schedule)}  # type: ignore[attr-defined]

    @cached_property
    def fact_reader(self) -> dict[str, Reader]:
        """What decodes each own fact of today's schema, by wire name."""
        return {name: Reader(kind) for name, kind in self.facts.items()}

    @cached_property
    def root_of(self) -> dict[type, type]:
        """The aggregate that each own fact belongs to: the state with the fact's stream."""
        kinds: list[Any] = [v.kind for v in self.views]
        roots = {kind.STREAM.partition("{")[0]: kind for kind in kinds if getattr(kind, "STREAM", None)}
        table: dict[type, type] = {}
        for fact in self.facts.values():
            prefix = fact.STREAM.partition("{")[0]  # type: ignore[attr-defined]
            if prefix not in roots:
                raise TypeError(
                    f"{fact.__name__} has the stream {prefix}..., but no state of {self.name} has that stream"
                )
            table[fact] = roots[prefix]
        return table

    @cached_property
    def published(self) -> dict[str, Published]:
        """The contract of each fact that leaves the service, by wire name."""
        return {f.TYPE: schema() for f, schema in self.publish.items()}  # type: ignore[attr-defined]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The services that this one follows."""
        heard = {source for source, _ in self.reactions} | {v.source for v in self.views if v.source not in (OWN, "")}
        return tuple(sorted(heard))

    @cached_property
    def contracts_heard(self) -> dict[tuple[str, str], Published]:
        """What is heard, and the contract each must satisfy."""
        return {key: schema() for key, schema in self.hears.items()}

    @cached_property
    def query_of(self) -> dict[str, Sql | Ask]:
        """Queries by wire name."""
        return {snake(q.params.__name__): q for q in self.queries}
