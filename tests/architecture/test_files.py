"""What no file of the project may hold, and what the lock files must."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT, short, tracked

# Put together here, so that this file does not hold them itself.
FOREIGN = re.compile(
    "|".join(
        re.escape("".join(parts))
        for parts in (
            ("/wo", "rk/"),
            ("/op", "t/"),
            ("/ro", "ot/"),
            ("/ho", "me/"),
            ("py", "pi.org"),
            ("python", "hosted.org"),
            ("registry.", "npmjs"),
            ("proxy.", "golang.org"),
        )
    )
)
# Frozen code at our doors, or an interface that we stand on with our whole weight: a newer one is a decision.
EXACT = {"nameko": "==3.0.0rc11", "psycopg": "==3.3.*", "marshmallow": "==4.*", "falcon": "==4.*"}
BOUNDED = ("kombu", "amqp", "eventlet", "werkzeug")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")


def test_no_file_names_a_machine_or_a_registry() -> None:
    wrong = []
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{short(file)}: {found.group()}" for found in FOREIGN.finditer(text)]
    assert not wrong


def project() -> list[Requirement]:
    """What pyproject.toml asks for."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in (*document["dependencies"], *document["optional-dependencies"]["dev"])]


def pins(lock: Path) -> dict[str, str]:
    """Name to version of everything that a lock file installs."""
    found = (PIN.match(line) for line in lock.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def test_what_we_stand_on_is_pinned() -> None:
    asked = {canonicalize_name(each.name): each.specifier for each in project()}
    assert {name: str(asked[name]) for name in EXACT} == EXACT
    for name in BOUNDED:
        assert any(bound.operator == "<" for bound in asked[name]), f"{name} has no upper bound"


def test_the_locks_hold_what_the_project_asks_for() -> None:
    held = pins(ROOT / "requirements-dev.lock")
    for each in project():
        version = held.get(canonicalize_name(each.name))
        assert version is not None, f"{each.name} is not in requirements-dev.lock"
        assert each.specifier.contains(version, prereleases=True), f"{each.name} {version} is not {each.specifier}"


def test_the_locks_agree_and_are_hashed() -> None:
    run, development = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements-dev.lock")
    assert run.items() <= development.items()
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
        assert not [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]
