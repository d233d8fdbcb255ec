"""The catalogue of published events, and what a change of it means to those who read them.

docs/api/events.json holds the catalogue as it was agreed on. ``python -m services.contracts.catalogue`` brings it up to
date, and refuses to where that would break a reader of the same schema version.
"""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields, validate

from services.contracts import SERVICES
from services.contracts.base import IntegrationEvent
from services.contracts.schemas import reader_schema

KEPT = Path(__file__).resolve().parents[2] / "docs" / "api" / "events.json"
COMMAND = "python -m services.contracts.catalogue"
TYPES: Mapping[type[fields.Field[Any]], str] = {
    fields.String: "string",
    fields.Integer: "integer",
    fields.Float: "number",
    fields.Boolean: "boolean",
    fields.Date: "date",
    fields.AwareDateTime: "instant",
    fields.Dict: "object",
    fields.Raw: "any",
}


@dataclass(frozen=True)
class Change:
    """One difference between two catalogues; ``breaking``: a reader of the older one may fail on the newer data, or
    the newer contract on the older data."""

    event: str
    what: str
    breaking: bool

    def __str__(self) -> str:
        return f"{self.event}: {self.what}"


def contracts() -> dict[str, list[type[IntegrationEvent]]]:
    """The integration events of every service."""
    modules = {service: import_module(f"services.contracts.{service}.events") for service in SERVICES}
    return {
        service: [event for _, event in inspect.getmembers(module, lambda each: hasattr(each, "TYPE"))]
        for service, module in modules.items()
    }


def catalogue() -> dict[str, Any]:
    """``{type: {service, version, fields}}`` of everything that the services publish."""
    listed = {
        event.TYPE: {"service": service, "version": event.VERSION, "fields": _fields(reader_schema(event)())}
        for service, events in contracts().items()
        for event in events
    }
    return dict(sorted(listed.items()))


def _fields(schema: Schema) -> dict[str, Any]:
    return {
        name: {"type": _type(field), "required": field.required, "nullable": field.allow_none, **_inside(field)}
        for name, field in sorted(schema.fields.items())
    }


def _type(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.Nested):
        return "object"
    return "list" if isinstance(field, fields.List | fields.Tuple) else TYPES[type(field)]


def _inside(field: fields.Field[Any]) -> dict[str, Any]:
    """What a list or an object holds, and the values that are allowed where they are few."""
    if isinstance(field, fields.Nested):
        return {"fields": _fields(field.schema)}
    if isinstance(field, fields.List | fields.Tuple):
        held = field.inner if isinstance(field, fields.List) else field.tuple_fields[0]
        return {"of": {"type": _type(held), **_inside(held)}}
    allowed = [sorted(map(str, v.choices)) for v in field.validators if isinstance(v, validate.OneOf)]
    return {"values": allowed[0]} if allowed else {}


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What became of the old catalogue. A raised version excuses every change of an event but its end."""
    found = [Change(name, "is new", False) for name in new.keys() - old.keys()]
    found += [Change(name, "is published no more", True) for name in old.keys() - new.keys()]
    for name in old.keys() & new.keys():
        was, now = old[name], new[name]
        raised = now["version"] > was["version"]
        if now["version"] != was["version"]:
            found.append(Change(name, f"has version {now['version']}, had {was['version']}", not raised))
        if was["service"] != now["service"]:
            found.append(Change(name, f"is published by {now['service']}, was by {was['service']}", True))
        found += [Change(name, what, bad and not raised) for what, bad in _compare_fields(was, now, "")]
    return sorted(found, key=lambda change: (not change.breaking, change.event, change.what))


def _compare_fields(was: Mapping[str, Any], now: Mapping[str, Any], at: str) -> Iterator[tuple[str, bool]]:
    old, new = was.get("fields", {}), now.get("fields", {})
    for name in old.keys() - new.keys():
        yield f"{at}{name} is gone", True
    for name in new.keys() - old.keys():
        required = new[name]["required"]  # then what was published before lacks it
        yield f"{at}{name} is new{' and required' if required else ''}", required
    for name in old.keys() & new.keys():
        yield from _compare(old[name], new[name], f"{at}{name}")


def _compare(was: Mapping[str, Any], now: Mapping[str, Any], at: str) -> Iterator[tuple[str, bool]]:
    if was["type"] != now["type"]:
        yield f"{at} is of type {now['type']}, was {was['type']}", True
        return
    if was.get("required") != now.get("required"):
        yield f"{at} is {'required' if now['required'] else 'optional'} now", True
    if was.get("nullable") != now.get("nullable"):
        yield f"{at} may be null {'now' if now['nullable'] else 'no more'}", True
    yield from _compare_values(was.get("values"), now.get("values"), at)
    yield from _compare_fields(was, now, f"{at}.")
    if "of" in was:
        yield from _compare(was["of"], now["of"], f"{at}[]")


def _compare_values(was: list[str] | None, now: list[str] | None, at: str) -> Iterator[tuple[str, bool]]:
    if was == now:
        return
    if now is None:
        yield f"{at} may have any value now", False
    elif was is None:
        yield f"{at} may have only {', '.join(now)} now", True
    else:
        for value in sorted(set(was) - set(now)):
            yield f"{at} may not be {value} any more", True
        for value in sorted(set(now) - set(was)):
            yield f"{at} may be {value} now", False


def text(listed: Mapping[str, Any]) -> str:
    """A catalogue as it is kept: one line for each field, so that a change is one line of a diff."""
    events = []
    for name, event in listed.items():
        lines = ",\n".join(f"      {json.dumps(field)}: {json.dumps(is_)}" for field, is_ in event["fields"].items())
        head = f'"service": {json.dumps(event["service"])}, "version": {event["version"]}'
        events.append(f'  {json.dumps(name)}: {{{head}, "fields": {{\n{lines}\n  }}}}')
    return "{\n" + ",\n".join(events) + "\n}\n"


def main() -> int:
    """Write the catalogue; 1, and nothing written, when that would break a reader."""
    found = changes(json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}, catalogue())
    for change in found:
        print(f"{'BREAKING  ' if change.breaking else 'fine      '}{change}")
    if any(change.breaking for change in found):
        print(ADVICE, file=sys.stderr)
        return 1
    KEPT.write_text(text(catalogue()), encoding="utf-8")
    return 0


ADVICE = f"""
A reader would break. Either take the change back, or raise `version` of the contract and add the upcast from the
version before; then run `{COMMAND}`. To end an event, publish it until nobody reads it, then delete its entry from
docs/api/events.json by hand."""

if __name__ == "__main__":
    sys.exit(main())
