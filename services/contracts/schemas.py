"""marshmallow schemas derived from contracts: they explain what is wrong in a request, and describe it in documents."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate
from msgspec import NODEFAULT, UNSET, UnsetType, inspect

from services.contracts.texts import Check, wrong_in

Field = fields.Field[Any]
_SCALARS: dict[type[inspect.Type], type[Field]] = {
    inspect.BoolType: fields.Boolean,
    inspect.DateType: fields.Date,
    inspect.DateTimeType: fields.AwareDateTime,
}


@cache
def schema_of(contract: type, without: frozenset[str] = frozenset(), unknown: str = RAISE) -> type[Schema]:
    """The schema of a contract. ``without``: fields that are left out; ``unknown``: what becomes of unknown ones."""
    held = inspect.type_info(contract).fields  # type: ignore[attr-defined]
    body: dict[str, Any] = {
        each.name: _field(each.type, unknown, **_presence(each)) for each in held if each.name not in without
    }
    body["Meta"] = type("Meta", (), {"unknown": unknown})
    body["__doc__"] = contract.__doc__
    return type(contract.__name__, (Schema,), body)


def reader_schema(contract: type) -> type[Schema]:
    """The schema of an answer or an event: fields may be added to it, so readers ignore what they do not know."""
    return schema_of(contract, unknown=EXCLUDE)


def problems(contract: type, document: Any) -> list[str]:
    """What is wrong with a document, with its path: ``late.long_overdue: Missing data for required field.``"""
    return list(_lines(schema_of(contract)().validate(document), ()))


def _lines(messages: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _lines(inner, (*path, str(name)))
    else:
        yield from (f"{'.'.join(path)}: {message}" for message in messages)


def _presence(held: inspect.Field) -> dict[str, Any]:
    if held.required:
        return {"required": True}
    if held.default is not NODEFAULT:
        return {"load_default": held.default}
    return {"load_default": held.default_factory}


def _field(kind: inspect.Type, unknown: str, **given: Any) -> Field:
    if isinstance(kind, inspect.Metadata):
        said = dict(kind.extra_json_schema or {})
        examples = said.pop("examples", None)
        metadata = {**said, **({"example": examples[0]} if examples else {})}
        return _field(kind.type, unknown, metadata=metadata, **{"extra": kind.extra or {}, **given})
    extra = given.pop("extra", {})
    if isinstance(kind, inspect.UnionType):
        inner = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return _field(inner[0], unknown, allow_none=True, **({"extra": extra} if extra else {}), **given)
    if isinstance(kind, inspect.StrType):
        return fields.String(validate=_text_rules(kind, extra), **given)
    if isinstance(kind, inspect.LiteralType):
        plain = fields.String if isinstance(kind.values[0], str) else fields.Integer
        return plain(validate=validate.OneOf(sorted(kind.values)), **given)
    if isinstance(kind, inspect.IntType):
        limits = [validate.Range(kind.ge, kind.le)] if (kind.ge, kind.le) != (None, None) else []
        return fields.Integer(strict=True, validate=limits, **given)
    if isinstance(kind, inspect.FloatType):
        return fields.Float(**given)
    if isinstance(kind, inspect.AnyType):
        return fields.Raw(**{"allow_none": True, **given})
    if "check" in extra:
        given["validate"] = partial(_explained, "", extra["check"])
    return _container(kind, unknown, given)


def _container(kind: inspect.Type, unknown: str, given: dict[str, Any]) -> Field:
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return fields.List(_field(kind.item_type, unknown, required=True), validate=_length(kind), **given)
    if isinstance(kind, inspect.TupleType) and all(each == kind.item_types[0] for each in kind.item_types):
        exactly = validate.Length(equal=len(kind.item_types))  # no fields.Tuple, as apispec can't describe one
        return fields.List(_field(kind.item_types[0], unknown, required=True), validate=exactly, **given)
    if isinstance(kind, inspect.DictType):
        return fields.Dict(keys=_field(kind.key_type, unknown), values=_field(kind.value_type, unknown), **given)
    if isinstance(kind, inspect.DataclassType):
        return fields.Nested(schema_of(kind.cls, unknown=unknown), **given)
    if type(kind) not in _SCALARS:
        raise TypeError(f"no marshmallow field is known for {kind}")
    return _SCALARS[type(kind)](**given)


def _text_rules(kind: inspect.StrType, extra: dict[str, Any]) -> list[Any]:
    rules: list[Any] = _length(kind)
    if kind.pattern:
        rules.append(validate.Regexp(kind.pattern, error=extra.get("error")))
    if "check" in extra:
        rules.append(partial(_explained, kind.pattern or "", extra["check"]))
    return rules


def _refuse(checks: Mapping[str, Check], given: Any) -> None:
    if wrong := wrong_in(checks, given):
        raise ValueError(wrong)


def _explained(pattern: str, wrong_with: Check, given: Any) -> None:
    if pattern and not re.match(pattern, given):
        return  # the pattern explains it
    if wrong := wrong_with(given):
        raise ValidationError(wrong)


def _length(kind: Any) -> list[Any]:
    bounds = (kind.min_length, kind.max_length)
    return [validate.Length(*bounds)] if bounds != (None, None) else []


@cache
def struct_of(contract: type, without: frozenset[str] = frozenset()) -> type[msgspec.Struct]:
    """A type that msgspec decodes a request into: the contract without some fields; unknown fields are an error."""
    hints, members = get_type_hints(contract, include_extras=True), []
    for each in dataclasses.fields(contract):
        if each.name in without:
            continue
        kind = _strict(hints[each.name])
        required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        members.append((each.name, kind) if required else (each.name, Union[kind, UnsetType], UNSET))  # noqa: UP007
    checks = {name: check for name, check in getattr(contract, "CHECKS", {}).items() if name not in without}
    rules = {"__post_init__": partial(_refuse, checks)} if checks else {}
    return msgspec.defstruct(contract.__name__, members, forbid_unknown_fields=True, kw_only=True, namespace=rules)


def _strict(kind: Any) -> Any:
    """A type hint in which each contract is replaced by its struct, which refuses unknown fields."""
    if dataclasses.is_dataclass(kind):
        return struct_of(kind)  # type: ignore[arg-type]
    inner = get_args(kind)
    if get_origin(kind) is Annotated:
        return Annotated[(_strict(inner[0]), *inner[1:])]
    if get_origin(kind) is tuple:
        return tuple[tuple(each if each is ... else _strict(each) for each in inner)]  # type: ignore[misc]
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(map(_strict, inner))]  # noqa: UP007
    return kind
