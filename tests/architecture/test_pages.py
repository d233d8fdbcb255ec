"""The pages: every link leads somewhere, and every path in backticks exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.tree import ROOT, SERVICES, named, short

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:services|gateway|deploy|tests|docs|bench)/[\w./-]*)`")
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/LIFE-OF-A-RENTAL.md",
    "docs/glossary.md",
    "docs/operations.md",
    "services/chassis/README.md",
    "services/contracts/README.md",
    "gateway/README.md",
    *(f"services/{service}/README.md" for service in SERVICES),
)


def test_every_page_is_there() -> None:
    assert not [page for page in PAGES if not (ROOT / page).is_file()]


def test_every_link_leads_somewhere() -> None:
    wrong = []
    for page in named(".md"):
        for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if not re.match(r"[a-z]+:", target) and not _resolves(page, target):
                wrong.append(f"{short(page)} -> {target}")
    assert not wrong


def _resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and (not anchor or anchor in _anchors(file))


def _anchors(page: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_path_on_a_page_exists() -> None:
    wrong = [
        f"{short(page)} names {path}"
        for page in named(".md")
        for path in PATH.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / path.rstrip(".")).exists()
    ]
    assert not wrong


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(file.name[:4]) for file in (ROOT / "docs/adr").glob("[0-9][0-9][0-9][0-9]-*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
