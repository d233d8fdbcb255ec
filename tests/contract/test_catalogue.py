"""The catalogue of events is kept in docs/api/events.json, and no reader breaks without a new schema version."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from services.contracts import catalogue
from services.contracts.base import PERSONS
from services.contracts.catalogue import ADVICE, COMMAND, changes
from tests.architecture.test_contracts import DEFINED

# Every id in an event names a person, whom analysts see by pseudonym alone, or one of these.
THINGS = {"rental_id", "payment_id", "repair_id", "notice_id", "announcement_id"}


def test_no_reader_breaks_without_a_new_version() -> None:
    broken = [str(change) for change in changes(kept(), catalogue.catalogue()) if change.breaking]
    assert not broken, "\n".join([*broken, ADVICE])


def test_the_kept_catalogue_is_fresh() -> None:
    found = [str(change) for change in changes(kept(), catalogue.catalogue())]
    assert catalogue.KEPT.read_text(encoding="utf-8") == catalogue.text(catalogue.catalogue()), "\n".join(
        [*found, f"the catalogue of events changed; run: {COMMAND}"]
    )


def test_it_lists_what_the_services_publish() -> None:
    published = {(event.TYPE, service.name) for service in DEFINED.values() for event in service.published}  # type: ignore[attr-defined]
    assert {(name, event["service"]) for name, event in catalogue.catalogue().items()} == published


def test_every_raised_version_can_be_lifted_to() -> None:
    for events in catalogue.contracts().values():
        for event in events:
            assert set(event.UPCASTS) == set(range(1, event.VERSION)), event.__name__
    for service in DEFINED.values():
        steps = {(name, n) for name, event in service.events.items() for n in range(1, event.SCHEMA)}  # type: ignore[attr-defined]
        assert set(service.upcasts) == steps, service.name


def test_every_id_is_known_to_be_of_a_person_or_of_a_thing() -> None:
    named = {name for name in _names(catalogue.catalogue()) if name.endswith("_id")}
    assert named <= PERSONS | THINGS


def test_a_stream_named_after_a_person_is_of_an_event_that_names_them() -> None:
    """So that the stream's name can be given with the pseudonym too."""
    for service in DEFINED.values():
        for event, contract in service.published.items():
            named = {field.name for field in fields(contract)}
            for person in PERSONS:
                stream: str = event.STREAM  # type: ignore[attr-defined]
                assert f"{{{person}}}" not in stream or person in named, event.__name__


OLD = {
    "toy.sold": {
        "service": "shop",
        "version": 1,
        "fields": {
            "toy_id": {"type": "string", "required": True, "nullable": False},
            "colour": {"type": "string", "required": True, "nullable": True, "values": ["blue", "red"]},
            "parts": {
                "type": "list",
                "required": True,
                "nullable": False,
                "of": {
                    "type": "object",
                    "fields": {"name": {"type": "string", "required": True, "nullable": False}},
                },
            },
        },
    }
}
Edit = Callable[[dict[str, Any]], Any]


def optional(kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "required": False, "nullable": True}


FINE: dict[str, Edit] = {
    "note is new": lambda f: f.update(note=optional()),
    "colour may be green now": lambda f: f["colour"]["values"].append("green"),
    "colour may have any value now": lambda f: f["colour"].pop("values"),
    "parts[].weight is new": lambda f: f["parts"]["of"]["fields"].update(weight=optional("integer")),
}
BREAKING: dict[str, Edit] = {
    "colour is gone": lambda f: f.pop("colour"),
    "note is new and required": lambda f: f.update(note={**optional(), "required": True}),
    "toy_id is of type integer, was string": lambda f: f["toy_id"].update(type="integer"),
    "toy_id is optional now": lambda f: f["toy_id"].update(required=False),
    "toy_id may be null now": lambda f: f["toy_id"].update(nullable=True),
    "colour may be null no more": lambda f: f["colour"].update(nullable=False),
    "colour may not be red any more": lambda f: f["colour"]["values"].remove("red"),
    "toy_id may have only bear now": lambda f: f["toy_id"].update(values=["bear"]),
    "parts[].name is gone": lambda f: f["parts"]["of"]["fields"].pop("name"),
    "parts[] is of type string, was object": lambda f: f["parts"].update(of={"type": "string"}),
}


@pytest.mark.parametrize(("what", "edit"), [*FINE.items(), *BREAKING.items()])
def test_what_a_change_means(what: str, edit: Edit) -> None:
    new = edited(edit)
    assert [(c.what, c.breaking) for c in changes(OLD, new)] == [(what, what in BREAKING)]
    new["toy.sold"]["version"] = 2
    raised = changes(OLD, new)
    assert {c.what for c in raised} == {what, "has version 2, had 1"}
    assert not any(c.breaking for c in raised)


def test_a_renamed_field_is_gone_and_new() -> None:
    new = edited(lambda f: f.update(id=f.pop("toy_id")))
    assert [c.what for c in changes(OLD, new) if c.breaking] == ["id is new and required", "toy_id is gone"]


def test_events_come_but_do_not_go() -> None:
    more = {**OLD, "toy.lost": {**OLD["toy.sold"]}}
    assert [(str(c), c.breaking) for c in changes(OLD, more)] == [("toy.lost: is new", False)]
    assert [(str(c), c.breaking) for c in changes(more, OLD)] == [("toy.lost: is published no more", True)]


def test_a_version_does_not_sink_and_an_event_does_not_move() -> None:
    newer = {"toy.sold": {**OLD["toy.sold"], "version": 2}}
    assert [(c.what, c.breaking) for c in changes(newer, OLD)] == [("has version 1, had 2", True)]
    moved = {"toy.sold": {**OLD["toy.sold"], "service": "stall"}}
    assert [(c.what, c.breaking) for c in changes(OLD, moved)] == [("is published by stall, was by shop", True)]


def test_nothing_changed_is_no_change() -> None:
    assert changes(OLD, copy.deepcopy(OLD)) == []


def test_the_command_writes_what_is_fine_and_refuses_what_breaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_file = tmp_path / "events.json"
    monkeypatch.setattr(catalogue, "KEPT", kept_file)
    assert catalogue.main() == 0
    written = kept_file.read_text(encoding="utf-8")
    assert written == catalogue.text(catalogue.catalogue())
    older = json.loads(written)
    older["rental.started"]["fields"]["deposit_krw"] = {"type": "integer", "required": True, "nullable": False}
    kept_file.write_text(json.dumps(older), encoding="utf-8")
    assert catalogue.main() == 1
    assert json.loads(kept_file.read_text(encoding="utf-8")) == older
    assert "BREAKING  rental.started: deposit_krw is gone" in capsys.readouterr().out


def kept() -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(catalogue.KEPT.read_text(encoding="utf-8"))
    return listed


def edited(edit: Edit) -> dict[str, Any]:
    new: dict[str, Any] = copy.deepcopy(OLD)
    edit(new["toy.sold"]["fields"])
    return new


def _names(inside: Any) -> set[str]:
    if not isinstance(inside, dict):
        return set()
    return set(inside) | {name for each in inside.values() for name in _names(each)}
