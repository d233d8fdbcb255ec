"""The three kinds of schema that the contracts are made of, and the fields that several of them share."""

from __future__ import annotations

import re
from typing import ClassVar

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate


def snake(name: str) -> str:
    """``StartRental`` -> ``start_rental``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Command(Schema):
    """Something that may be asked of a service, named as the class in snake case. Unknown fields are refused."""

    class Meta:
        unknown = RAISE


class Query(Schema):
    """The parameters of a named read."""

    class Meta:
        unknown = RAISE


class Published(Schema):
    """A fact that a service publishes: ids and values only, nothing personal. Readers ignore fields they don't know."""

    type_name: ClassVar[str]

    class Meta:
        unknown = EXCLUDE


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
