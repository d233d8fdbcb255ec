"""One vocabulary: docs/glossary.md lists each term once, and the words that were replaced do not come back."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from tests.architecture.tree import ROOT, named, short, tracked

# Words that had a term of the field beside them; nowhere in the project, whatever the file.
RETIRED_WORDS = re.compile(
    r"\b(facts?|intents?|errands?|refold(s|ed|ing)?|unpark(s|ed|er|ing)?|holes?|stash(es)?|inlets?|storeys?)\b", re.I
)
# Names that meant several things, or were a thing's own name where the field has one.
RETIRED_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        Absorbed Answer Ask Asked AWAY Bell BrokerAway Changes Door Follower Follow Forget Heard HEARS Held Hold House
        Inlet Keep Later Life Listing Look Meant NotYet OpenCharge OpenUnit OutItem Own Owned Pace Passed Reachable
        RowBells Said Shadow ShelfItem SourceAway Standing Stash Till Told Turn Unparker Via Wake World
        absorb entrance fact facts heard hears hole intent needs pos reactions refold till unpark veil
        """,
    )
)
MAY_TELL = {"CHANGELOG.md", "tests/architecture/test_words.py"}
HISTORY = "docs/adr/"  # a decision keeps the words of its time


def test_no_retired_word_is_in_the_project() -> None:
    wrong = []
    for file in tracked():
        if short(file) in MAY_TELL or short(file).startswith(HISTORY) or file.suffix == ".lock":
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            wrong += [f"{short(file)}:{number} says {found.group()}" for found in RETIRED_WORDS.finditer(line)]
    assert not wrong


def test_no_retired_name_is_in_the_code() -> None:
    wrong = [
        f"{short(file)}:{token.start[0]} has {token.string}"
        for file in named(".py")
        if short(file) not in MAY_TELL
        for token in _names(file)
        if token.string in RETIRED_NAMES
    ]
    assert not wrong


def _names(file: Path) -> list[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    return [token for token in tokens if token.type == tokenize.NAME]


def test_the_glossary_has_each_term_once() -> None:
    terms = re.findall(r"^\| ([^|]+?) \|", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [term.strip() for cell in terms for term in cell.split(",")]
    listed = [term for term in listed if term not in ("English", "term") and not term.startswith("---")]
    assert len(listed) > 60
    assert not sorted({term for term in listed if listed.count(term) > 1})
