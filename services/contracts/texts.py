"""What a string of an event may be: an id, a code, a pattern, or a catalogue text. Nobody can be named in any of them.

An event is kept and cannot be changed, so its strings are checked when it is appended (:func:`form_of`). They are not
checked when it is read: a form that is tightened later must not make unreadable what was written before it.
"""

import dataclasses
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta

CENTRE = r"[a-z0-9-]{1,40}"
ID = rf"{CENTRE}\.[A-Za-z0-9][A-Za-z0-9._:-]{{0,119}}"
BARCODE = r"[A-Z0-9][A-Z0-9-]{2,39}"
CATEGORY = r"[A-Z][A-Z0-9]{0,9}"
CODE = r"[a-z][a-z0-9_]{0,39}"
MAKER = r"[a-z][a-z0-9-]{1,29}"
# The number of a maker's job, and not a phone number.
REFERENCE = r"(?!0\d{1,2}-?\d{3,4}-?\d{4}\Z)[A-Z0-9][A-Z0-9/-]{0,29}"
# What clients name a request by: a UUID, a ULID, or 16 to 64 hexadecimal digits.
REQUEST_ID = r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|0[0-9A-HJKMNP-TV-Z]{25}|[0-9a-fA-F]{16,64})"
Check = Callable[[Any], str | None]  # what is wrong with a text, as a sentence that says what to do; None: nothing
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})  # Unicode's categories: control, format, private use, surrogate


@dataclasses.dataclass(frozen=True)
class Form:
    """What a string is when it is written. ``listed``: a text of the catalogue, which a manager writes for everybody;
    tests/architecture/test_privacy.py lists every field of that kind."""

    pattern: str
    listed: bool = False


CentreRef = Annotated[str, Form(CENTRE)]
IdRef = Annotated[str, Form(ID)]
BarcodeRef = Annotated[str, Form(BARCODE)]
CategoryRef = Annotated[str, Form(CATEGORY)]
CodeRef = Annotated[str, Form(CODE)]
MakerRef = Annotated[str, Form(MAKER)]
ReferenceRef = Annotated[str, Form(REFERENCE)]
ApprovalNumber = Annotated[str, Form(r"[A-Za-z0-9-]{0,40}")]
CATALOGUE_TEXT = Form(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]{0,4000}", listed=True)
CatalogueText = Annotated[str, CATALOGUE_TEXT]


def unseen(text: str) -> str | None:
    """What is wrong with a text that people write and read, or None: lines and tabs are fine, invisible signs are not.

    A sign that reverses the direction of a line, or that nobody can see, makes a text look like another one.
    """
    if any(unicodedata.category(each) in INVISIBLE for each in text if each not in "\n\t"):
        return "Take out the control and invisible characters: type the text again instead of pasting it."
    return None


def checks_of(shape: type) -> dict[str, Check]:
    """By field what finds out what is wrong with the texts in it, also in lists and in the values that it holds.

    A text's type names its check: ``Annotated[str, Meta(extra={"check": unseen})]``.
    """
    hints = get_type_hints(shape, include_extras=True)
    return {name: check for name, kind in hints.items() if (check := _check_of(kind))}


def _check_of(kind: Any) -> Check | None:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        extras = [each.extra or {} for each in inner[1:] if isinstance(each, Meta)]
        return next((extra["check"] for extra in extras if "check" in extra), _check_of(inner[0]))
    held = next(filter(None, map(_check_of, inner)), None)
    if origin is tuple and held:
        return lambda texts: next(filter(None, map(held, texts)), None)
    if origin in (Union, UnionType) and held:
        return lambda text: None if text is None or text is UNSET else held(text)
    if dataclasses.is_dataclass(kind):
        checks = checks_of(kind)  # type: ignore[arg-type]
        return partial(wrong_in, checks) if checks else None
    return None


def wrong_in(checks: Mapping[str, Check], shape: Any) -> str | None:
    """What is wrong with the first text of ``shape`` that is not as it should be."""
    return next(filter(None, (check(getattr(shape, name)) for name, check in checks.items())), None)


@cache
def form_of(shape: type) -> type[msgspec.Struct]:
    """The type that an event is converted to before it is appended: its own fields, each string in its form.

    ``convert(event, form_of(type(event)), from_attributes=True)`` raises :class:`msgspec.ValidationError`, which names
    the field and not its content.
    """
    hints = get_type_hints(shape, include_extras=True)
    return msgspec.defstruct(shape.__name__, [(f.name, _formed(hints[f.name])) for f in dataclasses.fields(shape)])


def _formed(kind: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return form_of(kind)  # type: ignore[arg-type]
    inner = get_args(kind)
    if get_origin(kind) is Annotated:
        forms = (Meta(pattern=rf"^{each.pattern}\Z") if isinstance(each, Form) else each for each in inner[1:])
        return Annotated[(_formed(inner[0]), *forms)]
    if get_origin(kind) is tuple:
        return tuple[tuple(each if each is ... else _formed(each) for each in inner)]  # type: ignore[misc]
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(map(_formed, inner))]  # noqa: UP007
    return kind
