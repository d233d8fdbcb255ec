"""What contracts are made of: plain frozen dataclasses whose types carry their constraints.

A contract is defined once. msgspec decodes it; ``services.contracts.schemas`` derives the marshmallow schema that
explains what is wrong and describes it in OpenAPI and AsyncAPI; the domain uses the very same class.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import cache
from typing import Annotated, Any, Protocol, Required, TypedDict, TypeVar, cast, dataclass_transform
from uuid import NAMESPACE_URL, uuid5

from msgspec import Meta

from services.contracts.texts import (
    BARCODE,
    CATEGORY,
    CENTRE,
    CODE,
    ID,
    MAKER,
    REFERENCE,
    REQUEST_ID,
    checks_of,
    wrong_in,
)

C = TypeVar("C", bound=type)
Upcast = Callable[[dict[str, Any]], dict[str, Any]]

# Fields that name a person. Analysts get a pseudonym of their own in their place.
PERSONS = frozenset({"resident_id"})

Centre = Annotated[str, Meta(pattern=rf"^{CENTRE}\Z", examples=["gwangju-namgu"])]
Id = Annotated[
    str,
    Meta(
        pattern=rf"^{ID}\Z",
        description="begins with its centre, as `gwangju-namgu.`",
        extra={"error": "An id is its centre, a dot, and letters, digits and . _ : - only."},
    ),
]
Barcode = Annotated[
    str,
    Meta(
        pattern=rf"^{BARCODE}\Z",
        examples=["NG-C10-004"],
        extra={"error": "A barcode has capital letters, digits and hyphens, as NG-C10-004."},
    ),
]
CategoryCode = Annotated[
    str,
    Meta(
        pattern=rf"^{CATEGORY}\Z",
        examples=["C10"],
        extra={"error": "A category code is a capital letter and digits, as C10."},
    ),
]
Code = Annotated[
    str,
    Meta(
        pattern=rf"^{CODE}\Z",
        examples=["card_terminal"],
        extra={"error": "A code has small letters, digits and _ only, as card_terminal."},
    ),
]
Maker = Annotated[
    str,
    Meta(
        pattern=rf"^{MAKER}\Z",
        examples=["kovea"],
        extra={"error": "A maker is named by a code of small letters, digits and hyphens, as kovea."},
    ),
]
Reference = Annotated[
    str,
    Meta(
        pattern=rf"^{REFERENCE}\Z",
        examples=["AS-20261123-7"],
        extra={"error": "A reference is the maker's number of the job, as AS-20261123-7, and no phone number."},
    ),
]
RequestId = Annotated[str, Meta(pattern=rf"^{REQUEST_ID}\Z")]
Krw = Annotated[int, Meta(ge=0, le=1_000_000_000, description="whole won")]
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


def _of_our_time(day: date) -> str | None:
    return None if FIRST_DAY <= day <= LAST_DAY else f"A day lies between {FIRST_DAY} and {LAST_DAY}."


def _of_somebody_alive(day: date) -> str | None:
    return None if date(1900, 1, 1) <= day <= LAST_DAY else f"A birth date lies between 1900-01-01 and {LAST_DAY}."


Day = Annotated[date, Meta(description=f"{FIRST_DAY} to {LAST_DAY}", extra={"check": _of_our_time})]
BirthDate = Annotated[date, Meta(description=f"1900-01-01 to {LAST_DAY}", extra={"check": _of_somebody_alive})]
# In what is answered, published or stored nothing is constrained: a constraint that is tightened later must not make
# unreadable what was written before it.
Won = Annotated[int, Meta(description="whole won")]


# -- ids carry their centre: ``gwangju-namgu.5f0c...``; here they are put together and taken apart --


def centre_of(id: str) -> str:
    """The centre of an id: ``gwangju-namgu`` of ``gwangju-namgu.5f0c.NG-C10-004``; a centre has no dot."""
    return id.partition(".")[0]


def id_of(centre: str, *parts: str) -> str:
    """The id of a thing of a centre by its parts: ``gwangju-namgu.NG-C10-004``."""
    return ".".join((centre, *parts))


def within(id: str) -> str:
    """An id without its centre: ``NG-C10-004`` of ``gwangju-namgu.NG-C10-004``."""
    return id.partition(".")[2]


def derived_id(centre: str, what: str) -> str:
    """The id of a thing that is made for an occasion, the same whenever it is made: a payment of a rental, a notice."""
    return id_of(centre, uuid5(NAMESPACE_URL, what).hex)


# -- declaring --


def snake(name: str) -> str:
    """``StartRental`` -> ``start_rental``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def declared(cls: C) -> C:
    """A frozen dataclass of keywords. Decoded, too, it holds its defaults itself: they are part of its JSON."""
    made: Any = dataclass(frozen=True, kw_only=True)(cls)
    defaults = {f.name: f.default for f in fields(made) if f.default is not MISSING}
    if defaults:

        def fill(self: Any) -> None:
            for name, default in defaults.items():
                self.__dict__.setdefault(name, default)

        made.__post_init__ = fill
    return cast(C, made)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: C) -> C:
    """Declare a part of other contracts that has no life of its own."""
    return declared(cls)


class Actor(TypedDict, total=False):
    """Who sends a command. ``subject`` is a resident's id; of anybody else it is opaque, and the same every time."""

    role: Required[Code]
    subject: Annotated[str, Meta(pattern=rf"^(?:{ID}|a-[0-9a-f]{{24}})\Z")]
    centre: Centre


@dataclass_transform(frozen_default=True, kw_only_default=True)
def view(cls: C) -> C:
    """Declare what a query or a command is answered with. A service may add fields to it."""
    return declared(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def command(cls: C) -> C:
    """Declare a command, in the imperative; its wire name is the class in snake case. Unknown fields are refused.

    One that holds a text which the check of its type finds something wrong with is not decoded.
    """
    made: Any = declared(cls)
    checks, fill = checks_of(made), getattr(made, "__post_init__", None)
    if checks:

        def check(self: Any) -> None:
            if fill:
                fill(self)
            if wrong := wrong_in(checks, self):
                raise ValueError(wrong)

        made.__post_init__ = check
    made.CHECKS = checks
    return cast(C, made)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def query(answer: Any, *, paged: bool = False) -> Callable[[C], C]:
    """Declare a query: its parameters, and the view that answers it (``paged``: a page of those)."""

    def declare(cls: C) -> C:
        made: Any = declared(cls)
        made.ANSWER, made.PAGED = answer, paged
        return cast(C, made)

    return declare


@dataclass_transform(frozen_default=True, kw_only_default=True)
def integration_event(
    type_name: str, *, version: int = 1, upcasts: Mapping[int, Upcast] | None = None
) -> Callable[[C], C]:
    """Declare an event that a service publishes: ids and values only, nothing personal. Readers ignore unknown fields.

    An optional field may be added as it is. Any other change raises ``version`` and adds the upcast from the version
    before: what was published once is read for ever. ``SOURCE`` is the service, from the package of the class.
    """

    def declare(cls: C) -> C:
        made: Any = declared(cls)
        made.TYPE, made.VERSION, made.UPCASTS = type_name, version, dict(upcasts or {})
        made.SOURCE = service_of(cls)
        return cast(C, made)

    return declare


class IntegrationEvent(Protocol):
    """A class declared with :func:`integration_event`."""

    TYPE: str
    VERSION: int
    UPCASTS: Mapping[int, Upcast]
    SOURCE: str


@query(None)
class Page:
    """A list is read in pages: ``after`` is the ``next`` of the page before, ``limit`` at most 200."""

    after: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 100


@cache
def service_of(contract: type) -> str:
    """The service that owns a contract: the package of ``services/contracts/`` that defines it."""
    return contract.__module__.split(".")[2]


def is_integration_event(kind: type) -> bool:
    """Whether a class is an event as it is published, and not one of a service's own that extends it."""
    return "SOURCE" in vars(kind)


def is_contract(kind: type) -> bool:
    """Whether a class is defined in the contracts, and so may cross a border."""
    return kind.__module__.startswith("services.contracts.")


class SchemaUnknown(Exception):
    """Data of a schema version that these sources do not know, or no longer know how to lift to the current one."""


def lifted(
    what: str, data: dict[str, Any], version: int, current: int, upcast: Callable[[int], Upcast | None]
) -> dict[str, Any]:
    """``data`` of schema ``version`` as of ``current``: each step from n to n + 1 is made by the pure ``upcast(n)``.

    Raises :class:`SchemaUnknown` when the version is newer than the current one, or a step is missing.
    """
    if not 1 <= version <= current:
        raise SchemaUnknown(f"{what} has the schema version {version}, known are 1 to {current}: run a newer release")
    for step in range(version, current):
        lift = upcast(step)
        if lift is None:
            raise SchemaUnknown(f"{what} has the schema version {version}: there is no upcast from {step}")
        data = lift(data)
    return data
