"""A schema compiled to a decoder that accepts valid documents many times faster than marshmallow.

It only ever says yes: what it accepts, marshmallow accepts too, and whatever it doesn't take marshmallow reads again,
to explain or to accept. A schema with anything that can't be compiled has no decoder and loses nothing but speed.
Measured for the body of POST /v1/rentals: 2 us instead of 55 us, a fifth of the gateway's work for that request.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from marshmallow import RAISE, Schema, fields, validate

Field = fields.Field[Any]


class NotCompilable(Exception):
    """The schema uses something beyond what is translated here."""


def decoder(schema: Schema) -> msgspec.json.Decoder[Any] | None:
    """A decoder that accepts a subset of what the schema accepts; None when there is none."""
    try:
        return msgspec.json.Decoder(_struct(schema))
    except NotCompilable:
        return None


def _struct(schema: Schema) -> type[msgspec.Struct]:
    if any(schema._hooks.values()) or schema.unknown != RAISE or schema.many or schema.partial:
        raise NotCompilable
    members: list[Any] = []
    for name, field in schema.load_fields.items():
        if field.data_key is not None or field.dump_only:
            raise NotCompilable
        kind = _type(field)
        members.append((name, kind) if field.required else (name, kind | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(type(schema).__name__, members, forbid_unknown_fields=True, kw_only=True)


def _type(field: Field) -> Any:
    kinds = {fields.String: _string, fields.Integer: _integer, fields.Boolean: _boolean, fields.List: _list}
    if isinstance(field, fields.Nested):
        if field.many or field.validators:
            raise NotCompilable
        kind: Any = _struct(field.schema)
    elif type(field) in kinds:
        kind = kinds[type(field)](field)
    else:
        raise NotCompilable
    return kind | None if field.allow_none else kind


def _string(field: Field) -> Any:
    limits: dict[str, Any] = {}
    for rule in field.validators:
        if isinstance(rule, validate.OneOf) and len(field.validators) == 1:
            return Literal[tuple(rule.choices)]
        if isinstance(rule, validate.Regexp) and rule.regex.flags == re.UNICODE and "pattern" not in limits:
            limits["pattern"] = rf"\A(?:{rule.regex.pattern})"  # msgspec searches where marshmallow matches
        else:
            limits.update(_length(rule))
    return Annotated[str, msgspec.Meta(**limits)]


def _integer(field: Field) -> Any:
    limits: dict[str, Any] = {}
    for rule in field.validators:
        if not (isinstance(rule, validate.Range) and rule.min_inclusive and rule.max_inclusive):
            raise NotCompilable
        limits.update({name: bound for name, bound in (("ge", rule.min), ("le", rule.max)) if bound is not None})
    return Annotated[int, msgspec.Meta(**limits)]


def _boolean(field: Field) -> Any:
    if field.validators:
        raise NotCompilable
    return bool


def _list(field: Field) -> Any:
    limits: dict[str, Any] = {}
    for rule in field.validators:
        limits.update(_length(rule))
    inner: Any = _type(field.inner)  # type: ignore[attr-defined]
    return Annotated[list[inner], msgspec.Meta(**limits)]


def _length(rule: Any) -> dict[str, int]:
    if not isinstance(rule, validate.Length) or rule.equal is not None:
        raise NotCompilable
    return {name: bound for name, bound in (("min_length", rule.min), ("max_length", rule.max)) if bound is not None}
