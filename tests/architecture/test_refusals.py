"""Every "no" has one code in the whole system, a known kind, and a sentence in Korean and in English."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from string import Formatter

import pytest

from gateway.http.problems import TABLE
from services.chassis.domain import Refused
from services.contracts import refusals
from tests.architecture.tree import short, under

HANGUL = re.compile(r"[가-힣]")
FAULT = "fault"  # of ours; the gateway has no words for it but its own


def _modules() -> Iterator[str]:
    for file in under("services", ".py"):
        if file.stem not in ("main", "__init__"):  # main patches the process that imports it
            yield short(file).removesuffix(".py").replace("/", ".")


def _all(kind: type[Refused]) -> Iterator[type[Refused]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all(each)


for module in _modules():
    import_module(module)
ALL = sorted((r for r in _all(Refused) if r.__module__.startswith("services.")), key=lambda r: r.__qualname__)


def test_every_code_is_unique() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for refusal in ALL:
        where[refusal.code()].append(refusal.__module__)
    for code in TABLE.problems:
        where[code].append("gateway/http/problems.toml")
    assert not {code: places for code, places in where.items() if len(places) > 1}


@pytest.mark.parametrize("refusal", ALL, ids=lambda r: r.code())
def test_a_refusal_speaks_both_languages(refusal: type[Refused]) -> None:
    english, korean = refusal.__doc__ or "", refusal.ko
    assert english and not HANGUL.search(english)
    assert HANGUL.search(korean)
    told = _details(english)
    counterparts = told | {f"{name}_ko" for name in told}  # a detail that is itself a sentence has one in Korean
    assert _details(korean) <= counterparts, "the Korean sentence uses a detail that the English one doesn't"


def _details(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("refusal", ALL, ids=lambda r: r.code())
def test_the_gateway_knows_its_kind(refusal: type[Refused]) -> None:
    assert refusal.kind in {*refusals.KINDS, FAULT}


def test_the_gateway_has_words_for_every_kind() -> None:
    assert set(refusals.KINDS) <= set(TABLE.kinds)


def test_refusals_are_raised_where_things_are_decided() -> None:
    """Beside the models only the chassis refuses: what no domain could have decided."""
    strangers = {r.__module__ for r in ALL if not r.__module__.endswith(".model") and ".chassis." not in r.__module__}
    assert not strangers


@pytest.mark.parametrize("code", TABLE.problems)
def test_the_gateways_own_problems_speak_both_languages(code: str) -> None:
    problem = TABLE.problems[code]
    assert HANGUL.search(problem.ko.title + problem.ko.detail)
    assert problem.en.title and problem.en.detail and not HANGUL.search(problem.en.title + problem.en.detail)
    assert _details(problem.ko.detail) == _details(problem.en.detail)
