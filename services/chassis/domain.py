"""The words a domain is written in: events, commands, states, refusals. Plain Python.

An *event* is what happened, in the past tense, and is stored for ever. A *command* is what somebody wants. A *state* is
one row of a view, made by folding events and by nothing else. A decision is a function ``decide(command, read, now) ->
list of events``; it may raise :class:`Refused`, and deciding a command that is done already gives [].
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, TypeVar, dataclass_transform, get_args

from services.contracts import refusals
from services.contracts.base import command, declared, snake, value

__all__ = [
    "LANES",
    "Delete",
    "Join",
    "Lane",
    "OtherCentre",
    "Read",
    "Refused",
    "RunEffect",
    "ScheduledCommand",
    "StateReader",
    "Upsert",
    "command",
    "event",
    "make",
    "reads",
    "replace",
    "state",
    "value",
]

S = TypeVar("S")
C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])
Lane = Literal["urgent", "normal", "bulk"]
"""Jobs of one lane never wait for those of another."""
LANES: tuple[Lane, ...] = get_args(Lane)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(type_name: str = "", *, stream: str, schema: int = 1) -> Callable[[C], C]:
    """Declare an event of the service: its stream (``rental-{rental_id}``) and the schema version that it is stored in.

    One that leaves the service extends its contract, which gives its type and what others may know: the fields that it
    adds stay in the service. One that does not is private, and is given its type.
    """

    def declare(cls: C) -> C:
        made: Any = declared(cls)
        made.TYPE = type_name or made.TYPE
        made.STREAM, made.SCHEMA = stream, schema
        return made  # type: ignore[no-any-return]

    return declare


@dataclass_transform(frozen_default=True, kw_only_default=True)
def state(view: str, *, key: str, stream: str | None = None) -> Callable[[C], C]:
    """Declare a state: the row of table ``view`` with primary key ``key``.

    A state with a ``stream`` (``rental-{}``) is an aggregate: it carries ``version: int = 0``, the number of events in
    its stream, which the chassis keeps.
    """

    def declare(cls: C) -> C:
        made: Any = declared(cls)
        made.VIEW, made.KEY, made.STREAM = view, key, stream
        return made  # type: ignore[no-any-return]

    return declare


@dataclass(frozen=True)
class Join:
    """The key of a row that another row names: the ``field`` of the ``through`` row that has ``key``."""

    through: type
    key: str
    field: str


Read = tuple[type, "str | Join"]


class StateReader(Protocol):
    """What a decision reads: ``read(Item, "gwangju-namgu.NG-C10-001")`` is that row as it stands, or None."""

    def __call__(self, row_type: type[S], key: str) -> S | None: ...


def reads(wanted: Callable[[Any], Iterable[Read]]) -> Callable[[F], F]:
    """Name what a decision reads, so that a whole batch is read in one query."""

    def declare(decide: F) -> F:
        decide.reads = wanted  # type: ignore[attr-defined]
        return decide

    return declare


def replace(row: S, **fields: Any) -> S:
    """A copy with other fields: what ``dataclasses.replace`` makes, at an eighth of its cost, for folds of many events.

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


def make(cls: type[S], source: Any, **more: Any) -> S:
    """An event, command or state with the fields that ``source`` has under the same names, and ``more``.

    Raises TypeError when a field without a default is in neither.
    """
    names: Any = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return cls(**{name: getattr(source, name) for name in names if name not in more and hasattr(source, name)}, **more)


class Refused(Exception):
    """An ordinary "no". The class docstring is the English message, ``ko`` the Korean one; both may use the details.

    ``kind`` is one of ``services.contracts.refusals.KINDS`` and decides the HTTP status at the gateway.
    """

    kind: ClassVar[str] = "refused"
    ko: ClassVar[str] = ""

    def __init__(self, **details: Any) -> None:
        super().__init__(self.code())
        self.details = details

    @classmethod
    def code(cls) -> str:
        """The stable code of this refusal: the class name in snake case."""
        return snake(cls.__name__)

    def document(self) -> dict[str, Any]:
        """The refusal as it crosses services: ``{code, kind, en, ko, details}``."""
        english = " ".join((self.__doc__ or "").split())
        return {
            "code": self.code(),
            "kind": self.kind,
            "en": english.format_map(self.details),
            "ko": self.ko.format_map(self.details),
            "details": self.details,
        }


class OtherCentre(Refused):
    """There is nothing of this name at your centre; look it up in the lists of your centre."""

    kind = refusals.NOT_FOUND
    ko = "이 센터에는 해당하는 것이 없습니다. 이 센터의 목록에서 확인하세요."


@dataclass(frozen=True)
class Upsert:
    """Part of a decision: insert or replace this row of a mutable table, which no event carries."""

    row: Any


@dataclass(frozen=True)
class Delete:
    """Part of a decision: delete this row of a mutable table."""

    row_type: type
    key: str


@dataclass(frozen=True)
class ScheduledCommand:
    """A job: this command of the service itself, once ``due`` is reached."""

    command: Any
    due: datetime
    lane: Lane = "normal"


@dataclass(frozen=True)
class RunEffect:
    """A job: call out with ``effect`` as soon as its event is committed. ``data`` is JSON, and nothing personal.

    ``lane`` is another one than the effect's where this job is more or less urgent than most.
    """

    effect: Callable[..., Iterable[Any]]
    data: dict[str, Any]
    lane: Lane | None = None
