"""The three kinds of schema that the contracts are made of, and the fields that several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate


def snake(name: str) -> str:
    """``StartRental`` -> ``start_rental``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


Upcast = Callable[[dict[str, Any]], dict[str, Any]]

# Fields that name a person. Analysts get a pseudonym of their own in their place.
PERSONS = frozenset({"resident_id"})


class SchemaUnknown(Exception):
    """Data of a schema version that these sources do not know, or no longer know how to lift to today's."""


def lifted(
    what: str, data: dict[str, Any], version: int, today: int, upcast: Callable[[int], Upcast | None]
) -> dict[str, Any]:
    """``data`` of schema ``version`` as of ``today``: each step from n to n + 1 is made by the pure ``upcast(n)``.

    Raises :class:`SchemaUnknown` when the version is newer than today's, or a step is missing.
    """
    if not 1 <= version <= today:
        raise SchemaUnknown(f"{what} has the schema version {version}, known are 1 to {today}: run a newer release")
    for step in range(version, today):
        lift = upcast(step)
        if lift is None:
            raise SchemaUnknown(f"{what} has the schema version {version}: there is no upcast from {step}")
        data = lift(data)
    return data


class Command(Schema):
    """Something that may be asked of a service, named as the class in snake case. Unknown fields are refused."""

    class Meta:
        unknown = RAISE


class Query(Schema):
    """The parameters of a named read."""

    class Meta:
        unknown = RAISE


class Published(Schema):
    """A fact that a service publishes: ids and values only, nothing personal. Readers ignore fields they don't know.

    An optional field may be added as it is. Any other change raises ``schema_version`` and adds the upcast from the
    version before: what was published once is read for ever.
    """

    type_name: ClassVar[str]
    schema_version: ClassVar[int] = 1
    upcasts: ClassVar[Mapping[int, Upcast]] = {}

    class Meta:
        unknown = EXCLUDE

    def read(self, data: Mapping[str, Any], version: int) -> Any:
        """What was published under a schema version, as today's contract has it.

        Raises :class:`SchemaUnknown`, or marshmallow's ValidationError.
        """
        return self.load(lifted(self.type_name, dict(data), version, self.schema_version, self.upcasts.get))


class Page(Query):
    """A list is read in pages: ``after`` is the ``next`` of the page before, ``limit`` at most 200."""

    after = fields.String(load_default="", validate=validate.Length(max=100))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 200))


BARCODE = validate.Regexp(
    r"^[A-Z0-9][A-Z0-9-]{2,39}\Z", error="A barcode has capital letters, digits and hyphens, as NG-C10-004."
)
CODE = validate.Regexp(r"^[A-Z][A-Z0-9]{0,9}\Z", error="A category code is a capital letter and digits, as C10.")
ID = validate.Regexp(r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z", error="An id has letters, digits and . _ : - only.")


def barcode(**kw: object) -> fields.String:
    """A unit's barcode as printed, ``NG-C10-004``."""
    return fields.String(required=True, validate=BARCODE, metadata={"example": "NG-C10-004", **kw})


def ident(**kw: object) -> fields.String:
    """An id that carries its centre: ``gwangju-namgu.`` and 32 hexadecimal digits."""
    return fields.String(required=True, validate=ID, metadata=dict(kw))


def krw(**kw: object) -> fields.Integer:
    """An amount of won, whole and not negative."""
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=0), metadata=dict(kw))
