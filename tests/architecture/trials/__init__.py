"""Worked examples of the recipes in CONTRIBUTING.md: what a page here says is written to a copy of the project.

A page has a section ``## 3. services/inventory/repairs/model.py`` for each file, with the number of the recipe's step.
In a section each fence follows a line that says where its text goes: ``The whole file:``, ``To the imports:``,
``At the end:``, ``After `text`:`` (one more in a list), ``After the line with `text`:`` or ``Before the line with
`text`:``. The commands of a section ``## 10. Run`` are run in the copy.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT, short, tracked

HERE = Path(__file__).parent
RUN = "Run"
PYTHON = ".venv/bin/python"
SECTION = re.compile(r"^## (\d+)\. (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^([A-Z][^\n]*):\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
WHERE = re.compile(r"(After|Before) (the line with )?`(.+)`")
IMPORT = re.compile(r"^(from|import) (?!__future__)", re.MULTILINE)
ITEM = re.compile(r"^(\d+)\. (.*?)(?=^\d+\. |^\S|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Edit:
    """A step's text for one file, or its commands, one a line (``path`` is then ``Run``)."""

    step: int
    path: str
    where: str
    text: str

    def carry_out(self, root: Path, env: Mapping[str, str]) -> None:
        """Do it in the project at ``root``. Raises AssertionError when it can't be done as it is said."""
        if self.path == RUN:
            for line in self.text.splitlines():
                run(shlex.split(line), root, env)
            return
        file = root / self.path
        assert file.exists() != (self.where == "The whole file"), f"step {self.step}: {self.path}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._text(file.read_text(encoding="utf-8") if file.exists() else ""), encoding="utf-8")

    def _text(self, old: str) -> str:
        if self.where in ("The whole file", "At the end"):
            return f"{old}\n\n{self.text}" if old else self.text
        if self.where == "To the imports":
            at = next(found.start() for found in IMPORT.finditer(old))
            return old[:at] + self.text + old[at:]
        said = WHERE.fullmatch(self.where)
        assert said and old.count(said[3]) == 1, f"step {self.step}: {self.path} has not once: {self.where}"
        end = old.index(said[3]) + len(said[3])
        if not said[2]:
            return f"{old[:end]}{self.text.strip()}, {old[end:]}"
        at = old.rfind("\n", 0, end) + 1 if said[1] == "Before" else old.index("\n", end) + 1
        gap = "\n\n" if said[1] == "Before" and self.text[0].strip() else ""
        return old[:at] + self.text + gap + old[at:]


def example(recipe: str) -> list[Edit]:
    """The edits of a recipe's page, in order: ``Add a command`` is in ``add_a_command.md``."""
    page = (HERE / f"{recipe.lower().replace(' ', '_')}.md").read_text(encoding="utf-8")
    return [
        Edit(int(number), path, where, text)
        for number, path, body in SECTION.findall(page)
        for where, text in FENCE.findall(body)
    ]


def steps(recipe: str) -> dict[int, str]:
    """What CONTRIBUTING.md says in each step of a recipe."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, after = page.partition(f"\n## {recipe}\n")
    return {int(number): text for number, text in ITEM.findall(after.partition("\n## ")[0])}


def files_named(step: str) -> Iterator[re.Pattern[str]]:
    """What the names of files in a step stand for; one without a folder is in the capability's own."""
    for name in re.findall(r"`([^`\s]+\.(?:py|sql|md))`", step):
        pattern = re.sub(r"<\w+>", r"\\w+", name.replace(".", r"\."))
        yield re.compile(pattern if "/" in name else rf"services/\w+/\w+/{pattern}")


def copy(root: Path) -> None:
    """A copy of the project, without what git does not track."""
    for file in tracked():
        there = root / short(file)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)


def run(command: list[str], root: Path, env: Mapping[str, str]) -> None:
    """Run a command in the copy with the Python of this run. Raises AssertionError with what it printed."""
    argv = [sys.executable if word == PYTHON else word for word in command]
    done = subprocess.run(argv, cwd=root, env=dict(env), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
