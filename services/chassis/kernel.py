"""The words a domain is written in: facts, intents, states, refusals. Pure, and all it may import of the chassis.

A *fact* is what happened, in the past tense, and is stored for ever. An *intent* is what somebody wants. A *state* is
what a decision may look at: one row of a view, made by folding facts and by nothing else. A decision is a function
``decide(intent, look, at) -> list of facts``; it may raise :class:`Refused`, and deciding a done intent again gives [].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

S = TypeVar("S")
C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fact(type_name: str, *, stream: str, schema: int = 1) -> Callable[[C], C]:
    """Declare a fact: its wire name (``rental.started``), its stream (``rental-{rental_id}``), its schema version."""

    def declare(cls: C) -> C:
        made: Any = dataclass(frozen=True, kw_only=True)(cls)
        made.TYPE, made.STREAM, made.SCHEMA = type_name, stream, schema
        return made  # type: ignore[no-any-return]

    return declare


@dataclass_transform(frozen_default=True, kw_only_default=True)
def intent(cls: C) -> C:
    """Declare an intent: what somebody asks for, in the imperative."""
    made: Any = dataclass(frozen=True, kw_only=True)(cls)
    return made  # type: ignore[no-any-return]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: C) -> C:
    """Declare a value: a part of facts and states that has no life of its own."""
    made: Any = dataclass(frozen=True, kw_only=True)(cls)
    return made  # type: ignore[no-any-return]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def state(view: str, *, key: str, stream: str | None = None) -> Callable[[C], C]:
    """Declare a state: the row of table ``view`` with primary key ``key``.

    A state with a ``stream`` (``rental-{}``) is an aggregate: it carries ``version: int = 0``, the number of facts in
    its stream, which the chassis keeps.
    """

    def declare(cls: C) -> C:
        made: Any = dataclass(frozen=True, kw_only=True)(cls)
        made.VIEW, made.KEY, made.STREAM = view, key, stream
        return made  # type: ignore[no-any-return]

    return declare


@dataclass(frozen=True)
class Heard:
    """A fact that another service published: ``type``, ``data`` (its contract's fields), and its ``stream``."""

    type: str
    data: Mapping[str, Any]
    stream: str
    id: str
    at: datetime


@dataclass(frozen=True)
class Via:
    """Points at keys through another state: the ``field`` of the ``of`` row that has ``key``."""

    of: type
    key: str
    field: str


Need = tuple[type, "str | Via"]


class Look(Protocol):
    """What a decision may look at: ``look(Item, "NG-C10-001")`` is that row as of now, or None."""

    def __call__(self, kind: type[S], key: str) -> S | None: ...


def needs(wanted: Callable[[Any], Iterable[Need]]) -> Callable[[F], F]:
    """Name what a decision will look at, so that a whole batch is looked up in a few queries."""

    def declare(decide: F) -> F:
        decide.needs = wanted  # type: ignore[attr-defined]
        return decide

    return declare


def replace(row: S, **fields: Any) -> S:
    """A copy with other fields: what ``dataclasses.replace`` makes, at an eighth of its cost, for folds of many facts.

    Raises TypeError for a field that there is not.
    """
    copy: S = object.__new__(row.__class__)
    content = copy.__dict__
    content.update(row.__dict__)
    known = len(content)
    content.update(fields)
    if len(content) != known:
        raise TypeError(f"{row.__class__.__name__} has no field {', '.join(fields.keys() - row.__dict__.keys())}")
    return copy


class Refused(Exception):
    """An ordinary "no". The class docstring is the English message, ``ko`` the Korean one; both may use the facts.

    ``kind`` is one of ``services.contracts.refusals.KINDS`` and decides the HTTP status at the gateway.
    """

    kind: ClassVar[str] = "refused"
    ko: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code())
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """The stable code of this refusal: the class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def say(self) -> dict[str, Any]:
        """The refusal as it crosses services: ``{code, kind, en, ko, facts}``."""
        english = " ".join((self.__doc__ or "").split())
        return {
            "code": self.code(),
            "kind": self.kind,
            "en": english.format_map(self.facts),
            "ko": self.ko.format_map(self.facts),
            "facts": self.facts,
        }


@dataclass(frozen=True)
class Keep:
    """Part of a decision: keep this row of a record, a table that no fact carries because it must be forgettable."""

    row: Any


@dataclass(frozen=True)
class Forget:
    """Part of a decision: forget this row of a record."""

    kind: type
    key: str
