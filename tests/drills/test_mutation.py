"""The tool that mutates: which mutants it makes, which tests it chooses, how it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.mutation.mutants import Mutant, places, sample
from drills.mutation.traces import Traces
from drills.mutation.verdicts import EQUAL, KILLED, NO_COVERAGE, SURVIVED, TIMEOUT, Report, Verdict, accepted

ROOT = Path(__file__).resolve().parents[2]


def becomes(tmp_path: Path, source: str, name: str = "tried.py") -> set[str]:
    """What a source becomes, change by change, as one line each."""
    (tmp_path / name).write_text(source)
    return {mutant.becomes for make in places(tmp_path, name) if (mutant := make())}


def mutant(file: str = "services/chassis/tried.py", *lines: int) -> Mutant:
    return Mutant(file, "opposite", lines or (1,), "", "if a:", "if not a:")


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("if a:\n    pass\n", {"if not (a):"}),
        ("publish(page)\n", {"pass", "publish(None)"}),
        ("x = a <= b\n", {"x = a < b", "x = None"}),
        ("def f():\n    return a\n", {"return None"}),
        ("raise Wrong('what people read')\n", {"pass"}),
        ("q = 'SELECT a FROM b WHERE c <= %s'\n", {"q = 'SELECT a FROM b WHERE c < %s'", "q = None"}),
        ("take(limit=3)\n", {"pass", "take()", "take(limit=None)", "take(limit=4)"}),
        ("log.warning('left out', of=1)\n", set()),
        ("def f(a: int | None) -> None:\n    '''What it does.'''\n", set()),
    ],
)
def test_what_a_line_becomes(tmp_path: Path, source: str, changed: set[str]) -> None:
    assert becomes(tmp_path, source) == changed


def test_a_file_of_sql_is_changed_too(tmp_path: Path) -> None:
    changed = becomes(tmp_path, "perform lock();\nif head <> base then\n", "tried.sql")
    assert changed == {"", "if head = base then"}


def test_a_seed_draws_the_same_mutants_again_one_of_a_line() -> None:
    once, again = (sample(ROOT, 12, 7, "gateway/http/response") for _ in range(2))
    assert once == again != sample(ROOT, 12, 8, "gateway/http/response")
    assert len({each.lines[-1] for each in once}) == len(once)


def test_tests_are_those_that_pass_the_line_with_fast_files_first() -> None:
    slow, fast, other = "tests/unit/a.py::slow", "tests/unit/b.py::fast", "tests/unit/b.py::other"
    lines = {"services/chassis/tried.py": {"1": [""], "5": [slow, fast], "6": [slow]}}
    traces = Traces({slow: 2.0, fast: 0.1, other: 0.1}, lines, [])
    assert traces.tests_for(mutant("services/chassis/tried.py", 5)) == [fast, slow]
    assert traces.tests_for(mutant("services/chassis/tried.py", 1)) == [fast, slow]  # an import may break any of them
    assert traces.tests_for(mutant("services/chassis/tried.py", 9)) == []


def test_what_is_accepted_counts_neither_way() -> None:
    became = [KILLED] * 8 + [TIMEOUT, SURVIVED, NO_COVERAGE, EQUAL]
    report = Report([Verdict(mutant(), each) for each in became])
    assert report.score == pytest.approx(100 * 9 / 11)
    assert [each.became for each in report.survivors] == [SURVIVED, NO_COVERAGE]


def test_an_accepted_survivor_is_still_a_line_of_its_file() -> None:
    for (file, was, _), reason in accepted().items():
        source = " ".join((ROOT / file).read_text().split())
        assert " ".join(was.split()) in source, f"{file}: {was}"
        assert len(reason.split()) >= 5, was
