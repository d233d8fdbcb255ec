"""The AsyncAPI 3.0 document of the events, made from the contracts. ``python -m gateway.docs.asyncapi`` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from gateway.docs.openapi import plain, plain_json
from services.contracts.base import IntegrationEvent
from services.contracts.catalogue import contracts
from services.contracts.schemas import reader_schema

SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "contract" / "samples"
BINDING = "0.3.0"
VHOST = "nanum"
ABOUT = """The events of a public items sharing centre: everything that was published, from the first event, in order.

Messages are CloudEvents 1.0 in binary mode: the envelope is in the AMQP headers, the body is the data alone. Each event
of a service has a position (`sequence`) and names the position of the one published before it (`previous`). The same
one may come twice: ignore a position that is not above the last. One may be missing: then `previous` is above the last,
and the HTTP feed `GET /v1/events/{service}?after=` of the gateway, which is the authority, fills the gap. Another
`epoch` means another log: begin anew. Fields may be added to an event; any other change raises the number at the end of
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
        "cloudEvents_previousid": _text("The id of that event; absent in the first.", format="uuid"),
        "cloudEvents_previoustime": _text("When that event was stored; absent in the first.", format="date-time"),
        "cloudEvents_epoch": _text("Names the log that the positions belong to.", format="uuid"),
        "cloudEvents_partitionkey": _text("The stream again: events with the same key stay in order."),
        "cloudEvents_streamversion": _text("The event's number in its stream.", pattern="^[0-9]+$"),
        "cloudEvents_correlationid": _text("The same for all that followed from one request."),
        "cloudEvents_causationid": _text("The id of the event that this one followed from."),
    },
}
MAY_LACK = ("correlationid", "causationid", "previousid", "previoustime")
ENVELOPE["required"] = [name for name in ENVELOPE["properties"] if not name.endswith(MAY_LACK)]


OPERATIONS = {  # by the channel of a service
    "{}.events": ("publish", "Publish what happened in {}, with confirms, at least once and in order."),
    "{}.stream": ("retain", "Retain what {} published, to be read again from any offset."),
    "analytics.{}": ("pseudonymize", "Forward what {} published to an analyst, under pseudonyms."),
}


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
        "channels": {name: each for source in contracts().items() for name, each in _channels(*source).items()},
        "operations": {name: each for service in contracts() for name, each in _operations(service).items()},
        "components": {
            "securitySchemes": {"user": {"type": "userPassword", "description": "A user of the broker."}},
            "messages": {event.TYPE: _message(event, (examples or {}).get(event.TYPE)) for event in _published()},
            "schemas": {"Envelope": ENVELOPE, **_schemas()},
        },
    }


def _published() -> list[type[IntegrationEvent]]:
    return [event for events in contracts().values() for event in events]


def _amqp(binding: dict[str, Any]) -> dict[str, Any]:
    return {"amqp": {**binding, "bindingVersion": BINDING}}


def _queue(name: str) -> dict[str, Any]:
    queue = {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": VHOST}
    return _amqp({"is": "queue", "queue": queue})


def _channels(service: str, events: list[type[IntegrationEvent]]) -> dict[str, Any]:
    """The exchange of a service, its stream for our own readers, and the streams of the analysts."""
    source, stream, forwarded = f"{service}.events", f"{service}.stream", f"analytics.{{name}}.{service}.stream"
    exchange = {"name": source, "type": "topic", "durable": True, "autoDelete": False, "vhost": VHOST}
    messages = {event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in events}
    return {
        source: {
            "address": source,
            "description": f"The exchange that {service} publishes to. The routing key is the event's type.",
            "messages": messages,
            "bindings": _amqp({"is": "routingKey", "exchange": exchange}),
        },
        stream: {
            "address": stream,
            "description": f"A stream queue with what {service} published in the last 30 days, for our own readers.",
            "messages": messages,
            "bindings": _queue(stream),
        },
        f"analytics.{service}": {
            "address": forwarded,
            "description": f"What {service} published, with an analyst's own pseudonyms. With `--kind queue` the name "
            "ends in `.queue`, and the queue is a quorum queue.",
            "parameters": {"name": {"description": "The name given to `./nanum subscribe`."}},
            "messages": messages,
            "bindings": _queue(forwarded),
        },
    }


def _operations(service: str) -> dict[str, Any]:
    return {
        f"{name}_{service}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{channel.format(service)}"},
            "summary": summary.format(service),
            "bindings": _amqp({"deliveryMode": 2, "mandatory": True}),
        }
        for channel, (name, summary) in OPERATIONS.items()
    }


def _message(event: type[IntegrationEvent], example: Mapping[str, Any] | None) -> dict[str, Any]:
    constants = {
        "cloudEvents_type": {"const": event.TYPE},
        "cloudEvents_dataschema": {"const": f"/schemas/{event.TYPE}/{event.VERSION}"},
    }
    described: dict[str, Any] = {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": plain(event.__doc__),
        "contentType": "application/json",
        "headers": {"type": "object", "allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": constants}]},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": _amqp({"contentEncoding": "utf-8", "messageType": event.TYPE}),
    }
    if example is not None:
        described["examples"] = [{"headers": example["headers"], "payload": example["data"]}]
    return described


def _schemas() -> dict[str, Any]:
    """The contracts as JSON schemas; in AsyncAPI as in OpenAPI 3.1 these are under #/components/schemas."""
    spec = APISpec("", "", "3.1.0", plugins=[MarshmallowPlugin()])
    for event in _published():
        spec.components.schema(event.__name__, schema=reader_schema(event))
    return dict(sorted(plain_json(spec)["components"]["schemas"].items()))


def samples() -> dict[str, Any]:
    """The golden sample of each event's present version."""
    return {
        event.TYPE: json.loads((SAMPLES / f"{event.TYPE}.v{event.VERSION}.json").read_text(encoding="utf-8"))
        for event in _published()
    }


def text() -> str:
    """The document as it is kept in docs/api/asyncapi.json, with the golden samples as examples."""
    return json.dumps(document(samples()), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
