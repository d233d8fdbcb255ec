"""The AsyncAPI 3.0 document of the events, made from the contracts. ``python -m gateway.asyncapi`` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from gateway.openapi import standard_patterns
from services.contracts.catalogue import contracts
from services.contracts.schema import Published

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "contract" / "samples"
BINDING = "0.3.0"
VHOST = "nanum"
ABOUT = """The events of a public items sharing centre: every published fact, from the first one, in order.

Messages are CloudEvents 1.0 in binary mode: the envelope is in the AMQP headers, the body is the data alone. Each event
of a service has a position (`sequence`) and names the position of the one published before it (`previous`). The same
one may come twice: ignore a position that is not above the last. One may be missing: then `previous` is above the last,
and the HTTP feed `GET /v1/events/{service}?after=` of the gateway, which is the authority, fills the hole. Another `epoch`
means another log: begin anew. Fields may be added to an event; any other change raises the number at the end of
`dataschema`.

Analysts read channels of their own, in which pseudonyms stand in the place of the residents' ids.
"""


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "The attributes of a CloudEvent, as AMQP headers.",
    "properties": {
        "cloudEvents_specversion": _text("The version of CloudEvents.", const="1.0"),
        "cloudEvents_id": _text("The event's own id; the same wherever the event is seen.", format="uuid"),
        "cloudEvents_type": _text("What happened; also the routing key."),
        "cloudEvents_source": _text("A slash and the service that says so."),
        "cloudEvents_subject": _text("The stream: the thing that the event is about."),
        "cloudEvents_time": _text("When it was stored.", format="date-time"),
        "cloudEvents_datacontenttype": _text("Of the body.", const="application/json"),
        "cloudEvents_dataschema": _text("`/schemas/`, the type, and the version of its contract."),
        "cloudEvents_sequence": _text("The event's position among all of its service.", pattern="^[0-9]{20}$"),
        "cloudEvents_previous": _text("The position of the event published before it.", pattern="^[0-9]{20}$"),
        "cloudEvents_epoch": _text("Names the log that the positions belong to.", format="uuid"),
        "cloudEvents_partitionkey": _text("The stream again: events with the same key stay in order."),
        "cloudEvents_streamversion": _text("The event's number in its stream.", pattern="^[0-9]+$"),
        "cloudEvents_correlationid": _text("The same for all that followed from one request."),
        "cloudEvents_causationid": _text("The id of the event that this one followed from."),
    },
}
ENVELOPE["required"] = [name for name in ENVELOPE["properties"] if not name.endswith(("correlationid", "causationid"))]


def document(examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document as plain JSON data; ``examples``: ``{headers, data}`` by the event's type."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Nanum events", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}",
                "pathname": f"/{VHOST}",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "RabbitMQ. `./nanum subscribe NAME` makes an analyst's user and prints the address.",
                "variables": {"host": {"default": "127.0.0.1:5672", "description": "Host and port."}},
                "security": [{"$ref": "#/components/securitySchemes/user"}],
            }
        },
        "channels": {
            name: channel for service, kinds in contracts().items() for name, channel in _channels(service, kinds)
        },
        "operations": {name: each for service in contracts() for name, each in _operations(service)},
        "components": {
            "securitySchemes": {"user": {"type": "userPassword", "description": "A user of the broker."}},
            "messages": {
                kind.type_name: _message(kind, (examples or {}).get(kind.type_name))
                for kinds in contracts().values()
                for kind in kinds
            },
            "schemas": {"Envelope": ENVELOPE, **_schemas()},
        },
    }


def _channels(service: str, kinds: list[type[Published]]) -> Iterator[tuple[str, dict[str, Any]]]:
    messages = {kind.type_name: {"$ref": f"#/components/messages/{kind.type_name}"} for kind in kinds}
    exchange = {"name": f"{service}.events", "type": "topic", "durable": True, "autoDelete": False, "vhost": VHOST}
    yield (
        f"{service}.events",
        {
            "address": f"{service}.events",
            "description": f"The exchange that {service} publishes to. The routing key is the event's type.",
            "messages": messages,
            "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDING}},
        },
    )
    yield (
        f"{service}.stream",
        {
            "address": f"{service}.stream",
            "description": f"A stream queue with what {service} published in the last 30 days, for the house.",
            "messages": messages,
            "bindings": _queue(f"{service}.stream"),
        },
    )
    mine = f"analytics.{{name}}.{service}.stream"
    yield (
        f"analytics.{service}",
        {
            "address": mine,
            "description": f"What {service} published, with an analyst's own pseudonyms. With `--kind queue` the name "
            "ends in `.queue`, and the queue is a quorum queue.",
            "parameters": {"name": {"description": "The name given to `./nanum subscribe`."}},
            "messages": messages,
            "bindings": _queue(mine),
        },
    )


def _queue(name: str) -> dict[str, Any]:
    queue = {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": VHOST}
    return {"amqp": {"is": "queue", "queue": queue, "bindingVersion": BINDING}}


def _operations(service: str) -> Iterator[tuple[str, dict[str, Any]]]:
    persistent = {"deliveryMode": 2, "mandatory": True, "bindingVersion": BINDING}
    for channel, name in (
        (f"{service}.events", "publish"),
        (f"{service}.stream", "keep"),
        (f"analytics.{service}", "veil"),
    ):
        yield (
            f"{name}_{service}",
            {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": OPERATIONS[name].format(service=service),
                "bindings": {"amqp": persistent},
            },
        )


OPERATIONS = {
    "publish": "Publish what happened in {service}, with confirms, at least once and in order.",
    "keep": "Keep what {service} published, to be read again from any offset.",
    "veil": "Forward what {service} published to an analyst, under pseudonyms.",
}


def _message(kind: type[Published], example: Mapping[str, Any] | None) -> dict[str, Any]:
    constants = {
        "cloudEvents_type": {"const": kind.type_name},
        "cloudEvents_dataschema": {"const": f"/schemas/{kind.type_name}/{kind.schema_version}"},
    }
    said = {
        "name": kind.type_name,
        "title": kind.__name__,
        "summary": " ".join((kind.__doc__ or "").split()),
        "contentType": "application/json",
        "headers": {"type": "object", "allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": constants}]},
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"amqp": {"contentEncoding": "utf-8", "messageType": kind.type_name, "bindingVersion": BINDING}},
    }
    if example is not None:
        said["examples"] = [{"headers": example["headers"], "payload": example["data"]}]
    return said


def _schemas() -> dict[str, Any]:
    """The contracts as JSON schemas; in AsyncAPI as in OpenAPI 3.1 these are under #/components/schemas."""
    spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[MarshmallowPlugin()])
    for kinds in contracts().values():
        for kind in kinds:
            spec.components.schema(kind.__name__, schema=kind)
    made: dict[str, Any] = json.loads(standard_patterns(json.dumps(spec.to_dict()["components"]["schemas"])))
    return dict(sorted(made.items()))


def samples() -> dict[str, Any]:
    """The golden sample of each event's present version."""
    return {
        kind.type_name: json.loads(
            (SAMPLES / f"{kind.type_name}.v{kind.schema_version}.json").read_text(encoding="utf-8")
        )
        for kinds in contracts().values()
        for kind in kinds
    }


def text() -> str:
    """The document as it is kept in docs/api/asyncapi.json, with the golden samples as examples."""
    return json.dumps(document(samples()), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
