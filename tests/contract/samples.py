"""Golden samples: every published event as it leaves, and every own event as it is stored, of every schema version.

``python -m tests.contract.samples`` writes those that are missing. One that is there is never written again: it stands
for what lies in logs and queues of that version.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid5

from services.chassis.foundation.codec import builtins, convert, decode, encode
from services.chassis.messaging.envelope import Message
from services.chassis.service import Service
from services.contracts.house_rules import RulesDocument
from tests.architecture.test_contracts import DEFINED
from tests.support.house_rules import house_rules

HERE = Path(__file__).parent
COMMAND = "python -m tests.contract.samples"
CENTRE = "gwangju-namgu"
EPOCH = "0f5c2d3e-8a3b-4c55-9a53-6a1b5b1d7c10"
AT = datetime.fromisoformat("2026-11-23T01:00:00+00:00")
TEXTS = {
    "centre": CENTRE,
    "barcode": "NG-C10-001",
    "barcodes": "NG-C10-001",
    "still_out": "NG-C10-002",
    "category": "C10",
    "categories": "C10",
    "code": "C10",
    "group": "camping",
    "group_code": "camping",
    "name_ko": "캠핑 의자",
    "name_en": "Camping chair",
    "hazard": "pinch",
    "manual_ko": "펴서 앉으세요.",
    "manual_en": "Unfold it, then sit.",
    "ko": "의자",
    "en": "chair",
    "maker": "kovea",
    "reference": "AS-20261123-7",
    "approval_number": "30412345",
    "channel": "email",
    "payment_method": "card_terminal",
    "method": "card_terminal",
    "condition": "damaged",
    "cause": "inexperience",
    "rule": "no_fault",
}
# Where one word means different things.
WORDS = {
    ("resident.verified", "method"): "id_card",
    ("resident.suspended", "reason"): "late",
    ("item.made_ready", "reason"): "cleaned",
    ("rental.cancelled", "reason"): "payment_declined",
    ("payment.declined", "reason"): "insufficient_funds",
    ("notice.failed", "reason"): "no_address",
    ("announcement.published", "reason"): "repaired",
    ("notice.sent", "topic"): "receipt",
    ("notice.failed", "topic"): "receipt",
    ("notice.queued", "topic"): "receipt",
    ("notice.dropped", "topic"): "due_today",
}
NUMBERS = {
    "fee_krw": 600,
    "amount_krw": 1200,
    "purchase_price_krw": 30000,
    "cost_krw": 15000,
    "nights": 2,
    "qty": 1,
    "part": 2,
    "count": 1,
}


def published() -> Iterator[tuple[Path, Service, type]]:
    """The file of each published event's present version."""
    for service in DEFINED.values():
        for event, contract in service.published.items():
            yield HERE / "samples" / f"{contract.TYPE}.v{contract.VERSION}.json", service, event  # type: ignore[attr-defined]


def stored() -> Iterator[tuple[Path, Service, type]]:
    """The file of each own event's present version."""
    for service in DEFINED.values():
        for name, event in service.events.items():
            schema: int = event.SCHEMA  # type: ignore[attr-defined]
            yield HERE / "stored" / service.name / f"{name}.v{schema}.json", service, event


def sample(event: Any) -> Any:
    """An event with plausible values, the same every time."""
    return _made(event, event.TYPE)


def message(service: Service, event: Any) -> Message:
    """The sample of an event as it leaves the service."""
    contract: Any = service.published[event]
    return Message(
        source=service.name,
        epoch=EPOCH,
        position=42,
        previous=41,
        id=str(uuid5(UUID(EPOCH), event.TYPE)),
        type=event.TYPE,
        stream=event.STREAM.format_map(vars(sample(event))),
        version=1,
        at=AT,
        data=decode(encode(convert(sample(event), contract, from_attributes=True))),
        correlation_id="6f0f2c1d4be04b6f8d0a5a0c6d1e7a11",
        causation_id=str(uuid5(UUID(EPOCH), "cause")),
        schema=contract.VERSION,
        previous_id=str(uuid5(UUID(EPOCH), "before")),
        previous_at=AT,
    )


def _made(shape: Any, event: str) -> Any:
    if shape is RulesDocument:
        return house_rules()
    hints = get_type_hints(shape)
    return shape(**{f.name: _value(hints[f.name], f.name, event) for f in fields(shape)})


def _value(hint: Any, name: str, event: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not types.NoneType)
    if get_origin(hint) is tuple:
        return (_value(get_args(hint)[0], name, event),)
    if is_dataclass(hint):
        return _made(hint, event)
    if get_origin(hint) is Literal:
        text = WORDS.get((event, name), TEXTS.get(name))
        return text if text in get_args(hint) else get_args(hint)[0]
    if hint is str:
        return _text(name, event)
    return {int: NUMBERS.get(name, 1), bool: True, date: AT.date(), datetime: AT}[hint]


def _text(name: str, event: str) -> str:
    if (event, name) in WORDS:
        return WORDS[event, name]
    if name.endswith("_id") or name in ("about", "after_rental"):
        thing = {"about": "rental_id", "after_rental": "rental_id"}.get(name, name)
        return f"{CENTRE}.{uuid5(UUID(EPOCH), thing).hex}"
    return TEXTS.get(name, name)  # a code


def write(path: Path, document: Any) -> None:
    """Write a sample unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        print(path.relative_to(HERE.parents[1]))


def main() -> None:
    """Write what is missing."""
    for path, service, event in published():
        leaving = message(service, event)
        write(path, {"headers": leaving.headers(), "data": leaving.data})
    for path, _, event in stored():
        write(path, builtins(sample(event)))


if __name__ == "__main__":
    main()
